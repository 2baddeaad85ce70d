"""The time contract of the chunks, and what becomes of bad input."""

import http.server
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import timecode
from touchline.core import problems, schema
from touchline.core.problems import InputError
from touchline.video import cutter
from touchline.video.chunks import chunk_half
from touchline.video.frame_reader import read_frames
from touchline.video.grid import Box, ChunkSettings, plan_chunks
from video_cases import CASES, NAMES

WORKFLOW = Path(cutter.__file__).parent.parent
GROUPS = {"g": "25", "sc_threshold": "0"}  # a key frame each second, and nowhere else


def cut(path, folder, **settings):
    """Cut a video as half 2 of match m; return (manifest's path, table, problems)."""
    manifest = folder / "2.parquet"
    found = chunk_half(
        path,
        "m",
        2,
        folder / "2",
        manifest,
        ChunkSettings(**{"length_s": 4.0, "height": 90} | settings),
    )
    assert schema.read_problems(manifest) == found
    return manifest, schema.read(manifest, schema.CHUNKS), found


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", *map(str, arguments)], check=True)


def packets(path, start_s, end_s):
    """Return (position, size) in the file of the packets between two times of the picture."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        found = [p for p in file.demux(stream) if p.pts is not None]
        first = min(p.pts for p in found)
        inside = [p for p in found if start_s <= (p.pts - first) * p.time_base < end_s]
        return [(p.pos, p.size) for p in inside]


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """20 s at 25 frames/s with a key frame each second."""
    path = tmp_path_factory.mktemp("video") / "minute.mkv"
    return timecode.make(path, timecode.steady(25, 20), options=GROUPS, grain=40)


@pytest.fixture(scope="module")
def errors():
    """The largest |time of a frame - time of the source frame that it shows|, in source frames."""
    largest = {}
    yield largest
    worst = max(largest, key=largest.get)
    print(f"\nlargest time error: {largest[worst]:.3f} source frames ({worst})")
    assert largest[worst] <= 1


@pytest.mark.parametrize("case", CASES)
def test_every_frame_shows_what_is_on_screen_at_its_time(tmp_path, errors, case):
    name, times, how, settings = CASES[case]
    _, table, found = cut(
        timecode.make(tmp_path / name, times, **how), tmp_path / "out", **settings
    )
    assert found == []
    fps, length_s = settings.get("fps", 1.0), settings.get("length_s", 4.0)
    assert table["start_s"].to_list() == pytest.approx(
        [i * (length_s - settings.get("overlap_s", 0)) for i in range(len(table))]
    )
    seconds = np.array([float(t) for t in times])
    frame_lengths = np.append(np.diff(seconds), seconds[1])
    for row in table.iter_rows(named=True):
        pictures, file_s = read_frames(tmp_path / "out" / row["file"], sha256=row["sha256"])
        wanted_s = row["start_s"] + np.arange(len(pictures)) / fps
        assert len(pictures) == np.ceil(round((row["end_s"] - row["start_s"]) * fps, 3))
        assert row["start_s"] + file_s == pytest.approx(wanted_s, abs=0.0006)
        shown = np.array([timecode.read_index(picture) for picture in pictures])
        assert shown.tolist() == (np.searchsorted(seconds, wanted_s + 1e-6, "right") - 1).tolist()
        assert row["frame_s"] == pytest.approx(seconds[shown], abs=0.0011)
        error = np.abs(wanted_s - seconds[shown]) / frame_lengths[shown]
        errors[case] = max(errors.get(case, 0), error.max())


def test_the_last_partial_chunk_is_kept_and_a_short_half_is_one_chunk(minute, tmp_path):
    _, table, _ = cut(minute, tmp_path, length_s=8.0)
    assert table["end_s"].to_list() == [8.0, 16.0, 20.0]
    assert table["frame_s"].list.len().to_list() == [8, 8, 4]
    _, table, _ = cut(minute, tmp_path, length_s=60.0)
    assert table.select("chunk", "start_s", "end_s").rows() == [(0, 0.0, 20.0)]


def test_a_second_run_writes_the_same_bytes(minute, tmp_path):
    box = Box(0, 0, 64, 30)
    for folder in ("one", "two"):
        cut(minute, tmp_path / folder, score_bug=box, overlap_s=1.0)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    cut(minute, tmp_path / "one", score_bug=box, overlap_s=1.0)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_the_score_bug_is_cut_at_the_size_of_the_source(minute, tmp_path):
    # One square of the code: bit 1 is black and white for two frames in turn.
    _, table, _ = cut(minute, tmp_path, fps=5.0, score_bug=Box(33, 1, 29, 27))
    for row in table.iter_rows(named=True):
        pictures, times_s = read_frames(tmp_path / row["bug_file"], sha256=row["bug_sha256"])
        assert pictures.shape[1:] == (26, 28, 3)
        assert times_s == pytest.approx(np.arange(20) / 5, abs=0.0006)
        index = np.round(np.array(row["frame_s"]) * 25).astype(int)
        assert (pictures.mean(axis=(1, 2, 3)) > 128).tolist() == (index >> 1 & 1 == 1).tolist()


def test_pixels_come_out_square_at_the_height_asked_for(tmp_path):
    path = tmp_path / "a.mkv"
    source = "color=red:s=352x288:r=25:d=2,setsar=16/11"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", path)
    _, table, _ = cut(path, tmp_path / "out", height=144)
    pictures, _ = read_frames(tmp_path / "out" / table["file"][0])
    assert pictures.shape[1:3] == (144, 256)


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
def test_colours_are_those_of_the_source(tmp_path, matrix):
    path = tmp_path / "a.mkv"
    colours = ("-vf", f"scale=out_color_matrix={matrix}", "-colorspace", matrix)
    source = ("-f", "lavfi", "-i", "color=0xC81E28:s=160x90:r=25:d=2")
    ffmpeg(*source, *colours, "-pix_fmt", "yuv420p", path)
    expected = read_frames(path)[0][0, 20, 20].astype(int)
    _, table, _ = cut(path, tmp_path / "out", score_bug=Box(0, 0, 40, 40))
    for column in ("file", "bug_file"):
        pictures, _ = read_frames(tmp_path / "out" / table[column][0])
        assert np.abs(pictures[0, 20, 20] - expected).max() <= 3


def test_a_picture_that_changes_its_size_keeps_its_times(tmp_path):
    parts = [
        timecode.make(tmp_path / "a.ts", timecode.steady(25, 4)),
        timecode.make(tmp_path / "b.ts", timecode.steady(25, 4), start_s=4, size=(320, 180)),
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    _, table, found = cut(path, tmp_path / "out", length_s=8.0)
    assert found == []
    pictures, _ = read_frames(tmp_path / "out" / table["file"][0])
    shown = [timecode.read_index(picture) for picture in pictures]
    assert shown == [0, 25, 50, 75, 0, 25, 50, 75]


def first_and_last_shown(table, folder):
    """Return the index of the source frame that the half's first and last frame show."""
    first, _ = read_frames(folder / table["file"][0])
    last, _ = read_frames(folder / table["file"][-1])
    return timecode.read_index(first[0]), timecode.read_index(last[-1])


def test_a_stream_that_starts_between_key_frames_starts_at_its_first_picture(minute, tmp_path):
    whole, path = tmp_path / "whole.ts", tmp_path / "a.ts"
    ffmpeg("-i", minute, "-c", "copy", whole)
    (position, _), *_ = packets(whole, 2.4, 3)
    path.write_bytes(whole.read_bytes()[position:])
    _, table, found = cut(path, tmp_path / "out")
    assert found == []
    assert table["end_s"][-1] == 17.0
    assert first_and_last_shown(table, tmp_path / "out") == (75, 475)


def test_an_edit_list_that_starts_between_key_frames_is_followed(minute, tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg("-ss", 2.4, "-i", minute, "-c", "copy", path)
    _, table, found = cut(path, tmp_path / "out")
    assert found == []
    assert table["end_s"][-1] == pytest.approx(17.6, abs=0.05)
    assert first_and_last_shown(table, tmp_path / "out") == (60, 485)


def test_sound_that_starts_first_does_not_move_the_picture(tmp_path, minute):
    path = tmp_path / "a.mkv"
    sound = ("-f", "lavfi", "-i", "sine=d=24")
    ffmpeg(*sound, "-itsoffset", 1.3, "-i", minute, "-map", 0, "-map", 1, "-c:v", "copy", path)
    _, table, _ = cut(path, tmp_path / "out")
    pictures, _ = read_frames(tmp_path / "out" / table["file"][0])
    assert [timecode.read_index(picture) for picture in pictures] == [0, 25, 50, 75]
    assert table["end_s"][-1] == 20.0


@settings(deadline=None)
@given(
    duration_s=st.integers(1, 400).map(lambda n: n / 4),
    length_s=st.integers(1, 80).map(lambda n: n / 4),
    overlap=st.integers(0, 9),
    fps=st.sampled_from([0.2, 1.0, 2.5, 12.5, 25.0]),
)
def test_a_plan_has_every_frame_of_every_chunk(duration_s, length_s, overlap, fps):
    how = ChunkSettings(length_s, length_s * overlap / 10, fps)
    planned = plan_chunks(duration_s, how)
    assert planned[-1].end_s == duration_s
    for i, chunk in enumerate(planned):
        frame_s = np.array([float(tick / how.rate) for tick in chunk.ticks])
        assert frame_s == pytest.approx(chunk.start_s + np.arange(len(frame_s)) / fps)
        assert frame_s[-1] < chunk.end_s <= frame_s[-1] + 1 / fps + 1e-9
        if i < len(planned) - 1:
            assert len(frame_s) == np.ceil(round(length_s * fps, 6))
        assert i in how.chunks_around(chunk.ticks[0], len(planned))
        assert i in how.chunks_around(chunk.ticks[-1], len(planned))


# ------------------------------------------------------------------ bad input


def assert_set_aside(path, folder, words):
    manifest, table, (problem,) = cut(path, folder)
    assert len(table) == 0
    assert schema.is_set_aside(manifest)
    assert words in problem.problem
    assert problem.file == str(path)
    assert (problem.match, problem.half, problem.stage) == ("m", 2, "chunks")
    assert list((folder / "2").iterdir()) == []
    with pytest.raises(InputError, match=words):
        chunk_half(path, "m", 2, folder / "2", manifest, ChunkSettings(), stop_on_problem=True)


@pytest.mark.parametrize(
    "content", [b"", b"not a video " * 1000, b"#EXTM3U\n#EXT-X-ENDLIST\n", os.urandom(5000)]
)
def test_what_is_no_video_sets_the_match_aside(tmp_path, content):
    path = tmp_path / "a.mkv"
    path.write_bytes(content)
    assert_set_aside(path, tmp_path / "out", "not a video")


def test_a_missing_file_sets_the_match_aside(tmp_path):
    assert_set_aside(tmp_path / "a.mkv", tmp_path / "out", "no such file")


def test_sound_without_a_picture_sets_the_match_aside(tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", path)
    assert_set_aside(path, tmp_path / "out", "no video stream")


def test_sizes_and_durations_beyond_the_limits_set_the_match_aside(minute, tmp_path, monkeypatch):
    monkeypatch.setattr(cutter, "MAX_DURATION_S", 19)
    assert_set_aside(minute, tmp_path / "long", "the limit is")
    monkeypatch.setattr(cutter, "MAX_BYTES", 1000)
    assert_set_aside(minute, tmp_path / "big", "the limit is 0 GB")
    monkeypatch.setattr(cutter, "MAX_BYTES", 10**9)
    monkeypatch.setattr(cutter, "MAX_DURATION_S", 10**9)
    monkeypatch.setattr(cutter, "MAX_PIXELS", 1000)
    assert_set_aside(minute, tmp_path / "wide", "beyond the limit")


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_truncated_video_keeps_the_chunks_before_the_break(minute, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    ffmpeg("-i", minute, "-c", "copy", "-movflags", "faststart", path)
    _, undamaged, _ = cut(path, tmp_path / "before")
    (position, size), *_ = packets(path, 14, 15)
    path.write_bytes(path.read_bytes()[: position + size // 2])
    manifest, table, (problem,) = cut(path, tmp_path / "after")
    before = table.filter(table["file"].is_not_null())
    assert len(before) == 3
    assert before.rows() == undamaged[:3].rows()
    assert len(table) == 4
    assert "breaks off at 1" in problem.problem
    assert problem.effect == problems.CHUNK_SET_ASIDE
    assert not schema.is_set_aside(manifest)
    assert not (tmp_path / "after/2/003.mkv").exists()


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_decoder_error_sets_its_chunk_aside_and_no_other(minute, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    ffmpeg("-i", minute, "-c", "copy", path)
    content = bytearray(path.read_bytes())
    for position, size in packets(path, 9.4, 9.6):
        content[position + 200 : position + size - 200] = random.Random(0).randbytes(size - 400)
    path.write_bytes(content)
    _, table, found = cut(path, tmp_path / "out", score_bug=Box(0, 0, 32, 30))
    assert table["file"].to_list() == ["2/000.mkv", "2/001.mkv", None, "2/003.mkv", "2/004.mkv"]
    assert table["bug_file"].is_null().to_list() == table["file"].is_null().to_list()
    assert len(table["frame_s"][2]) == 0
    assert [problem.effect for problem in found] == [problems.CHUNK_SET_ASIDE]
    assert "chunk 2: its pictures from 9." in found[0].problem
    assert sorted(p.name for p in (tmp_path / "out/2").iterdir() if "bug" not in p.name) == [
        "000.mkv", "001.mkv", "003.mkv", "004.mkv",
    ]  # fmt: skip


def test_a_picture_that_never_comes_sets_its_chunk_aside(minute, tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg("-i", minute, "-c", "copy", path)
    content = bytearray(path.read_bytes())
    # The last packet of a group of pictures: nothing is built on it.
    (position, _), *_ = sorted(packets(path, 9.5, 10))[-1:]
    content[position : position + 4] = b"\xff" * 4  # longer than the file
    path.write_bytes(content)
    _, table, (problem,) = cut(path, tmp_path / "out")
    assert table["file"].is_null().to_list() == [False, False, True, False, False]
    assert problem.effect == problems.CHUNK_SET_ASIDE


def test_time_stamps_that_jump_back_set_the_rest_aside(tmp_path):
    part = timecode.make(tmp_path / "a.ts", timecode.steady(25, 6)).read_bytes()
    path = tmp_path / "twice.ts"
    path.write_bytes(part + part)
    _, table, found = cut(path, tmp_path / "out")
    assert table["file"].to_list() == ["2/000.mkv", None]
    assert "jump back" in found[0].problem


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_the_name_of_a_local_file(minute, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(minute, path)
    folder = Path("out", name.strip("."))
    _, table, found = cut(path, folder)
    assert found == []
    assert len(table) == 5
    assert len(read_frames(folder / table["file"][0])[0]) == 4


def test_nothing_is_fetched_from_the_network(tmp_path):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.mkv"
        playlist, concatenation = tmp_path / "a.m3u8", tmp_path / "a.ffconcat"
        playlist.write_text(f"#EXTM3U\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n")
        concatenation.write_text(f"ffconcat version 1.0\nfile {url}\n")
        for path in (url, playlist, concatenation, f"concat:{url}"):
            assert len(cut(Path(path), tmp_path / "out")[1]) == 0
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"length_s": 5.0, "overlap_s": 5.0}, "cannot overlap"),
        ({"length_s": 0.0}, "cannot overlap"),
        ({"fps": 0.0}, "frames/s"),
        ({"fps": 7.0, "length_s": 0.001}, "finer than"),
        ({"height": 225}, "even number"),
        ({"score_bug": Box(-1, 0, 10, 10)}, "score_bug"),
        ({"length_s": float("nan")}, "cannot overlap"),
        ({"fps": float("inf")}, "frames/s"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        ChunkSettings(**settings)


def test_a_score_bug_beyond_the_picture_sets_the_match_aside(minute, tmp_path):
    _, table, (problem,) = cut(minute, tmp_path, score_bug=Box(100, 0, 61, 20))
    assert len(table) == 0
    assert "reaches beyond its 160x90 picture" in problem.problem


# ------------------------------------------------------------------ the command, cut short


def command(path, folder, *more):
    return [
        *(
            sys.executable,
            "-m",
            "touchline",
            "chunks",
            f"--video={path}",
            "--match=m",
            "--half=1",
        ),
        *(f"--folder={folder}/1", f"--manifest={folder}/1.parquet", *more),
    ]


def run(arguments, **kwargs):
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, **kwargs)


def test_the_command_writes_chunks_and_manifest(minute, tmp_path):
    done = run(command(minute, tmp_path, "--length-s=10", '--score-bug={"x":0,"y":0,"w":9,"h":9}'))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    table = schema.read(tmp_path / "1.parquet", schema.CHUNKS)
    assert table["file"].to_list() == ["1/000.mkv", "1/001.mkv"]
    assert table["bug_file"].to_list() == ["1/000.bug.mkv", "1/001.bug.mkv"]
    done = run(command(tmp_path / "no.mkv", tmp_path, "--on-problem=stop"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: m, half 1: ")
    assert not (tmp_path / "1.parquet").exists()


@pytest.mark.parametrize("missing", [1, 500, 20_000])
def test_a_full_disk_leaves_no_part_of_a_chunk(minute, tmp_path, missing):
    arguments = ("--length-s=20", "--fps=5")
    assert run(command(minute, tmp_path / "all", *arguments)).returncode == 0
    whole = tree(tmp_path / "all")
    limit = len(whole["1/000.mkv"]) - missing
    done = run(
        command(minute, tmp_path / "full", *arguments),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 2
    assert "do not fit on the disk" in done.stderr
    assert tree(tmp_path / "full") == {}


def test_sigkill_leaves_whole_chunks_only_and_the_next_run_cleans_up(tmp_path):
    video = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 30), size=(320, 180))
    more = ("--length-s=1", "--fps=25", "--height=360")
    killed, clean = tmp_path / "killed", tmp_path / "clean"
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    process = subprocess.Popen(command(video, killed, *more), env=environment)
    while not (killed / "1/002.mkv").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "1.parquet").exists()
    assert run(command(video, clean, *more)).returncode == 0
    whole = tree(clean / "1")
    left = tree(killed / "1")
    assert 3 <= sum(name in whole for name in left) < len(whole)
    assert all(content == whole[name] for name, content in left.items() if name in whole)
    assert run(command(video, killed, *more)).returncode == 0
    assert tree(killed) == tree(clean)

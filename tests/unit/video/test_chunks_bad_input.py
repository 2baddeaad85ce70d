"""Damaged, unusable and hostile videos: which chunks, or matches, are set aside."""

import http.server
import os
import random
import shutil
import threading
from pathlib import Path

import pytest

import timecode
from chunk_cutting import cut, ffmpeg, packets
from touchline.core import problems, schema
from touchline.core.problems import InputError
from touchline.video import cutter, frame_reader
from touchline.video.chunks import chunk_half
from touchline.video.frame_reader import read_frames
from touchline.video.grid import Box, ChunkSettings
from video_cases import NAMES


def assert_set_aside(path, folder, message):
    manifest, table, (problem,) = cut(path, folder)
    assert len(table) == 0
    assert schema.is_set_aside(manifest)
    assert message in problem.problem
    assert problem.file == str(path)
    assert (problem.match, problem.half, problem.stage) == ("m", 2, "chunks")
    assert list((folder / "2").iterdir()) == []
    with pytest.raises(InputError, match=message):
        chunk_half(path, "m", 2, folder / "2", manifest, ChunkSettings(), stop_on_problem=True)


@pytest.mark.parametrize(
    "content", [b"", b"not a video " * 1000, b"#EXTM3U\n#EXT-X-ENDLIST\n", os.urandom(5000)]
)
def test_a_file_that_is_not_a_video_sets_the_match_aside(tmp_path, content):
    path = tmp_path / "a.mkv"
    path.write_bytes(content)
    assert_set_aside(path, tmp_path / "out", "not a video")


def test_a_missing_file_sets_the_match_aside(tmp_path):
    assert_set_aside(tmp_path / "a.mkv", tmp_path / "out", "no such file")


def test_sound_without_a_picture_sets_the_match_aside(tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", path)
    assert_set_aside(path, tmp_path / "out", "no video stream")


def test_sizes_and_durations_beyond_the_limits_set_the_match_aside(
    steady_video, tmp_path, monkeypatch
):
    monkeypatch.setattr(frame_reader, "MAX_HALF_S", 19)
    assert_set_aside(steady_video, tmp_path / "long", "the limit is")
    monkeypatch.setattr(cutter, "MAX_BYTES", 1000)
    assert_set_aside(steady_video, tmp_path / "big", "the limit is 0 GB")
    monkeypatch.setattr(cutter, "MAX_BYTES", 10**9)
    monkeypatch.setattr(frame_reader, "MAX_HALF_S", 10**9)
    monkeypatch.setattr(cutter, "MAX_PIXELS", 1000)
    assert_set_aside(steady_video, tmp_path / "wide", "beyond the limit")


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_truncated_video_keeps_the_chunks_before_the_break(steady_video, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    ffmpeg("-i", steady_video, "-c", "copy", "-movflags", "faststart", path)
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
def test_a_decoder_error_sets_its_chunk_aside_and_no_other(steady_video, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    ffmpeg("-i", steady_video, "-c", "copy", path)
    content = bytearray(path.read_bytes())
    for position, size in packets(path, 9.4, 9.6):
        content[position + 200 : position + size - 200] = random.Random(0).randbytes(size - 400)
    path.write_bytes(content)
    _, table, listed = cut(path, tmp_path / "out", score_bug=Box(0, 0, 32, 30))
    assert table["file"].to_list() == ["2/000.mkv", "2/001.mkv", None, "2/003.mkv", "2/004.mkv"]
    assert table["bug_file"].is_null().to_list() == table["file"].is_null().to_list()
    assert len(table["frame_s"][2]) == 0
    assert [problem.effect for problem in listed] == [problems.CHUNK_SET_ASIDE]
    assert "chunk 2: its pictures from 9." in listed[0].problem
    assert sorted(p.name for p in (tmp_path / "out/2").iterdir() if "bug" not in p.name) == [
        "000.mkv", "001.mkv", "003.mkv", "004.mkv",
    ]  # fmt: skip


def test_a_missing_picture_sets_its_chunk_aside(steady_video, tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg("-i", steady_video, "-c", "copy", path)
    content = bytearray(path.read_bytes())
    # The last packet of a group of pictures: no other picture is predicted from it.
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
    _, table, listed = cut(path, tmp_path / "out")
    assert table["file"].to_list() == ["2/000.mkv", None]
    assert "jump back" in listed[0].problem


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_the_name_of_a_local_file(steady_video, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(steady_video, path)
    folder = Path("out", name.strip("."))
    _, table, listed = cut(path, folder)
    assert listed == []
    assert len(table) == 5
    assert len(read_frames(folder / table["file"][0])[0]) == 4


def test_nothing_is_fetched_from_the_network(tmp_path):
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
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
    assert requests == []


def test_a_score_bug_beyond_the_picture_sets_the_match_aside(steady_video, tmp_path):
    _, table, (problem,) = cut(steady_video, tmp_path, score_bug=Box(100, 0, 61, 20))
    assert len(table) == 0
    assert "reaches beyond its 160x90 picture" in problem.problem

"""The time contract of chunks: what each frame shows, and when."""

import numpy as np
import pytest

import strange_videos as strange
import timecode
from chunk_cutting import cut, ffmpeg, folder_contents, packets
from touchline.video.frame_reader import read_frames
from touchline.video.grid import Box
from video_cases import CASES


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
    name, times, options, settings = CASES[case]
    _, table, problems = cut(
        timecode.make(tmp_path / name, times, **options), tmp_path / "out", **settings
    )
    assert problems == []
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


def test_the_last_partial_chunk_is_kept_and_a_short_half_is_one_chunk(steady_video, tmp_path):
    _, table, _ = cut(steady_video, tmp_path, length_s=8.0)
    assert table["end_s"].to_list() == [8.0, 16.0, 20.0]
    assert table["frame_s"].list.len().to_list() == [8, 8, 4]
    _, table, _ = cut(steady_video, tmp_path, length_s=60.0)
    assert table.select("chunk", "start_s", "end_s").rows() == [(0, 0.0, 20.0)]


def test_a_second_run_writes_the_same_bytes(steady_video, tmp_path):
    box = Box(0, 0, 64, 30)
    for folder in ("one", "two"):
        cut(steady_video, tmp_path / folder, score_bug=box, overlap_s=1.0)
    assert folder_contents(tmp_path / "one") == folder_contents(tmp_path / "two")
    cut(steady_video, tmp_path / "one", score_bug=box, overlap_s=1.0)
    assert folder_contents(tmp_path / "one") == folder_contents(tmp_path / "two")


def test_the_score_bug_is_cut_at_the_size_of_the_source(steady_video, tmp_path):
    # One square of the code: bit 1 is black and white for two frames in turn.
    _, table, _ = cut(steady_video, tmp_path, fps=5.0, score_bug=Box(33, 1, 29, 27))
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
    _, table, problems = cut(path, tmp_path / "out", length_s=8.0)
    assert problems == []
    pictures, _ = read_frames(tmp_path / "out" / table["file"][0])
    shown = [timecode.read_index(picture) for picture in pictures]
    assert shown == [0, 25, 50, 75, 0, 25, 50, 75]


def first_and_last_shown(table, folder):
    """Return the index of the source frame that the half's first and last frame show."""
    first, _ = read_frames(folder / table["file"][0])
    last, _ = read_frames(folder / table["file"][-1])
    return timecode.read_index(first[0]), timecode.read_index(last[-1])


def test_a_stream_that_starts_between_key_frames_starts_at_its_first_picture(
    steady_video, tmp_path
):
    whole, path = tmp_path / "whole.ts", tmp_path / "a.ts"
    ffmpeg("-i", steady_video, "-c", "copy", whole)
    (position, _), *_ = packets(whole, 2.4, 3)
    path.write_bytes(whole.read_bytes()[position:])
    _, table, problems = cut(path, tmp_path / "out")
    assert problems == []
    assert table["end_s"][-1] == 17.0
    assert first_and_last_shown(table, tmp_path / "out") == (75, 475)


def test_an_edit_list_that_starts_between_key_frames_is_followed(steady_video, tmp_path):
    path = tmp_path / "a.mp4"
    ffmpeg("-ss", 2.4, "-i", steady_video, "-c", "copy", path)
    _, table, problems = cut(path, tmp_path / "out")
    assert problems == []
    assert table["end_s"][-1] == pytest.approx(17.6, abs=0.05)
    assert first_and_last_shown(table, tmp_path / "out") == (60, 485)


def test_sound_that_starts_first_does_not_move_the_picture(tmp_path, steady_video):
    path = tmp_path / "a.mkv"
    sound = ("-f", "lavfi", "-i", "sine=d=24")
    ffmpeg(
        *sound, "-itsoffset", 1.3, "-i", steady_video, "-map", 0, "-map", 1, "-c:v", "copy", path
    )
    _, table, _ = cut(path, tmp_path / "out")
    pictures, _ = read_frames(tmp_path / "out" / table["file"][0])
    assert [timecode.read_index(picture) for picture in pictures] == [0, 25, 50, 75]
    assert table["end_s"][-1] == 20.0


def test_interlaced_pictures_are_deinterlaced_and_keep_their_times(tmp_path):
    path = strange.make_interlaced(tmp_path / "a.ts")
    assert strange.combing(path) > 5
    _, table, listed = cut(path, tmp_path / "out", length_s=2.0, fps=5.0, height=180)
    assert listed == []
    for file, frame_s in zip(table["file"], table["frame_s"], strict=True):
        assert strange.combing(tmp_path / "out" / file) < 1
        assert len(frame_s) == 10
    assert [round(25 * time_s) for time_s in table["frame_s"][1]] == list(range(50, 100, 5))


def test_a_size_that_changes_within_a_file_stretches_nothing(tmp_path):
    """The second part, half as wide again by its height, has bars above and below."""
    content = b""
    for start, size in ((0, "240x180"), (4, "360x180")):
        white = f"color=white:s={size}:r=25:d=4"
        coding = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")
        ffmpeg(
            "-f", "lavfi", "-i", white, *coding, "-output_ts_offset", start, tmp_path / "a.ts", "-y"
        )
        content += (tmp_path / "a.ts").read_bytes()
    path = tmp_path / "b.ts"
    path.write_bytes(content)
    _, table, problems = cut(path, tmp_path / "chunks")
    assert problems == []
    whole, barred = (read_frames(tmp_path / "chunks" / file)[0] for file in table["file"])
    assert whole.shape == barred.shape == (4, 90, 120, 3)
    assert whole.min() > 200
    assert barred[:, 17:73].min() > 200
    assert barred[:, [*range(13), *range(77, 90)]].max() < 50

"""What a video holds, and the frames of a chunk with their times."""

from fractions import Fraction

import av
import numpy as np
import pytest

import strange_videos as strange
import timecode
from touchline.core.files import checksum
from touchline.core.problems import InputError
from touchline.video.frame_reader import VideoError, probe, read_frames


@pytest.fixture(scope="module")
def chunk(tmp_path_factory):
    """A chunk of 12 frames, 3 a second: 1/3 s is no whole number of Matroska's milliseconds."""
    path = tmp_path_factory.mktemp("chunk") / "000.mkv"
    return timecode.make(path, timecode.steady(3, 4), options={"bf": "0"})


def indices(pictures):
    return [timecode.read_index(picture) for picture in pictures]


@pytest.mark.parametrize("index", [0, 1, 2, 5_000, 32_767])
def test_the_squares_read_back(index):
    assert timecode.read_index(timecode.draw_index(index, 160, 90)) == index
    assert timecode.read_index(timecode.draw_index(index, 61, 35)) == index


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_the_duration_runs_from_the_first_picture_to_the_end_of_the_last(tmp_path, suffix):
    times = timecode.steady(Fraction(30_000, 1001), 5)
    video = probe(timecode.make(tmp_path / f"a.{suffix}", times, start_s=Fraction(7, 2)))
    assert video.duration_s == pytest.approx(len(times) * 1001 / 30_000, abs=0.002)
    assert video.fps == pytest.approx(29.97, abs=0.01)
    assert (video.width, video.height, video.truncated) == (160, 90, False)


def test_the_size_is_that_of_the_picture_as_shown(tmp_path):
    video = probe(timecode.make(tmp_path / "a.mp4", timecode.steady(25, 1), rotation=90))
    assert (video.width, video.height) == (160, 90)


def test_time_stamps_that_jump_give_no_length_but_a_sentence(tmp_path):
    made = strange.make_indexed(tmp_path / "a.mkv", 4, options={"bf": "0"})
    path = strange.rewrite_times(made, tmp_path / "b.mkv", "N*40+10000000000*gte(N,50)")
    with pytest.raises(VideoError, match=r"lasts 2777\.8 hours by its time stamps; the limit is 4"):
        probe(path)


def test_a_file_that_ends_before_its_duration_is_truncated(tmp_path):
    whole = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 8))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert not probe(whole).truncated
    assert probe(cut).truncated
    assert probe(cut).duration_s < 6


def test_every_frame_comes_with_its_time(chunk):
    pictures, times_s = read_frames(chunk)
    assert pictures.shape == (12, 90, 160, 3)
    assert pictures.dtype == np.uint8
    assert times_s.dtype == np.float64
    assert indices(pictures) == list(range(12))
    assert times_s == pytest.approx(np.arange(12) / 3, abs=0.0005)


def test_a_lower_rate_picks_by_time(chunk):
    pictures, times_s = read_frames(chunk, fps=1.5)
    assert indices(pictures) == [0, 2, 4, 6, 8, 10]
    assert times_s == pytest.approx([0, 2 / 3, 4 / 3, 2, 8 / 3, 10 / 3], abs=0.0005)


def test_a_higher_rate_shows_frames_again(chunk):
    pictures, _ = read_frames(chunk, fps=6)
    assert indices(pictures)[:5] == [0, 0, 1, 1, 2]


def test_given_times_keep_their_order_and_get_what_is_on_screen(chunk):
    pictures, times_s = read_frames(chunk, times_s=[2.5, 0.0, 0.9, 2.5, 100.0])
    assert indices(pictures) == [7, 0, 2, 7, 11]
    assert times_s == pytest.approx([7 / 3, 0, 2 / 3, 7 / 3, 11 / 3], abs=0.0005)


def test_uneven_frames_are_picked_by_time_not_by_number(tmp_path):
    times = [Fraction(t, 10) for t in (0, 1, 2, 3, 20, 21, 39)]
    path = timecode.make(tmp_path / "a.mkv", times)
    assert indices(read_frames(path, fps=1)[0]) == [0, 3, 4, 5]


def test_a_changed_file_is_refused_with_a_sentence(chunk, tmp_path):
    assert len(read_frames(chunk, sha256=checksum(chunk))[0]) == 12
    changed = tmp_path / "000.mkv"
    changed.write_bytes(chunk.read_bytes() + b"\0")
    with pytest.raises(InputError, match="the checksum differs"):
        read_frames(changed, sha256=checksum(chunk))


def test_colours_survive_from_a_bt709_source(tmp_path):
    red = np.zeros((90, 160, 3), np.uint8) + np.array([200, 30, 40], np.uint8)
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        stream.codec_context.colorspace = 1  # BT.709
        frame = av.VideoFrame.from_ndarray(red, "rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709"
        )
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    assert np.abs(read_frames(path)[0][0, 45, 80].astype(int) - [200, 30, 40]).max() < 6


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"", "not a video"),
        (b"<html>Please log in</html>" * 100, "not a video"),
        (b"#EXTM3U\n#EXTINF:10,\na.ts\n", "not a video"),
        (b"ffconcat version 1.0\nfile a.mkv\n", "not a video"),
    ],
)
def test_what_is_not_a_video_is_said_in_a_sentence(tmp_path, content, words):
    path = tmp_path / "a.mkv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=words):
        probe(path)
    with pytest.raises(InputError, match=r"a\.mkv"):
        read_frames(path)


def test_a_folder_in_place_of_a_video_is_named(tmp_path):
    with pytest.raises(VideoError, match="it is a folder"):
        probe(tmp_path)


def test_sound_alone_has_no_video_stream(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as file:
        stream = file.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 16_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        probe(path)

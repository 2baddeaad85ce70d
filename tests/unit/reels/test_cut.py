"""Reels: every picture is the one that the list says, with its sound, whatever the file."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

import timecode
from reel_cases import pieces_of
from reel_sound import RATE, TONE_HZ, add_tone, pitch_hz, read_sound
from touchline.reels.cutting.cut import splice
from touchline.video.frame_reader import VideoError
from video_cases import CASES, NAMES, NTSC, read_pictures, uneven


def check(path, times, pieces, cuts):
    """Assert that a reel shows, picture by picture, what its list says."""
    shown_s, shown = read_pictures(path)
    expected, expected_s = [], []
    for piece, cut in zip(pieces, cuts, strict=True):
        ends = [*times[1:], times[-1] + 1]
        inside = [
            index
            for index, (time, end) in enumerate(zip(times, ends, strict=True))
            if end > Fraction(piece.start_s) and time < Fraction(piece.end_s)
        ]
        assert abs(cut.start_s - times[inside[0]]) <= Fraction(1, 900)
        expected += inside
        expected_s += [cut.reel_start_s + times[index] - times[inside[0]] for index in inside]
    assert shown == expected
    assert max(abs(a - b) for a, b in zip(shown_s, expected_s, strict=True)) < Fraction(3, 1000)
    assert cuts[0].reel_start_s == 0
    for before, after in itertools.pairwise(cuts):
        assert before.reel_end_s == after.reel_start_s
        assert before.reel_end_s - before.reel_start_s == before.end_s - before.start_s


@pytest.mark.parametrize("name", CASES)
def test_every_picture_is_the_one_of_the_list(tmp_path, name):
    file, times, how, _ = CASES[name]
    path = timecode.make(tmp_path / file, times, **how)
    length = float(times[-1])
    spans = [(0.55 * length, 0.55 * length + 1.33), (0.11, 0.91), (length - 1.5, length + 30)]
    pieces = pieces_of(path, *spans)
    cuts = splice(pieces, tmp_path / "reel.mp4", titles=False)
    check(tmp_path / "reel.mp4", times, pieces, cuts)


def test_titles_are_in_the_picture_for_three_seconds(tmp_path):
    path = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 8), size=(320, 180))
    for titles in (True, False):
        out = tmp_path / f"{titles}.mp4"
        splice(pieces_of(path, (1, 7, "Goal 52:07")), out, titles=titles)
    pictures = {}
    for titles in (True, False):
        with av.open(str(tmp_path / f"{titles}.mp4")) as file:
            frames = [frame.to_ndarray(format="gray").astype(int) for frame in file.decode(video=0)]
        pictures[titles] = np.stack(frames)
    differs = np.abs(pictures[True] - pictures[False]) > 40  # (T, H, W)
    assert differs[:75, 140:].any(axis=(1, 2)).all()
    assert not differs[:, :140].any()
    assert not differs[75:].any()


def test_the_sound_is_that_of_the_pictures_and_fades_at_the_joins(tmp_path):
    silent = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 12), options={"bf": "0"})
    path = add_tone(silent, 12, tmp_path / "b.mkv")
    pieces = pieces_of(path, (7.0, 9.0), (2.0, 4.0), (10.5, 99))
    cuts = splice(pieces, tmp_path / "reel.mp4", fade_s=0.05)
    sound = read_sound(tmp_path / "reel.mp4")
    assert abs(len(sound) / RATE - cuts[-1].reel_end_s) < 0.05
    for reel_s, source_s in [(0.5, 7.5), (1.5, 8.5), (2.5, 2.5), (3.5, 3.5), (5.2, 11.7)]:
        assert abs(pitch_hz(sound, reel_s) - (TONE_HZ + 100 * (source_s // 1))) < 20

    def loudness(time_s):
        return np.abs(sound[round((time_s - 0.005) * RATE) : round((time_s + 0.005) * RATE)]).max()

    for join_s in (2.0, 4.0):
        assert loudness(join_s) < 0.06 < 0.2 < min(loudness(join_s - 0.1), loudness(join_s + 0.1))


def test_a_video_without_sound_gives_a_reel_without_or_silence_beside_others(tmp_path):
    silent = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 4), options={"bf": "0"})
    splice(pieces_of(silent, (1, 3)), tmp_path / "silent.mp4")
    with av.open(str(tmp_path / "silent.mp4")) as file:
        assert not file.streams.audio
    heard = add_tone(silent, 4, tmp_path / "b.mkv")
    splice([*pieces_of(silent, (1, 3)), *pieces_of(heard, (1, 3))], tmp_path / "both.mp4")
    sound = read_sound(tmp_path / "both.mp4")
    assert np.abs(sound[: round(1.9 * RATE)]).max() < 1e-3
    assert abs(pitch_hz(sound, 2.5) - 400) < 20


def test_a_clip_past_either_end_is_cut_to_the_video(tmp_path):
    times = timecode.steady(25, 4)
    path = timecode.make(tmp_path / "a.mkv", times)
    pieces = pieces_of(path, (-5, 0.4), (3.8, 12), (60, 70))
    cuts = splice(pieces, tmp_path / "reel.mp4", titles=False)
    assert cuts[2] is None
    check(tmp_path / "reel.mp4", times, pieces[:2], cuts[:2])
    with pytest.raises(VideoError, match="no picture in any"):
        splice(pieces_of(path, (60, 70)), tmp_path / "none.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"a.mkv", "reel.mp4"}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_a_name_and_nothing_else(tmp_path, name):
    made = timecode.make(tmp_path / "made.mkv", timecode.steady(25, 2))
    path = tmp_path / name.replace("/", "_")
    made.rename(path)
    (cut,) = splice(pieces_of(path, (0.5, 1.5)), tmp_path / "reel.mp4")
    assert (cut.start_s, cut.end_s) == (Fraction(12, 25), Fraction(38, 25))


def test_videos_of_another_size_and_rate_are_fitted_in(tmp_path):
    first = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 4), size=(320, 180))
    other = timecode.make(tmp_path / "b.mp4", timecode.steady(NTSC, 4), size=(180, 180))
    pieces = [*pieces_of(first, (1, 2)), *pieces_of(other, (1, 2))]
    splice(pieces, tmp_path / "reel.mp4", titles=False)
    with av.open(str(tmp_path / "reel.mp4")) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert {picture.shape for picture in pictures} == {(180, 320, 3)}
    assert [timecode.read_index(picture[:, 70:250]) for picture in pictures[25:]] == list(
        range(29, 60)
    )


def test_the_same_reel_has_the_same_bytes(tmp_path):
    path = timecode.make(tmp_path / "a.mkv", uneven(9))
    path = add_tone(path, 9, tmp_path / "b.mkv")
    for name in ("one.mp4", "two.mp4"):
        splice(pieces_of(path, (2, 4), (6, 7)), tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_what_is_no_video_is_said(tmp_path):
    (tmp_path / "a.mkv").write_text("no video")
    with pytest.raises(VideoError, match=r"a\.mkv: it cannot be opened"):
        splice(pieces_of(tmp_path / "a.mkv", (0, 1)), tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()

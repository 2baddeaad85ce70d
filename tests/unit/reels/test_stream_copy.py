"""Reels without encoding: clips start with key frames, and their lists say so."""

from fractions import Fraction

import pytest

import timecode
from reel_cases import pieces_of
from reel_sound import add_tone, pitch_hz, read_sound
from touchline.reels.stream_copy import copy_pieces
from touchline.video.frame_reader import VideoError
from video_cases import read_pictures


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_copied_reel_starts_its_clips_with_key_frames_and_says_so(tmp_path, suffix):
    times = timecode.steady(25, 20)
    options = {"g": "50", "sc_threshold": "0"}
    path = timecode.make(tmp_path / f"a.{suffix}", times, options=options)
    pieces = pieces_of(path, (3.3, 6), (10.1, 11), (17, 30))
    cuts = copy_pieces(pieces, tmp_path / "reel.mp4")
    assert [float(cut.start_s) for cut in cuts] == [2, 10, 16]
    shown_s, shown = read_pictures(tmp_path / "reel.mp4")
    assert shown_s == sorted(shown_s)
    for piece, cut in zip(pieces, cuts, strict=True):
        assert 0 <= cut.end_s - Fraction(min(piece.end_s, 20)) < Fraction(1, 5)
        place = shown_s.index(cut.reel_start_s)
        assert shown[place] == cut.start_s * 25
        count = round((cut.end_s - cut.start_s) * 25)
        assert set(shown[place : place + count]) >= set(
            range(round(cut.start_s * 25), round(piece.end_s * 25) if piece.end_s < 20 else 500)
        )


def test_a_copied_reel_has_the_sound_of_its_pictures(tmp_path):
    silent = timecode.make(
        tmp_path / "a.mkv", timecode.steady(25, 12), options={"bf": "0", "g": "25"}
    )
    path = add_tone(silent, 12, tmp_path / "b.mp4")
    copy_pieces(pieces_of(path, (7.0, 9.0), (2.0, 4.0)), tmp_path / "reel.mp4")
    sound = read_sound(tmp_path / "reel.mp4")
    for reel_s, hertz in [(0.5, 1000), (1.5, 1100), (2.5, 500), (3.5, 600)]:
        assert abs(pitch_hz(sound, reel_s) - hertz) < 20


def test_a_copied_clip_may_need_to_be_decoded_earlier_than_the_one_before(tmp_path):
    path = timecode.make(
        tmp_path / "a.mkv",
        timecode.steady(25, 8),
        options={"g": "50", "sc_threshold": "0", "b-adapt": "0", "bf": "8", "b-pyramid": "normal"},
        unmixed=100,
    )
    pieces = pieces_of(path, (0, 3), (4, 8), (0, 2), (6, 7))
    cuts = copy_pieces(pieces, tmp_path / "reel.mp4")
    shown_s, shown = read_pictures(tmp_path / "reel.mp4")
    assert shown_s == [Fraction(index, 25) for index in range(len(shown))]
    for cut in cuts:
        first, last = (round(25 * time_s) for time_s in (cut.start_s, cut.end_s))
        place = round(25 * cut.reel_start_s)
        assert shown[place : place + last - first] == list(range(first, last))


def test_sources_that_are_coded_differently_are_not_copied_into_one(tmp_path):
    first = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 3))
    other = timecode.make(tmp_path / "b.mkv", timecode.steady(25, 3), size=(320, 180))
    with pytest.raises(VideoError, match=r"b\.mkv: it is coded in another way .* Set stream_copy"):
        copy_pieces([*pieces_of(first, (0, 1)), *pieces_of(other, (0, 1))], tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()

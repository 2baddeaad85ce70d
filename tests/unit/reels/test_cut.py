"""Reels: every picture is the one that the list says, with its sound, whatever the file."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

import timecode
from touchline.reels.cut import Piece, splice
from touchline.reels.stream_copy import copy
from touchline.video.frame_reader import VideoError
from video_cases import CASES, NAMES, NTSC, read_pictures, uneven

RATE = 48_000
# A tone whose pitch says when it is: each second is 100 Hz above the one before.
TONE_HZ = 300


def speak(path, seconds: float, out):
    """Write a copy of a video with a sound that rises by 100 Hz each second."""
    times = np.arange(round(seconds * RATE)) / RATE
    pitch = TONE_HZ + 100 * np.floor(times)
    tone = (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)).astype(np.float32)
    with av.open(str(path)) as source, av.open(str(out), "w") as file:
        pictures = source.streams.video[0]
        copied = file.add_stream_from_template(pictures)
        sound = file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for packet in source.demux(pictures):
            if packet.dts is not None:
                packet.stream = copied
                file.mux(packet)
        for start in range(0, len(tone), 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1000], "flt", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return out


def listen(path) -> np.ndarray:
    """Return the sound of a reel, one channel, at 48 kHz, from its time 0."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        parts = []
        for frame in file.decode(stream):
            start = round(frame.pts * frame.time_base * RATE)
            parts.append(frame.to_ndarray()[0][max(0, -start) :])
        return np.concatenate(parts)


def pitch(sound: np.ndarray, time_s: float) -> float:
    """Return the strongest frequency in the half second around a time."""
    part = sound[round((time_s - 0.25) * RATE) : round((time_s + 0.25) * RATE)]
    return np.argmax(np.abs(np.fft.rfft(part * np.hanning(len(part))))) * RATE / len(part)


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
    pieces = [Piece(path, *span) for span in spans]
    cuts = splice(pieces, tmp_path / "reel.mp4", titles=False)
    check(tmp_path / "reel.mp4", times, pieces, cuts)


def test_titles_are_in_the_picture_for_three_seconds(tmp_path):
    path = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 8), size=(320, 180))
    for titles in (True, False):
        out = tmp_path / f"{titles}.mp4"
        splice([Piece(path, 1, 7, "Goal 52:07")], out, titles=titles)
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
    path = speak(silent, 12, tmp_path / "b.mkv")
    pieces = [Piece(path, 7.0, 9.0), Piece(path, 2.0, 4.0), Piece(path, 10.5, 99)]
    cuts = splice(pieces, tmp_path / "reel.mp4", fade_s=0.05)
    sound = listen(tmp_path / "reel.mp4")
    assert abs(len(sound) / RATE - cuts[-1].reel_end_s) < 0.05
    for reel_s, source_s in [(0.5, 7.5), (1.5, 8.5), (2.5, 2.5), (3.5, 3.5), (5.2, 11.7)]:
        assert abs(pitch(sound, reel_s) - (TONE_HZ + 100 * (source_s // 1))) < 20

    def loudness(time_s):
        return np.abs(sound[round((time_s - 0.005) * RATE) : round((time_s + 0.005) * RATE)]).max()

    for join_s in (2.0, 4.0):
        assert loudness(join_s) < 0.06 < 0.2 < min(loudness(join_s - 0.1), loudness(join_s + 0.1))


def test_a_video_without_sound_gives_a_reel_without_or_silence_beside_others(tmp_path):
    silent = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 4), options={"bf": "0"})
    splice([Piece(silent, 1, 3)], tmp_path / "silent.mp4")
    with av.open(str(tmp_path / "silent.mp4")) as file:
        assert not file.streams.audio
    heard = speak(silent, 4, tmp_path / "b.mkv")
    splice([Piece(silent, 1, 3), Piece(heard, 1, 3)], tmp_path / "both.mp4")
    sound = listen(tmp_path / "both.mp4")
    assert np.abs(sound[: round(1.9 * RATE)]).max() < 1e-3
    assert abs(pitch(sound, 2.5) - 400) < 20


def test_a_clip_past_either_end_is_cut_to_the_video(tmp_path):
    times = timecode.steady(25, 4)
    path = timecode.make(tmp_path / "a.mkv", times)
    pieces = [Piece(path, -5, 0.4), Piece(path, 3.8, 12), Piece(path, 60, 70)]
    cuts = splice(pieces, tmp_path / "reel.mp4", titles=False)
    assert cuts[2] is None
    check(tmp_path / "reel.mp4", times, pieces[:2], cuts[:2])
    with pytest.raises(VideoError, match="no picture in any"):
        splice([Piece(path, 60, 70)], tmp_path / "none.mp4")
    assert {one.name for one in tmp_path.iterdir()} == {"a.mkv", "reel.mp4"}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_a_name_and_nothing_else(tmp_path, name):
    made = timecode.make(tmp_path / "made.mkv", timecode.steady(25, 2))
    path = tmp_path / name.replace("/", "_")
    made.rename(path)
    (cut,) = splice([Piece(path, 0.5, 1.5)], tmp_path / "reel.mp4")
    assert (cut.start_s, cut.end_s) == (Fraction(12, 25), Fraction(38, 25))


def test_videos_of_another_size_and_rate_are_fitted_in(tmp_path):
    first = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 4), size=(320, 180))
    other = timecode.make(tmp_path / "b.mp4", timecode.steady(NTSC, 4), size=(180, 180))
    pieces = [Piece(first, 1, 2), Piece(other, 1, 2)]
    splice(pieces, tmp_path / "reel.mp4", titles=False)
    with av.open(str(tmp_path / "reel.mp4")) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert {picture.shape for picture in pictures} == {(180, 320, 3)}
    assert [timecode.read_index(picture[:, 70:250]) for picture in pictures[25:]] == list(
        range(29, 60)
    )


def test_the_same_reel_has_the_same_bytes(tmp_path):
    path = timecode.make(tmp_path / "a.mkv", uneven(9))
    path = speak(path, 9, tmp_path / "b.mkv")
    for name in ("one.mp4", "two.mp4"):
        splice([Piece(path, 2, 4), Piece(path, 6, 7)], tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_what_is_no_video_is_said(tmp_path):
    (tmp_path / "a.mkv").write_text("no video")
    with pytest.raises(VideoError, match=r"a\.mkv: it cannot be opened"):
        splice([Piece(tmp_path / "a.mkv", 0, 1)], tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_copied_reel_starts_its_clips_with_key_frames_and_says_so(tmp_path, suffix):
    times = timecode.steady(25, 20)
    options = {"g": "50", "sc_threshold": "0"}
    path = timecode.make(tmp_path / f"a.{suffix}", times, options=options)
    pieces = [Piece(path, 3.3, 6), Piece(path, 10.1, 11), Piece(path, 17, 30)]
    cuts = copy(pieces, tmp_path / "reel.mp4")
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
    path = speak(silent, 12, tmp_path / "b.mp4")
    copy([Piece(path, 7.0, 9.0), Piece(path, 2.0, 4.0)], tmp_path / "reel.mp4")
    sound = listen(tmp_path / "reel.mp4")
    for reel_s, hertz in [(0.5, 1000), (1.5, 1100), (2.5, 500), (3.5, 600)]:
        assert abs(pitch(sound, reel_s) - hertz) < 20


def test_a_copied_clip_may_need_to_be_decoded_earlier_than_the_one_before(tmp_path):
    path = timecode.make(
        tmp_path / "a.mkv",
        timecode.steady(25, 8),
        options={"g": "50", "sc_threshold": "0", "b-adapt": "0", "bf": "8", "b-pyramid": "normal"},
        unmixed=100,
    )
    pieces = [Piece(path, 0, 3), Piece(path, 4, 8), Piece(path, 0, 2), Piece(path, 6, 7)]
    cuts = copy(pieces, tmp_path / "reel.mp4")
    shown_s, shown = read_pictures(tmp_path / "reel.mp4")
    assert shown_s == [Fraction(index, 25) for index in range(len(shown))]
    for cut in cuts:
        first, last = (round(25 * time_s) for time_s in (cut.start_s, cut.end_s))
        place = round(25 * cut.reel_start_s)
        assert shown[place : place + last - first] == list(range(first, last))


def test_sources_that_are_coded_differently_are_not_copied_into_one(tmp_path):
    one = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 3))
    other = timecode.make(tmp_path / "b.mkv", timecode.steady(25, 3), size=(320, 180))
    with pytest.raises(VideoError, match=r"b\.mkv: it is coded in another way .* Set stream_copy"):
        copy([Piece(one, 0, 1), Piece(other, 0, 1)], tmp_path / "reel.mp4")
    assert not (tmp_path / "reel.mp4").exists()

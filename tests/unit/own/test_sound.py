"""Sound for the recogniser lies on the time line of the video's pictures, and is never held as a whole."""

from fractions import Fraction

import numpy as np
import pytest

from speech import RATE, film
from touchline.own.sound import SoundBuffer, read_sound
from touchline.video.source import Source

CLICK_S = 4.0


def click(seconds: float, at_s: float = CLICK_S) -> np.ndarray:
    sound = np.zeros(round(seconds * RATE), np.float32)
    sound[round(at_s * RATE)] = 0.9
    return sound


def heard(path, start_s: float = 0.0, end_s: float = 100.0) -> np.ndarray:
    blocks = list(read_sound(Source(path), start_s, end_s))
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def loudest_s(sound: np.ndarray) -> float:
    return float(np.argmax(np.abs(sound))) / RATE


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("start_s", [0, Fraction(7, 2)])
def test_a_sound_is_where_its_picture_is_whatever_the_clock_of_the_file(tmp_path, name, start_s):
    path = film(tmp_path / name, click(10), 10, start_s=start_s)
    sound = heard(path)
    assert loudest_s(sound) == pytest.approx(CLICK_S, abs=0.005)
    assert len(sound) == pytest.approx(10 * RATE, abs=0.02 * RATE)


def test_sound_that_begins_after_the_pictures_begins_with_silence(tmp_path):
    path = film(tmp_path / "a.mkv", click(6), 10, sound_s=2.0)
    sound = heard(path)
    assert loudest_s(sound) == pytest.approx(2 + CLICK_S, abs=0.005)
    assert not sound[: 2 * RATE - 100].any()


def test_a_part_of_the_sound_begins_at_its_start(tmp_path):
    sound = heard(film(tmp_path / "a.mkv", click(10), 10), 3.5, 5.0)
    assert loudest_s(sound) == pytest.approx(CLICK_S - 3.5, abs=0.005)
    assert len(sound) == pytest.approx(1.5 * RATE, abs=0.1 * RATE)


def test_a_gap_in_the_sound_is_silence_and_what_follows_keeps_its_time(tmp_path):
    path = film(tmp_path / "a.mkv", click(10, at_s=8.0), 10, gap_s=(2.0, 6.0))
    assert loudest_s(heard(path)) == pytest.approx(8.0, abs=0.005)


def test_no_more_sound_is_held_than_was_asked_for():
    given = 0

    def blocks():
        nonlocal given
        for number in range(1000):
            given += 1
            yield np.full(100, number, np.float32)

    buffer = SoundBuffer(blocks())
    assert buffer.peek(150).tolist() == [0.0] * 100 + [1.0] * 50
    assert given == 2
    buffer.drop(150)
    assert buffer.peek(60).tolist() == [1.0] * 50 + [2.0] * 10
    assert given == 3
    buffer.drop(10**6)
    assert len(buffer.peek(1)) == 0

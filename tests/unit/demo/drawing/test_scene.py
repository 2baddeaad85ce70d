"""Frames of invented matches: drawn for any time and size; the score bug agrees with the labels."""

import numpy as np
import pytest

from invented_matches import SHORT_S, SIZE, events_with_label
from touchline.demo.broadcast import motion
from touchline.demo.broadcast.script import HALVES, HOME, invent
from touchline.demo.drawing import overlays, sprites, stadium
from touchline.demo.drawing.scene import SCORE_CHANGES_S, draw


def test_drawing_is_a_function_of_its_arguments_alone():
    script = invent("pure", SHORT_S)
    moments = [(half, time_s) for half in HALVES for time_s in (0.0, 9.9, 33.3, 51.2, 70.0)]
    forwards = [draw(script, *moment, SIZE) for moment in moments]
    for cached in (
        motion.motion, stadium.ground, sprites.body, sprites.ball, overlays.score_bug,
        overlays.caption, overlays.board,
    ):  # fmt: skip
        cached.cache_clear()
    backwards = [draw(invent("pure", SHORT_S), *moment, SIZE) for moment in reversed(moments)]
    for frame, again in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(frame, again)
    assert not np.array_equal(forwards[1], forwards[2])


@pytest.mark.parametrize("size", [(398, 224), (112, 56), (64, 36), (640, 360)])
def test_every_size_can_be_drawn(size):
    script = invent(3, SHORT_S)
    for half in HALVES:
        for time_s in np.arange(0, SHORT_S + 1, 4.7):
            frame = draw(script, half, float(time_s), size)
            assert frame.shape == (size[1], size[0], 3)
            assert frame.dtype == np.uint8
            assert frame.flags.writeable


def test_the_second_halfs_clock_starts_at_45_00():
    assert overlays.clock(1, 61.9) == "01:01"
    assert overlays.clock(2, 0.0) == "45:00"
    assert overlays.clock(2, 61.9) == "46:01"
    script = invent(1)
    assert not np.array_equal(_score_bug(script, 1, 20.0), _score_bug(script, 2, 20.0))


def _score_bug(script, half: int, time_s: float) -> np.ndarray:
    left, top, right, bottom = overlays.score_bug_box(SIZE)
    return draw(script, half, time_s, SIZE)[top:bottom, left:right]


def test_the_score_bugs_digits_change_at_a_goal_and_not_before():
    for script, goal in events_with_label("Goal"):
        before = _score_bug(script, goal.half, goal.time_s + SCORE_CHANGES_S - 0.1)
        after = _score_bug(script, goal.half, goal.time_s + SCORE_CHANGES_S + 0.1)
        # the codes stay, the score (home left, away right of the hyphen) changes on one side
        width = before.shape[1]
        code, home, away = (
            slice(0, round(width * 0.25)),
            slice(round(width * 0.27), round(width * 0.34)),
            slice(round(width * 0.37), round(width * 0.44)),
        )
        scored, other = (home, away) if goal.team == HOME else (away, home)
        assert np.array_equal(before[:, code], after[:, code])
        assert np.array_equal(before[:, other], after[:, other])
        assert not np.array_equal(before[:, scored], after[:, scored])

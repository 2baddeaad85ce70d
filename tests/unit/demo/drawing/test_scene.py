"""Frames of invented matches: drawn for any time and size."""

import numpy as np
import pytest

from invented_matches import SHORT_S, SIZE
from touchline.demo.broadcast import motion
from touchline.demo.broadcast.script import HALVES, invent
from touchline.demo.drawing import bug_schedule, overlays, score_bug, sprites, stadium
from touchline.demo.drawing.looks import LOOKS
from touchline.demo.drawing.scene import draw


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[3]], ids=lambda look: look.name)
def test_drawing_is_a_function_of_its_arguments_alone(look):
    script = invent("pure", SHORT_S)
    moments = [(half, time_s) for half in HALVES for time_s in (0.0, 9.9, 33.3, 51.2, 70.0)]
    forwards = [draw(script, *moment, SIZE, look) for moment in moments]
    for cached in (
        motion.motion, stadium.ground, sprites.body, sprites.ball, score_bug.draw,
        bug_schedule.interruptions, overlays.caption, overlays.board,
    ):  # fmt: skip
        cached.cache_clear()
    again = invent("pure", SHORT_S)
    backwards = [draw(again, *moment, SIZE, look) for moment in reversed(moments)]
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

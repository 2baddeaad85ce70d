"""Score bugs that are small, stacked or without gaps, in compressed pictures, are read."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from broadcast_videos import draw
from broadcasts import Broadcast, Goal
from hard_looks import HARD_LOOKS
from touchline.demo.broadcast.script import AWAY, HOME
from touchline.scoreboard.goals import find_goals
from touchline.scoreboard.interpret import ScoreReader, interpret, read_scores
from touchline.scoreboard.ocr import TextReader
from touchline.scoreboard.readings import FrameReader

pytest.importorskip("rapidocr")

GOALS = (Goal(1, 40.0, AWAY), Goal(1, 90.0, AWAY), Goal(1, 130.0, HOME))
TIMES_S = (8.0, 16.0, 24.0, 32.0, 65.0, 73.0, 81.0, 115.0, 122.0, 152.0, 160.0, 168.0)
# Of the numbers in these frames; a misread one or two do not change the course of the score.
LEAST_READ, MOST_WRONG = 0.75, 2


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader(1)


def compressed(picture: Image.Image) -> np.ndarray:
    """Return a picture, blurred and with the blocks of a low bit rate: blue, green, red."""
    data = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(0.6)).save(data, "JPEG", quality=30)
    return np.ascontiguousarray(np.asarray(Image.open(data))[..., ::-1])


@pytest.mark.slow
@pytest.mark.parametrize("look", HARD_LOOKS, ids=lambda look: look.name)
def test_the_goals_are_read(reader, look):
    match = Broadcast(look, 3, {1: 180.0}, goals=GOALS, before_s=0.0)
    times_s = [time_s for time_s in TIMES_S if match.opacity(1, time_s) == 1]
    frame_reader = FrameReader(reader)
    frames = [frame_reader.read(time_s, compressed(draw(match, time_s))) for time_s in times_s]
    found = interpret(frames, None)
    assert [one.number for one in found.halves] == [1]
    assert found.halves[0].lines[0].time_s(0.0) == pytest.approx(0, abs=1)
    assert found.bug.left is not None
    scores = read_scores(found, ScoreReader(reader, found.bug))
    pairs = [
        pair
        for score in scores
        for pair in zip((score.left, score.right), match.score(1, score.time_s), strict=True)
    ]
    known = [read == true for read, true in pairs if read is not None]
    assert len(known) >= LEAST_READ * 2 * len(times_s)
    assert known.count(False) <= MOST_WRONG
    found_goals = [(goal.side, goal.left, goal.right) for goal in find_goals(scores)]
    assert found_goals == [("right", 0, 1), ("right", 0, 2), ("left", 1, 2)]

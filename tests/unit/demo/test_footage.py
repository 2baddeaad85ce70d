"""Footage of invented matches for the pretraining of the demo's video-language model."""

import random
from itertools import product

import numpy as np
import pytest

from touchline.demo import footage, video_lessons
from touchline.demo.commentary_lessons import ACTIONS
from touchline.demo.demo_matches import games
from touchline.demo.drawing.stadium import GRASS


@pytest.fixture(scope="module")
def filmed(tmp_path_factory) -> list[footage.Footage]:
    return footage.film("test", 2, tmp_path_factory.mktemp("footage"))


def test_a_half_is_drawn_every_two_seconds(filmed):
    assert [(half.script.seed, half.half) for half in filmed] == list(
        product(("test 0", "test 1"), (1, 2))
    )
    for half in filmed:
        assert half.frames.shape == (75, 56, 112, 3)
        assert half.frames.dtype == np.uint8
    number = 20
    again = next(footage.draw_frames(filmed[1].script, 2, np.array([40.0])))
    assert (filmed[1].frames[number] == again).all()
    assert (filmed[1].frames[number] != filmed[1].frames[number + 1]).any()


def test_shirts_are_of_colours_that_the_demo_does_not_have(filmed):
    demo = {
        team.shirt for game in games(6, 180.0, 1) for team in (game.script.home, game.script.away)
    }
    for half in filmed:
        shirts = half.script.home.shirt, half.script.away.shirt
        assert not demo & set(shirts)
        for one, other in ((shirts[0], shirts[1]), *product(shirts, GRASS)):
            assert np.linalg.norm(np.subtract(one, other)) > footage.LEAST_COLOUR_DISTANCE


@pytest.mark.parametrize("length_s", [8.0, 60.0])
def test_a_chunk_has_the_frames_lines_and_events_of_its_span(filmed, length_s):
    rng, half = random.Random(1), filmed[0]
    for _ in range(20):
        chunk, events_s = video_lessons.cut_chunk(rng, half, length_s)
        frames = chunk.frames["broadcast"]
        assert len(frames) == len(chunk.frame_s) == length_s / footage.FRAME_S
        first = next(
            number
            for number in range(len(half.frames))
            if (half.frames[number : number + len(frames)] == frames).all()
        )
        start_s = first * footage.FRAME_S
        inside = [
            (ACTIONS[event.label], pytest.approx(event.time_s - start_s))
            for event in half.events
            if event.label in ACTIONS and start_s <= event.time_s < start_s + length_s
        ]
        found = [(action, time_s) for action, times in events_s.items() for time_s in times]
        assert sorted(found) == sorted(inside, key=lambda pair: (pair[0], pair[1].expected))
        assert all(0 <= line["start_s"] < line["end_s"] <= length_s for line in chunk.lines)


def test_chunks_grow_from_short_to_long_in_whole_pairs_of_frames():
    lengths = [video_lessons.chunk_length_s(step / 100) for step in range(101)]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (8.0, 60.0)
    assert all(length % video_lessons.PAIR_S == 0 for length in lengths)

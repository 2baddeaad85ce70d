"""Scripts of invented matches: their events and teams."""

import numpy as np
import pytest

from invented_matches import SHORT_S, STUDY_ACTIONS
from touchline.demo.broadcast.names import CLUBS
from touchline.demo.broadcast.script import invent


@pytest.mark.parametrize("half_s", [SHORT_S, 120.0, 180.0, 600.0])
def test_every_match_has_all_seven_actions(half_s):
    for seed in range(20):
        labels = {event.label for event in invent(seed, half_s).events}
        assert {STUDY_ACTIONS[label] for label in labels & set(STUDY_ACTIONS)} == set(
            STUDY_ACTIONS.values()
        )


def test_about_one_pair_of_chunk_and_action_in_four_or_five_is_positive():
    positive = 0
    for seed in range(30):
        events = invent(seed).events
        positive += len(
            {
                (e.half, e.time_ms // 60_000, STUDY_ACTIONS[e.label])
                for e in events
                if e.label in STUDY_ACTIONS
            }
        )
    assert 0.19 < positive / (30 * 2 * 3 * 7) < 0.27


def test_opponents_have_different_names_and_shirts():
    for seed in range(60):
        script = invent(seed)
        assert script.home.name != script.away.name
        difference = np.subtract(script.home.shirt, script.away.shirt)
        assert np.hypot.reduce(difference) > 100
    assert len({club[1] for club in CLUBS}) == len(CLUBS)

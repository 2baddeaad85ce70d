"""The broadcasts that other tests read: their options do what they say."""

from dataclasses import replace

import av
import numpy as np
import pytest

from broadcast_videos import draw, write, write_noisy_copy
from broadcasts import Broadcast, Goal, truth
from touchline.demo.drawing import score_bug
from touchline.demo.drawing.looks import LOOKS

SIZE = (320, 180)
PLAIN = Broadcast(size=SIZE, seed=3)


def shows(broadcast: Broadcast, time_s: float, clock: str, added: str = "", score=None) -> bool:
    """Return whether the picture has the bug with this clock at its place; any score if None."""
    left, top, right, bottom = truth(broadcast).box
    seen = np.asarray(draw(broadcast, time_s))[top:bottom, left:right]
    scores = [score] if score else [(home, away) for home in range(4) for away in range(4)]
    readings = [score_bug.Reading(clock, added, pair) for pair in scores]
    bugs = [
        np.asarray(score_bug.draw(broadcast.size, broadcast.look, *broadcast.teams, reading))
        for reading in readings
    ]
    return any((bug[..., :3] == seen).all() for bug in bugs)


def test_each_half_starts_at_its_clock_in_any_order():
    assert truth(PLAIN).starts_s == {1: 12.0, 2: 144.0}
    assert shows(PLAIN, 12.0, "00:00")
    assert shows(PLAIN, 145.5, "45:01")
    swapped = replace(PLAIN, halves={2: 120.0, 1: 120.0})
    assert shows(swapped, 13.0, "45:01")
    assert shows(swapped, 145.0, "00:01")
    extra = replace(PLAIN, halves={3: 60.0, 4: 60.0})
    assert shows(extra, 15.0, "90:03")
    assert shows(extra, 87.0, "105:03")


def test_no_bug_is_drawn_outside_of_the_halves_or_without_one():
    for time_s in (3.0, 11.9, 133.0, 266.0):
        assert not any(
            shows(PLAIN, time_s, clock) for clock in ("00:00", "02:00", "45:00", "47:00")
        )
    assert truth(replace(PLAIN, has_bug=False)).box is None
    without = draw(replace(PLAIN, has_bug=False), 20.0)
    assert (np.asarray(without) != np.asarray(draw(PLAIN, 20.0))).any()


def test_a_recording_that_was_started_late_has_its_kick_off_before_its_start():
    late = replace(PLAIN, joined_s={1: 1800.0})
    assert truth(late).starts_s[1] == 12.0 - 1800.0
    assert shows(late, 13.0, "30:01")
    assert all(goal.time_s > 12.0 for goal in truth(late).goals)


def test_a_goal_changes_the_score_some_seconds_later_and_a_disallowed_one_changes_it_back():
    goals = (Goal(1, 20.0, "home"), Goal(1, 45.0, "away", counts=False), Goal(2, 30.0, "home"))
    broadcast = replace(PLAIN, goals=goals, halves={1: 140.0, 2: 60.0})
    first, last = truth(broadcast).goals
    assert (first.side, first.score, last.score) == ("home", (1, 0), (2, 0))
    assert first.time_s == 32.0
    assert 3 <= first.shown_s - first.time_s <= 6
    assert shows(
        broadcast, first.shown_s - 0.1, "00:" + f"{int(first.shown_s - 12.1)}", score=(0, 0)
    )
    assert shows(
        broadcast, first.shown_s + 0.1, "00:" + f"{int(first.shown_s - 11.9)}", score=(1, 0)
    )
    assert shows(broadcast, 12 + 60.0, "01:00", score=(1, 1))
    assert shows(broadcast, 12 + 110.0, "01:50", score=(1, 0))


def test_added_time_a_slope_and_a_clock_that_counts_down():
    late = replace(PLAIN, look=LOOKS[2], joined_s={1: 46 * 60.0})
    left, top, right, bottom = truth(late).box
    frame = np.asarray(draw(late, 12 + 5.0))
    look, teams = late.look, late.teams
    bug = np.asarray(score_bug.draw(SIZE, look, *teams, score_bug.Reading("45:00", "", (0, 0))))
    opaque = bug[..., 3] == 255
    assert (frame[top:bottom, left:right][opaque] == bug[opaque][:, :3]).all()
    before = np.asarray(draw(replace(late, joined_s={1: 44 * 60.0}), 12 + 5.0))
    beside = (slice(top, bottom + 1), slice(right - 30, right + 40))
    assert (frame[beside] != before[beside]).any()
    fast = replace(PLAIN, joined_s={1: 2000.0}, slope=1.001)
    assert shows(fast, 12.5, "33:22")
    assert shows(replace(PLAIN, counts_down=True), 22.0, "44:50")


def test_a_stadium_clock_and_a_studio_clock_are_in_the_picture_besides():
    with_screen = replace(PLAIN, has_stadium_clock=True)
    assert shows(with_screen, 30.0, "00:18")
    differs = [
        (np.asarray(draw(with_screen, t)) != np.asarray(draw(PLAIN, t))).any()
        for t in np.arange(14.0, 60.0, 2.0)
    ]
    assert any(differs)
    without = replace(PLAIN, has_studio_clock=False)
    assert (np.asarray(draw(without, 3.0)) != np.asarray(draw(PLAIN, 3.0))).any()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_the_bug_goes_in_replays_where_its_look_says_so(look):
    broadcast = replace(PLAIN, look=look, goals=(Goal(1, 60.0, "home"),))
    inside, outside = broadcast.opacity(1, 60.0 + 11.0), broadcast.opacity(1, 60.0 + 3.0)
    assert (inside, outside) == (1.0 if look.in_replays else 0.0, 1.0)


def test_goals_are_invented_for_a_match_of_full_length():
    match = replace(PLAIN, halves={1: 47 * 60.0, 2: 51 * 60.0})
    goals = truth(match).goals
    assert len(goals) == 8
    assert {goal.half for goal in goals} == {1, 2}
    assert {goal.side for goal in goals} == {"home", "away"}
    assert [sum(goal.score) for goal in goals] == list(range(1, 9))
    assert all(3 <= goal.shown_s - goal.time_s <= 25 for goal in goals)


def test_the_file_has_the_pictures_at_their_times_and_a_noisy_copy_is_worse(tmp_path):
    broadcast = Broadcast(size=SIZE, rate=10, halves={1: 50.0}, before_s=4, after_s=2)
    known = write(tmp_path / "match.mkv", broadcast)
    write_noisy_copy(tmp_path / "match.mkv", tmp_path / "noisy.mkv", kbit_s=60)
    left, top, right, bottom = known.box

    def bug_error(path, time_s: float, clock: str) -> float:
        with av.open(str(path)) as file:
            frame = next(frame for frame in file.decode(video=0) if frame.time >= time_s)
        seen = frame.to_ndarray(format="rgb24")[top:bottom, left:right]
        reading = score_bug.Reading(clock, "", (0, 0))
        bug = np.asarray(score_bug.draw(SIZE, broadcast.look, *broadcast.teams, reading))
        return float(np.abs(seen.astype(int) - bug[..., :3]).mean())

    errors = [bug_error(tmp_path / "match.mkv", 9.95, clock) for clock in ("00:05", "00:06")]
    assert errors[1] < errors[0]
    assert errors[1] < bug_error(tmp_path / "noisy.mkv", 9.95, "00:06") < 60


def test_a_phones_portrait_recording_has_the_match_in_its_middle():
    phone = replace(PLAIN, size=(180, 320), is_portrait=True)
    frame = np.asarray(draw(phone, 20.0))
    assert frame.shape == (320, 180, 3)
    assert (frame[:100] == frame[0, 0]).all()
    assert (frame[-100:] == frame[0, 0]).all()
    assert frame[120:200].std() > 20
    assert truth(phone).box is None

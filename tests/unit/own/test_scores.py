"""What is made of the score bugs of a user's own videos: halves, goals, and where none can be missed."""

from pathlib import Path

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.own import scores
from touchline.own.join import Covered
from touchline.reels.highlights import HalfVideo
from touchline.scoreboard import result
from touchline.scoreboard.result import HalfClock, Scoreboard, ScoreGoal

MATCH, FIRST, SECOND = Path("match.mp4"), Path("first.mp4"), Path("second.mp4")


def clock(half, start_s, end_s) -> HalfClock:
    return HalfClock(half, start_s, end_s, 1.0, 100, 0.1)


WHOLE = Scoreboard(
    (clock(1, 30.0, 2800.0), clock(2, 3700.0, 6500.0)),
    (
        ScoreGoal(1, 630.0, 629.0, "left", 1, 0, 0.9),
        ScoreGoal(2, 4700.0, 4600.0, "right", 1, 1, 0.8),
    ),
    ("FCB", "MAD"),
)


def save(tmp_path, board, rows, name="readings.parquet") -> Path:
    """Write readings of (time_s, half, left, right)."""
    empty = dict.fromkeys(schema.READINGS.names())
    table = [
        empty | {"time_s": time_s, "half": half, "left": left, "right": right}
        for time_s, half, left, right in rows
    ]
    result.save(tmp_path / name, pl.DataFrame(table, schema.READINGS), board)
    return tmp_path / name


def known(readings, boards, halves) -> dict:
    return {number: scores.scores_in(readings, boards, half) for number, half in halves.items()}


def test_halves_go_from_the_kick_off_to_a_while_after_the_last_clock():
    halves = scores.halves_of({MATCH: WHOLE}, {MATCH: 6520.0})
    assert halves == {1: HalfVideo(MATCH, 2830.0, 30.0), 2: HalfVideo(MATCH, 2820.0, 3700.0)}


def test_a_half_ends_where_the_next_one_starts():
    board = Scoreboard((clock(1, 0.0, 100.0), clock(2, 120.0, 200.0)))
    halves = scores.halves_of({MATCH: board}, {MATCH: 900.0})
    assert [half.duration_s for half in halves.values()] == [120.0, 140.0]


def test_a_video_that_starts_late_has_a_half_that_began_before_it():
    board = Scoreboard((clock(1, -1800.0, 900.0),))
    assert scores.halves_of({MATCH: board}, {MATCH: 2000.0}) == {
        1: HalfVideo(MATCH, 2760.0, -1800.0)
    }


def test_files_are_halves_by_their_clocks_in_whatever_order():
    boards = {
        SECOND: Scoreboard((clock(2, 200.0, 3000.0),)),
        FIRST: Scoreboard((clock(1, 90.0, 2900.0),)),
    }
    halves = scores.halves_of(boards, {FIRST: 3000.0, SECOND: 3100.0})
    assert [(number, half.video) for number, half in halves.items()] == [(1, FIRST), (2, SECOND)]
    with pytest.raises(InputError, match="both show half 1 by their clocks"):
        scores.halves_of(boards | {MATCH: WHOLE}, dict.fromkeys((*boards, MATCH), 9000.0))


def test_goals_are_of_the_half_that_they_lie_in_and_of_the_team_on_their_side():
    halves = scores.halves_of({MATCH: WHOLE}, {MATCH: 6520.0})
    goals = scores.goals_of({MATCH: WHOLE}, halves, swapped=False)
    assert [(goal.half, goal.time_s, goal.team, goal.before, goal.after) for goal in goals] == [
        (1, 600.0, "home", (0, 0), (1, 0)), (2, 1000.0, "away", (1, 0), (1, 1)),
    ]  # fmt: skip
    swapped = scores.goals_of({MATCH: WHOLE}, halves, swapped=True)
    assert [(goal.team, goal.before, goal.after) for goal in swapped] == [
        ("away", (0, 0), (0, 1)), ("home", (0, 1), (1, 1)),
    ]  # fmt: skip
    # Halves that the user gave, whatever the clock says.
    given = {1: HalfVideo(MATCH, 1000.0, 4000.0)}
    (goal,) = scores.goals_of({MATCH: WHOLE}, given, swapped=False)
    assert (goal.half, goal.time_s, goal.earliest_s) == (1, 700.0, 600.0)


def test_no_goal_can_be_missed_between_readings_of_the_score(tmp_path):
    rows = [(40.0, 1, 0, 0), (700.0, 1, 1, 0), (2700.0, 1, 1, 0), (900.0, 1, 7, 0)]
    rows += [(4000.0, 2, 1, 0), (6400.0, 2, 1, 1)]
    readings = {MATCH: save(tmp_path, WHOLE, rows)}
    halves = scores.halves_of({MATCH: WHOLE}, {MATCH: 6520.0})
    covered = scores.covered_by(known(readings, {MATCH: WHOLE}, halves))
    assert covered == [Covered(1, 0.0, 2652.0), Covered(2, 0.0, 2682.0)]
    # Half 2 starts with another score than that of the end of half 1: a goal may have been between.
    late = Scoreboard(WHOLE.halves, (ScoreGoal(2, 4700.0, 4600.0, "right", 1, 1, 0.8),))
    readings = {MATCH: save(tmp_path, late, [(40.0, 1, 0, 0), *rows[-2:]])}
    covered = scores.covered_by(known(readings, {MATCH: late}, halves))
    assert covered[-1] == Covered(2, 300.0, 2682.0)


def test_a_goal_between_two_videos_is_told(tmp_path):
    boards = {
        FIRST: Scoreboard((clock(1, 0.0, 2800.0),)), SECOND: Scoreboard((clock(2, 0.0, 2800.0),))
    }  # fmt: skip
    first = save(tmp_path, boards[FIRST], [(40.0, 1, 0, 0), (2700.0, 1, 0, 0)], "1.parquet")
    for score, count in (((0, 0), 0), ((0, 1), 1)):
        second = save(tmp_path, boards[SECOND], [(50.0, 2, *score)] * 2, "2.parquet")
        halves = scores.halves_of(boards, {FIRST: 2900.0, SECOND: 2900.0})
        messages = scores.unseen_goals(
            known({FIRST: first, SECOND: second}, boards, halves), halves
        )
        assert len(messages) == count
    assert "0-0 at the end of half 1 and 0-1 at the start of half 2" in messages[0]


def test_parts_of_a_half_without_the_score_are_told(tmp_path):
    board = Scoreboard(WHOLE.halves, (ScoreGoal(2, 4700.0, 4600.0, "right", 1, 1, 0.8),))
    rows = [(4000.0, 2, 1, 0), (6000.0, 2, 1, 1)]
    readings = {MATCH: save(tmp_path, board, rows)}
    seen = scores.see(readings, {MATCH: 6520.0}, {}, {})
    assert seen.messages == [
        "Half 1 kicks off at 00:30 of the video, by the match clock.",
        "Half 2 kicks off at 61:40 of the video, by the match clock.",
        "Half 1: the score was not read.",
        "Half 2: the score is not known before 50:00.",
        "Half 2: the score is not known after 83:02.",
    ]
    assert seen.shows_score([2])
    assert not seen.shows_score([1, 2])
    assert scores.spans_to_hear(seen, {MATCH: 6520.0}) == {MATCH: [(4540.0, 4730.0)]}


def test_halves_that_contradict_the_clock_and_clubs_that_the_bug_does_not_name_are_told(tmp_path):
    readings = {MATCH: save(tmp_path, WHOLE, [(4000.0, 2, 1, 0), (6400.0, 2, 1, 1)])}
    given = {1: HalfVideo(MATCH, 2700.0, 3700.0)}
    clubs = {"home": "Foo", "away": "Qux"}
    messages = scores.see(readings, {MATCH: 6520.0}, given, clubs).messages
    assert "gives as half 1 is half 2 by the match clock" in messages[0]
    assert messages[1].startswith(
        "The score bug names FCB and MAD: Foo are taken for the team on its"
    )
    clubs = {"home": "Barcelona", "away": "Real Madrid"}
    messages = scores.see(readings, {MATCH: 6520.0}, given, clubs).messages
    assert not any("The score bug names" in message for message in messages)

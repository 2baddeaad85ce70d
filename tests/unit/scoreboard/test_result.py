"""What the scoreboard of a match says to people: in words, and in the frames of the preview."""

import polars as pl

from touchline.core import schema
from touchline.scoreboard.preview import choose_frames
from touchline.scoreboard.result import HalfClock, Scoreboard, ScoreGoal
from touchline.video.grid import Box

HALVES = (
    HalfClock(1, 20.0, 2800.0, 1.0, 250, 0.2),
    HalfClock(2, 2900.0, 5700.0, 1.0, 260, 0.3),
)
GOALS = tuple(
    ScoreGoal(1, 300.0 + 100 * number, 295.0 + 100 * number, "right", 0, number, 0.98)
    for number in range(1, 7)
)
LATE = ScoreGoal(2, 4000.0, 3900.0, "left", 1, 6, 0.5)


def test_what_was_found_is_described():
    board = Scoreboard(HALVES, (GOALS[0], LATE), ("BRA", None), Box(32, 18, 240, 30))
    bug, first, second, goal, late = board.describe().split("\n")
    assert bug == "score bug: 240 x 30 px, 32 px from the left and 18 px from the top; names BRA"
    assert "half 1: kick-off 00:20, clock last read at 46:40 of the video" in first
    assert "half 2: kick-off 48:20" in second
    assert goal == (
        "goal: 0-1, the team on the right, shown from 06:40 of the video (match clock 06:20); "
        "confidence 0.98"
    )
    assert late.startswith(
        "goal: 1-6, BRA, shown from 66:40 of the video (match clock 63:20), not yet"
    )
    assert "at 65:00, and not read between" in late


def test_a_kick_off_before_the_video_and_a_match_without_goals_are_described():
    early = HalfClock(1, -600.0, 900.0, 1.0, 90, 0.2)
    lines = Scoreboard((early,)).describe().split("\n")
    assert "kick-off 10:00 before the video" in lines[0]
    assert lines[1:] == ["no goal"]
    assert Scoreboard().describe() == "nothing was found"


def test_the_preview_shows_both_halves_of_a_match_with_many_goals_in_the_first():
    times_s = [10.0 * k for k in range(590)]
    halves = [1 if 20 <= s < 2800 else 2 if 2900 <= s < 5700 else None for s in times_s]
    readings = pl.DataFrame({"time_s": times_s, "half": halves}).select(
        *(pl.col(name) if name in ("time_s", "half") else pl.lit(None).cast(kind).alias(name)
          for name, kind in schema.READINGS.items())
    )  # fmt: skip
    rows = choose_frames(readings, Scoreboard(HALVES, GOALS))
    assert len(rows) == 8
    assert {row["half"] for row in rows} == {1, 2}
    assert rows[-1]["time_s"] > 5600
    assert sum(row["time_s"] in {goal.time_s for goal in GOALS} for row in rows) >= 4

"""Goals from the score in the picture: every change of the score bug is a goal some seconds before it.

It answers `goal` alone. Rows of other actions, and of halves whose clock was not read, have the status
`skipped`: no answer was given, and events there count as missed.
"""

from pathlib import Path

import polars as pl

from touchline.core.problems import NOTED, Problem
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.peaks import to_predictions
from touchline.scoreboard import result
from touchline.scoreboard.result import ScoreGoal

GOAL = "goal"
# Seconds from the ball in the net to the new score in the score bug: in a real broadcast 3 to 18.
LAG_S = 9.0


class ScoreReader:
    """Answers with the goals that `touchline scoreboard` found; `lag_s` is how late the score is."""

    def __init__(self, lag_s: float) -> None:
        self.lag_s = lag_s
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the 12 s around each goal of the halves whose clock was read."""
        boards = [result.load(path) for path in match.scoreboards]
        self.problems += [problem for board in boards for problem in board.problems]
        read = {half.half for board in boards for half in board.halves}
        halves = match.samples["half"].unique().sort().to_list()
        if unread := [half for half in halves if half not in read]:
            self.problems.append(
                Problem(
                    match.name,
                    "infer",
                    f"the clock of half {' and '.join(map(str, unread))} was not read in the picture.",
                    "Its goals count as missed; see the problems of the stage scoreboard.",
                    NOTED,
                )
            )
        spots = [
            (goal.half, max(0.0, moment_s(goal, self.lag_s)), GOAL, goal.confidence)
            for board in boards
            for goal in board.goals
        ]
        columns = {
            "half": pl.Int64,
            "time_s": pl.Float64,
            "action": pl.String,
            "confidence": pl.Float64,
        }
        answers = to_predictions(match.samples, pl.DataFrame(spots, schema=columns, orient="row"))
        is_answered = (pl.col("action") == GOAL) & pl.col("half").is_in(sorted(read))
        return answers.with_columns(
            status=pl.when(is_answered).then("status").otherwise(pl.lit("skipped"))
        )


def moment_s(goal: ScoreGoal, lag_s: float = LAG_S) -> float:
    """Return the estimated time of the ball in the net: `lag_s` before the middle of the change."""
    return (goal.earliest_s + goal.time_s) / 2 - lag_s


def load(settings: dict, folder: Path | None) -> ScoreReader:
    """Return the model; raise `InputError` for an unknown setting."""
    check_names(settings, ["lag_s"])
    return ScoreReader(float(settings.get("lag_s", LAG_S)))

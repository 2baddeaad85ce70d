"""What is known of an answer beside the model's own: the score that the picture shows."""

import polars as pl
import pytest

from touchline.reels.hits import EVIDENCE_COLUMNS, read_hits, with_score
from touchline.scoreboard.result import Scoreboard, ScoreGoal

CLUBS = {"home": "Chelsea", "away": "Burnley"}
GOALS = (
    ScoreGoal(1, 609.0, 609.0, "left", 1, 0, 0.9), ScoreGoal(1, 909.0, 909.0, "right", 1, 1, 0.9)
)  # fmt: skip
ANSWERS = pl.DataFrame(
    [
        (1, "goal", 594.0, 606.0, 0.9), (1, "goal", 894.0, 906.0, 0.9),
        (1, "goal", 700.0, 712.0, 0.2), (1, "corner", 594.0, 606.0, 0.5),
        (2, "goal", 594.0, 606.0, 0.9),
    ],
    ["half", "action", "start_s", "end_s", "confidence"],
    orient="row",
)  # fmt: skip


@pytest.mark.parametrize(
    ("names", "teams"),
    [
        (("CHE", "BUR"), ["home", "away"]), (("BUR", "CHE"), ["away", "home"]),
        ((None, None), ["home", "away"]),
    ],
)  # fmt: skip
def test_a_goal_has_the_score_and_the_team_that_the_score_bug_shows(names, teams):
    table = with_score(ANSWERS, [Scoreboard(goals=GOALS, names=names)], CLUBS)
    assert table["team"].to_list() == [*teams, None, None, None]
    scores = [["0-0", "1-0"], ["1-0", "1-1"]]
    if teams[0] == "away":
        scores = [[score[::-1] for score in pair] for pair in scores]
    assert [list(row) for row in table.select(EVIDENCE_COLUMNS[:2]).rows()[:2]] == scores
    evidence = [hit.evidence for _, hit in read_hits(table)]
    assert sum(one is not None for one in evidence) == 2

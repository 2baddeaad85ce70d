"""Goals by the score and by a model's answers: which of them count, when they were, how sure they are."""

import polars as pl
import pytest

from touchline.own.join import Covered, SeenGoal, join

ANSWERS = pl.Schema(
    {
        "match": pl.String, "half": pl.Int64, "chunk": pl.Int64, "action": pl.String,
        "start_s": pl.Float64, "end_s": pl.Float64, "confidence": pl.Float64,
    }
)  # fmt: skip
DURATIONS = {1: 2800.0, 2: 2900.0}
WHOLE = [Covered(half, 0.0, duration_s) for half, duration_s in DURATIONS.items()]


def answers(*rows) -> pl.DataFrame:
    """Return answers of 12 s, from (half, action, middle, confidence)."""
    table = [
        ("m", half, int(middle // 60), action, middle - 6, middle + 6, confidence)
        for half, action, middle, confidence in rows
    ]
    return pl.DataFrame(table, ANSWERS, orient="row")


def goal(half, time_s, before=(0, 0), after=(1, 0), earliest_s=None, team="home") -> SeenGoal:
    earliest_s = time_s - 1 if earliest_s is None else earliest_s
    return SeenGoal(half, earliest_s, time_s, team, before, after, 0.9)


def moments(table) -> list[tuple]:
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    return table.select("half", "action", middle, "confidence").rows()


def test_the_answer_before_the_change_tells_when_the_goal_was_and_makes_it_surer():
    spoken = answers((1, "goal", 590.0, 0.5), (1, "goal", 597.0, 0.2))
    table, messages = join(spoken, [goal(1, 600.0)], WHOLE, DURATIONS, "m")
    assert moments(table) == [(1, "goal", 590.0, pytest.approx(0.95))]
    assert table["score_before"][0] == "0-0"
    assert table["score_after"][0] == "1-0"
    assert table["team"][0] == "home"
    assert messages == [
        "Goals that the score shows: 1 in half 1; the model confirms 1.",
        "Answers of the model that are no goals by the score, and are left out: 1.",
    ]


def test_without_an_answer_the_moment_is_that_of_the_change_less_the_usual_lag():
    unsure, far = (1, "goal", 592.0, 0.05), (1, "goal", 550.0, 0.9)
    for spoken in (answers(), answers(unsure), answers(far), answers((2, "goal", 592.0, 0.9))):
        table, _ = join(spoken, [goal(1, 600.0)], WHOLE, DURATIONS, "m")
        assert moments(table) == [(1, "goal", 591.0, 0.9)]


def test_the_score_changes_after_the_ball_is_in_the_net():
    table, _ = join(answers((1, "goal", 604.0, 0.5)), [goal(1, 600.0)], WHOLE, DURATIONS, "m")
    assert moments(table)[0][2] == 597.0


def test_a_goal_that_was_not_seen_for_a_while_has_a_long_interval():
    table, messages = join(answers(), [goal(1, 600.0, earliest_s=500.0)], WHOLE, DURATIONS, "m")
    assert "The goal to 1-0 was between 08:20 and 10:00" in messages[1]
    assert table.select("start_s", "end_s").row(0) == (491.0, 597.0)


def test_two_goals_within_a_minute_do_not_share_an_answer():
    goals = [goal(2, 600.0), goal(2, 630.0, (1, 0), (1, 1), team="away")]
    spoken = answers((2, "goal", 590.0, 0.6), (2, "goal", 619.0, 0.3))
    table, _ = join(spoken, goals, WHOLE, DURATIONS, "m")
    assert [row[2] for row in moments(table)] == [590.0, 619.0]
    assert table["team"].to_list() == ["home", "away"]


def test_where_the_score_was_not_read_the_models_goals_stay():
    spoken = answers((1, "goal", 100.0, 0.6), (1, "goal", 2000.0, 0.7), (1, "corner", 2100.0, 0.4))
    table, messages = join(spoken, [], [Covered(1, 1500.0, 2800.0)], DURATIONS, "m")
    assert moments(table) == [
        (1, "goal", 100.0, 0.6), (1, "corner", 2100.0, 0.4),
    ]  # fmt: skip
    assert table["score_after"].to_list() == [None, None]
    assert messages == ["Answers of the model that are no goals by the score, and are left out: 1."]


def test_nothing_ends_outside_of_its_half():
    table, _ = join(answers(), [goal(1, 4.0)], WHOLE, DURATIONS, "m")
    start_s, end_s = table.select("start_s", "end_s").row(0)
    assert start_s == 0
    assert start_s < end_s

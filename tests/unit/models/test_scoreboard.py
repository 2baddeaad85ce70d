"""The score's goals as answers, in the columns of every model."""

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.data.samples import make_samples
from touchline.models.backend import Match
from touchline.models.scoreboard import load
from touchline.scoreboard.result import HalfClock, Scoreboard, ScoreGoal, save

NO_READINGS = pl.DataFrame(schema=schema.READINGS)
NO_LINES = pl.DataFrame(schema=schema.COMMENTARY)


@pytest.fixture
def match(tmp_path):
    """Return a match of two halves of 3 minutes; the clock of the second was not read."""
    goals = (
        ScoreGoal(1, 70.0, 69.5, "left", 1, 0, 0.98),
        ScoreGoal(1, 150.0, 130.0, "right", 1, 1, 0.6),
    )
    half = HalfClock(1, 0.5, 178.0, 1.001, 18, 0.2)
    save(tmp_path / "1.parquet", NO_READINGS, Scoreboard((half,), goals))
    save(tmp_path / "2.parquet", NO_READINGS, Scoreboard())
    samples = make_samples(NO_LINES, {1: 180.0, 2: 180.0}, ["corner", "goal"], 60.0, 0.0)
    return Match("m", samples, scoreboards=[tmp_path / "1.parquet", tmp_path / "2.parquet"])


def answers(match: Match, **settings: float) -> pl.DataFrame:
    model = load(settings, None)
    table = model.answer(match)
    assert dict(table.schema) == dict(schema.PREDICTIONS)
    return table


def intervals(table: pl.DataFrame) -> list[tuple]:
    rows = table.explode("intervals").drop_nulls("intervals").unnest("intervals")
    return list(rows.select("half", "chunk", "start_s", "end_s", "confidence").iter_rows())


def test_a_goal_is_twelve_seconds_around_the_moment_before_the_change(match):
    assert intervals(answers(match, lag_s=9)) == [
        (1, 1, 54.75, 66.75, 0.98),
        (1, 2, 125.0, 137.0, 0.6),
    ]


def test_another_lag_moves_the_answers(match):
    assert [row[2] for row in intervals(answers(match, lag_s=4))] == [59.75, 130.0]


def test_what_is_not_answered_is_skipped_and_no_denial(match):
    table = answers(match)
    status = {key: set(rows["status"]) for key, rows in table.group_by("half", "action")}
    assert status[1, "goal"] == {"ok", "none"}
    assert status[1, "corner"] == {"skipped"}
    assert status[2, "goal"] == status[2, "corner"] == {"skipped"}


def test_a_half_whose_clock_was_not_read_is_said(match):
    model = load({}, None)
    model.answer(match)
    assert "the clock of half 2 was not read" in str(model.problems[-1])


def test_other_settings_and_other_files_are_refused(match, tmp_path):
    with pytest.raises(InputError, match="leng"):
        load({"length_s": 3}, None)
    schema.write(tmp_path / "other.parquet", NO_READINGS, schema.READINGS)
    with pytest.raises(InputError, match="not what `touchline scoreboard` writes"):
        load({}, None).answer(match._replace(scoreboards=[tmp_path / "other.parquet"]))

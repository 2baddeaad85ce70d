"""Qualitative examples: what each kind of moment is, and the commentary beside it."""

import numpy as np
import polars as pl
import pytest

from report_study import HOSTILE, MATCHES
from touchline.core import schema
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.report import qualitative


@pytest.fixture(scope="module")
def answered(reported_study):
    """Return (truths, answers) of the model."""
    results = reported_study / "results"
    patterns = (f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet")
    answers = schema.read(results / "scores/linear.answers.parquet", schema.ANSWERS)
    return read_ground_truth(MATCHES, *patterns)[1], answers


def test_moments_are_right_invented_or_missed_as_their_kind_says(answered):
    truths, answers = answered
    moments = qualitative.choose_moments(truths, answers)
    assert [len(table) for table in moments.values()] == [3, 3, 3]
    counted = answers.filter("counted").with_columns(
        time_s=(pl.col("start_s") + pl.col("end_s")) / 2
    )
    for kind, table in moments.items():
        assert table["match"].n_unique() == 3
        for match, half, action, time_s, confidence in table.iter_rows():
            same = {"match": match, "half": half, "action": action}
            events = truths.filter(**same)["time_s"].to_numpy()
            times = counted.filter(**same)["time_s"].to_numpy()
            nearest = np.abs(events - time_s).min() if len(events) else np.inf
            if kind == "right":
                assert nearest < 6.5
                assert confidence >= 0.4
            if kind == "invented":
                assert nearest >= 30
            if kind == "missed":
                assert confidence is None
                assert len(times) == 0 or np.abs(times - time_s).min() > 5.5


def test_a_moment_comes_with_the_lines_nearest_to_it(reported_study):
    chosen = pl.DataFrame(
        [("a", 1, "goal", 130.0, 0.5)], ["match", "half", "action", "time_s", "confidence"],
        orient="row",
    )  # fmt: skip
    (moment,) = qualitative.describe_moments(
        chosen, f"{reported_study}/results/samples/{{match}}.parquet"
    )
    assert moment == qualitative.Moment("a", 1, "02:10", "Goal", 0.5, [f"02:00 {HOSTILE}"])

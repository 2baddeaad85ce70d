"""Metric breakdowns, compared with counts of the part that each is about."""

import polars as pl
import pytest

import small_study
from small_study import MATCHES
from touchline.core import schema
from touchline.evaluation import breakdowns
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.evaluation.matching import count, with_ratios


@pytest.fixture(scope="module")
def scored(two_models):
    """Return (samples, truths, answers) of the first model."""
    results = two_models / "results"
    patterns = (f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet")
    answers = schema.read(results / "scores/linear.answers.parquet", schema.ANSWERS)
    return *read_ground_truth(MATCHES, *patterns), answers


def pooled(samples, truths, answers, matching="many"):
    counts = count(samples, truths, answers).filter(protocol="full", matching=matching)
    return with_ratios(counts.select(pl.col("tp", "fp", "fn").sum())).row(0, named=True)


def test_the_curve_is_the_count_at_every_threshold(scored):
    samples, truths, answers = scored
    curve = breakdowns.precision_recall(answers, truths)
    for row in curve.filter(action="all")[::20].iter_rows(named=True):
        reached = answers.filter(pl.col("confidence") >= row["threshold"])
        expected = pooled(samples, truths, reached)
        assert {name: row[name] for name in expected} == expected
    goals = curve.filter(action="goal")
    assert goals["recall"].is_sorted()
    assert goals["threshold"].is_sorted(descending=True)


def test_a_long_curve_is_thinned_and_keeps_its_ends(scored, monkeypatch):
    _, truths, answers = scored
    full = breakdowns.precision_recall(answers, truths).filter(action="all")
    monkeypatch.setattr(breakdowns, "CURVE_POINTS", 10)
    thin = breakdowns.precision_recall(answers, truths).filter(action="all")
    assert len(thin) == 10 < len(full)
    assert thin[0].equals(full[0])
    assert thin[-1].equals(full[-1])


def test_reliability_is_the_share_of_hits_of_each_tenth_of_confidence(scored):
    samples, truths, answers = scored
    unsure = answers[::7].with_columns(confidence=pl.lit(None, pl.Float64))
    table = breakdowns.reliability(pl.concat([answers, unsure]), truths)
    assert table["answers"].sum() == len(answers)
    for row in table.iter_rows(named=True):
        inside = (pl.col("confidence") >= row["low"]) & (pl.col("confidence") < row["high"])
        if row["high"] == 1:
            inside = pl.col("confidence") >= row["low"]
        in_bin = answers.filter(inside)
        missed = pooled(samples, truths, in_bin)["fp"]
        assert row["answers"] == len(in_bin)
        assert row["matched"] == pytest.approx(1 - missed / len(in_bin))
        assert row["confidence"] == pytest.approx(in_bin["confidence"].mean())


def test_parts_are_the_counts_of_their_samples(scored):
    samples, truths, answers = scored
    counted = answers.filter("counted")
    table = breakdowns.parts(samples, truths, answers)

    def part(part, value, matching="many"):
        return table.filter(part=part, value=value, matching=matching).row(0, named=True)

    first = pl.col("half") == 1
    expected = pooled(samples.filter(first), truths.filter(first), counted.filter(first), "one")
    assert {name: part("half", "1", "one")[name] for name in expected} == expected
    spoken = pl.col("chunk") % 2 == 0
    expected = pooled(samples.filter(spoken), truths.filter(spoken), counted.filter(spoken))
    assert {name: part("commentary", "with")[name] for name in expected} == expected
    shown, unshown = part("visibility", "shown"), part("visibility", "not shown")
    assert shown["events"] + unshown["events"] == len(truths)
    unshown_events = truths.filter(visibility="not shown")
    assert unshown["recall"] == pooled(samples, unshown_events, counted)["recall"]
    assert (shown["precision"], shown["f1"], shown["fp"]) == (None, None, None)


def test_hallucinations_and_timing_errors_of_a_case_that_can_be_counted_by_hand(tmp_path):
    labels = pl.DataFrame(
        [(1, time_s, "goal", "Goal", None, None) for time_s in (30.0, 100.0, 400.0)],
        schema.LABELS, orient="row",
    )  # fmt: skip
    small_study.lay(tmp_path, {"b": labels})
    spots = [(31.0, 0.9), (28.0, 0.9), (104.0, 0.9), (200.0, 0.9), (210.0, 0.9), (399.0, 0.1)]
    spots = pl.DataFrame(spots, {"time_s": float, "confidence": float}, orient="row")
    spots = spots.select(
        pl.lit(1).alias("half"), "time_s", pl.lit("goal").alias("action"), "confidence"
    )
    small_study.answer(tmp_path, "linear", {"b": spots}, threshold=0.5)
    results = tmp_path / "results"
    samples, truths = read_ground_truth(
        ["b"], f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet"
    )
    answers = schema.read(results / "scores/linear.answers.parquet", schema.ANSWERS)
    table = breakdowns.errors(samples, truths, answers)
    goal = table.filter(action="goal").row(0, named=True)
    # 20 minutes, three with a goal; both answers at 200 and 210 s are invented; errors 1 and 4 s.
    assert goal == {
        "action": "goal", "empty_minutes": 17, "hallucinations": 2, "per_empty_minute": 2 / 17,
        "hits": 2, "median_s": 2.5, "p90_s": pytest.approx(3.7),
    }  # fmt: skip
    assert table.filter(action="all")["empty_minutes"].item() == 57
    foul = table.filter(action="foul").row(0, named=True)
    assert (foul["hits"], foul["median_s"], foul["per_empty_minute"]) == (0, None, 0)

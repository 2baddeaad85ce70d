"""The paired bootstrap of differences between models."""

import numpy as np
import polars as pl
import pytest

from score_tables import random_scores, scores_of
from touchline.evaluation import metrics
from touchline.evaluation.bootstrap import draw_matches, paired_differences


def test_differences_equal_a_plain_loop_over_the_same_draws():
    scores = {"x": random_scores(6, seed=1), "y": random_scores(6, seed=2)}
    table = paired_differences(scores, 100, 5, 0.9)
    row = table.row(
        by_predicate=(pl.col("protocol") == "full")
        & (pl.col("matching") == "one")
        & (pl.col("action") == "goal"),
        named=True,
    )
    values = []
    for drawn in draw_matches(6, 100, 5):
        f1 = {}
        for model, counts in scores.items():
            tp = fp = fn = 0
            rows = counts.filter(protocol="full", matching="one", action="goal").sort("match")
            for times, line in zip(drawn.tolist(), rows.iter_rows(named=True), strict=True):
                tp, fp, fn = (
                    tp + times * line["tp"],
                    fp + times * line["fp"],
                    fn + times * line["fn"],
                )
            f1[model] = 2 * tp / (2 * tp + fp + fn)
        values.append(f1[row["model"]] - f1[row["other"]])
    assert [row["low"], row["high"]] == pytest.approx(np.quantile(values, [0.05, 0.95]), abs=1e-12)
    assert row["share_above"] == np.mean([value > 0 for value in values])
    assert row["difference"] == pytest.approx(row["f1"] - row["f1_other"])


def test_pairing_narrows_the_difference_of_models_that_fail_on_the_same_matches():
    easy = {f"m{n}": n % 2 for n in range(40)}
    scores = {
        model: scores_of({(m, "goal"): (9 * e + gain, 1, 10 - 9 * e) for m, e in easy.items()})
        for model, gain in (("x", 2), ("y", 1))
    }
    row = paired_differences(scores, 500, 0, 0.95).filter(action="all").row(0, named=True)
    single = (
        metrics.summarise_scores(scores["x"], 500, 0, 0.95).filter(action="all").row(0, named=True)
    )
    assert 0 < row["low"] < row["difference"] < row["high"]
    assert row["high"] - row["low"] < (single["f1_high"] - single["f1_low"]) / 3
    assert row["share_above"] == 1


def test_equal_models_differ_by_nothing_and_one_match_has_no_interval():
    scores = {"x": random_scores(4), "y": random_scores(4)}
    table = paired_differences(scores, 50, 0, 0.95)
    assert table["difference"].to_list() == table["low"].to_list() == table["high"].to_list()
    assert set(table["share_above"]) == {0.0}
    alone = {model: counts.filter(match="match000") for model, counts in scores.items()}
    table = paired_differences(alone, 50, 0, 0.95)
    assert table.select("low", "high", "share_above").null_count().row(0) == (len(table),) * 3
    nothing = {model: scores_of({("a", "goal"): (0, 0, 0)}) for model in "xy"}
    assert paired_differences(nothing, 5, 0, 0.95)["difference"].null_count() == 8

import numpy as np
import polars as pl
import pytest

import small_study
from score_tables import random_scores, scores_of
from touchline.core import schema
from touchline.evaluation import breakdowns, metrics, table_format, tables
from touchline.evaluation.bootstrap import draw_matches, paired_differences
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.evaluation.matching import count, with_ratios

MATCHES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two models, three matches, and every table of them."""
    folder = tmp_path_factory.mktemp("study")
    labels = {match: small_study.events(seed) for seed, match in enumerate(MATCHES)}
    small_study.lay(folder, labels)
    for number, model in enumerate(("linear", "other")):
        spots = {
            match: small_study.random_spots(10 * number + seed, labels[match])
            for seed, match in enumerate(MATCHES)
        }
        small_study.answer(folder, model, spots, threshold=0.3)
    small_study.finish(folder, ["linear", "other"], MATCHES)
    return folder


@pytest.fixture(scope="module")
def judged(study):
    """Return (samples, truths, answers) of the first model."""
    results = study / "results"
    patterns = (f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet")
    answers = schema.read(results / "scores/linear.answers.parquet", schema.ANSWERS)
    return *read_ground_truth(MATCHES, *patterns), answers


def pooled(samples, truths, answers, matching="many"):
    counts = count(samples, truths, answers).filter(protocol="full", matching=matching)
    return with_ratios(counts.select(pl.col("tp", "fp", "fn").sum())).row(0, named=True)


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
            own = counts.filter(protocol="full", matching="one", action="goal").sort("match")
            for times, line in zip(drawn.tolist(), own.iter_rows(named=True), strict=True):
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
    own = (
        metrics.summarise_scores(scores["x"], 500, 0, 0.95).filter(action="all").row(0, named=True)
    )
    assert 0 < row["low"] < row["difference"] < row["high"]
    assert row["high"] - row["low"] < (own["f1_high"] - own["f1_low"]) / 3
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


def test_the_curve_is_the_count_at_every_threshold(judged):
    samples, truths, answers = judged
    curve = breakdowns.precision_recall(answers, truths)
    for row in curve.filter(action="all")[::20].iter_rows(named=True):
        reached = answers.filter(pl.col("confidence") >= row["threshold"])
        expected = pooled(samples, truths, reached)
        assert {name: row[name] for name in expected} == expected
    goals = curve.filter(action="goal")
    assert goals["recall"].is_sorted()
    assert goals["threshold"].is_sorted(descending=True)


def test_a_long_curve_is_thinned_and_keeps_its_ends(judged, monkeypatch):
    _, truths, answers = judged
    full = breakdowns.precision_recall(answers, truths).filter(action="all")
    monkeypatch.setattr(breakdowns, "CURVE_POINTS", 10)
    thin = breakdowns.precision_recall(answers, truths).filter(action="all")
    assert len(thin) == 10 < len(full)
    assert thin[0].equals(full[0])
    assert thin[-1].equals(full[-1])


def test_reliability_is_the_share_of_hits_of_each_tenth_of_confidence(judged):
    samples, truths, answers = judged
    unsure = answers[::7].with_columns(confidence=pl.lit(None, pl.Float64))
    table = breakdowns.reliability(pl.concat([answers, unsure]), truths)
    assert table["answers"].sum() == len(answers)
    for row in table.iter_rows(named=True):
        inside = (pl.col("confidence") >= row["low"]) & (pl.col("confidence") < row["high"])
        if row["high"] == 1:
            inside = pl.col("confidence") >= row["low"]
        said = answers.filter(inside)
        missed = pooled(samples, truths, said)["fp"]
        assert row["answers"] == len(said)
        assert row["matched"] == pytest.approx(1 - missed / len(said))
        assert row["confidence"] == pytest.approx(said["confidence"].mean())


def test_parts_are_the_counts_of_their_samples(judged):
    samples, truths, answers = judged
    said = answers.filter("counted")
    table = breakdowns.parts(samples, truths, answers)

    def part(part, value, matching="many"):
        return table.filter(part=part, value=value, matching=matching).row(0, named=True)

    first = pl.col("half") == 1
    expected = pooled(samples.filter(first), truths.filter(first), said.filter(first), "one")
    assert {name: part("half", "1", "one")[name] for name in expected} == expected
    spoken = pl.col("chunk") % 2 == 0
    expected = pooled(samples.filter(spoken), truths.filter(spoken), said.filter(spoken))
    assert {name: part("commentary", "with")[name] for name in expected} == expected
    shown, unshown = part("visibility", "shown"), part("visibility", "not shown")
    assert shown["events"] + unshown["events"] == len(truths)
    found = truths.filter(visibility="not shown")
    assert unshown["recall"] == pooled(samples, found, said)["recall"]
    assert (shown["precision"], shown["f1"], shown["fp"]) == (None, None, None)


def test_hallucinations_and_time_errors_of_a_case_that_can_be_counted_by_hand(tmp_path):
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


def test_cost_is_of_the_answers_and_else_of_the_jobs(tmp_path):
    rows = {"half": [1, 1], "chunk": [0, 1], "action": "goal", "intervals": [[], []]}
    answers = schema.fill_predictions(pl.DataFrame(rows))
    for match, seconds in (("a", 2.0), ("b", 4.0)):
        measured = answers.with_columns(seconds=pl.lit(seconds), cost_usd=pl.lit(0.25))
        schema.write(tmp_path / f"paid/{match}.parquet", measured, schema.PREDICTIONS)
        schema.write(tmp_path / f"free/{match}.parquet", answers, schema.PREDICTIONS)
        (tmp_path / f"{match}.tsv").write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    jobs = f"{tmp_path}/{{match}}.tsv"
    paid = tables.cost(["a", "b"], f"{tmp_path}/paid/{{match}}.parquet", jobs)
    assert paid.row(0) == (2, 6.0, "answers", 0.5)
    free = tables.cost(["a", "b"], f"{tmp_path}/free/{{match}}.parquet", jobs)
    assert free.row(0) == (2, 3.0, "jobs", None)
    unknown = tables.cost(["a", "b"], f"{tmp_path}/free/{{match}}.parquet", "nowhere/{match}")
    assert unknown.row(0) == (2, None, None, None)


def test_every_table_is_written_for_every_model_and_in_markdown(study):
    results = study / "results"
    for name in ("average_map", "precision_recall", "reliability", "parts", "errors", "cost"):
        assert pl.read_csv(results / f"{name}.csv")["model"].unique().sort().to_list() == [
            "linear", "other",
        ]  # fmt: skip
    text = (results / "tables.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {table.title}" for table in table_format.read_tables(results)
    ]
    f1 = pl.read_csv(results / "metrics.csv").filter(
        model="other", protocol="full", matching="many", action="all"
    )["f1"]
    assert f"| {f1.item():.4f} |" in text
    pair = pl.read_csv(results / "differences.csv").row(0, named=True)
    assert f"| {pair['model']} − {pair['other']} |" in text
    assert pair["f1"] >= pair["f1_other"]


def test_what_is_undefined_is_a_dash_for_people():
    assert (
        table_format.format_number(None)
        == table_format.format_interval(None, None)
        == table_format.format_difference(None)
        == "–"
    )
    assert table_format.format_difference(-0.25, 2) == "−0.25"
    assert table_format.format_interval(0.1, 0.2, 1) == "0.1–0.2"
    assert table_format.format_number(0.1236, 3) == "0.124"

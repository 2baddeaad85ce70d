import csv
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from score_tables import ACTIONS, random_scores, scores_of
from touchline.core import schema
from touchline.core.problems import NOTED, ROW_LEFT_OUT, InputError, Problem
from touchline.evaluation import metrics


def tally_of(*matches):
    """Return what became of four samples in each match; (tokens, cost) may be unknown.

    The distributions of three of them have .25 outside of the answers.
    """
    counts, read = (4, 1, 1, 1, 1, 0, 0, 0, 0), (3, 0.75)
    rows = [
        (f"m{n}", *counts, tokens, None, None, None, usd, *(read if usd else (0, None)))
        for n, (tokens, usd) in enumerate(matches)
    ]
    return pl.DataFrame(rows, schema.TALLY, orient="row")


def summary(scores, resamples=200, seed=0, confidence_level=0.95, action="goal"):
    table = metrics.summarise_scores(scores, resamples, seed, confidence_level)
    return table.row(
        by_predicate=(pl.col("protocol") == "full")
        & (pl.col("matching") == "one")
        & (pl.col("action") == action),
        named=True,
    )


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1"),
    [
        ((0, 0, 0), None, None, None),
        ((0, 0, 3), None, 0.0, 0.0),  # nothing answered
        ((0, 3, 0), 0.0, None, 0.0),  # nothing to find
        ((0, 1, 1), 0.0, 0.0, 0.0),
        ((3, 1, 2), 3 / 4, 3 / 5, 6 / 9),
    ],
)
def test_a_ratio_that_is_undefined_is_empty_and_never_zero(counts, precision, recall, f1):
    row = summary(scores_of({("a", "goal"): counts, ("b", "goal"): (0, 0, 0)}))
    assert (row["precision"], row["recall"], row["f1"]) == (precision, recall, f1)


def test_counts_are_pooled_over_matches_and_over_actions():
    scores = scores_of(
        {("a", "goal"): (1, 2, 3), ("b", "goal"): (4, 0, 1), ("a", "advantage"): (2, 2, 2)}
    )
    row = summary(scores)
    assert [row[name] for name in metrics.COUNTS] == [10, 9, 7, 5, 2, 4]
    row = summary(scores, action="all")
    assert [row[name] for name in metrics.COUNTS] == [15, 13, 11, 7, 4, 6]
    assert row["f1"] == 14 / 24


@pytest.mark.parametrize("action", ["goal", "all"])
@pytest.mark.parametrize("confidence_level", [0.5, 0.95])
def test_the_bootstrap_equals_a_plain_loop_with_the_same_draws(action, confidence_level):
    scores = random_scores(7)
    rows = scores.filter(protocol="full", matching="one")
    names = sorted(set(rows["match"]))
    draws = np.random.default_rng(3).multinomial(len(names), [1 / len(names)] * len(names), 200)
    values = []
    for draw in draws:
        tp = fp = fn = 0
        for row in rows.iter_rows(named=True):
            if action in (row["action"], "all"):
                times = int(draw[names.index(row["match"])])
                tp, fp, fn = tp + times * row["tp"], fp + times * row["fp"], fn + times * row["fn"]
        values.append(2 * tp / (2 * tp + fp + fn))
    row = summary(scores, seed=3, confidence_level=confidence_level, action=action)
    expected = np.quantile(values, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    assert [row["f1_low"], row["f1_high"]] == pytest.approx(expected, abs=1e-12)
    assert row["f1_low"] < row["f1"] < row["f1_high"]


def test_the_interval_covers_the_true_f1_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    truth = 2 * 0.3 / (1 + 0.3)  # of 60 events a match, found with probability .3, never wrong
    covered = 0
    for trial in range(60):
        hits = random.binomial(60, 0.3, size=40)
        counts = {(f"m{k:02d}", "goal"): (int(tp), 0, 60 - int(tp)) for k, tp in enumerate(hits)}
        row = summary(scores_of(counts), resamples=300, seed=trial, confidence_level=0.9)
        covered += row["f1_low"] <= truth <= row["f1_high"]
    assert 46 <= covered <= 60


def test_draws_without_anything_to_measure_are_left_out_of_the_interval():
    row = summary(scores_of({("a", "goal"): (1, 0, 0), ("b", "goal"): (0, 0, 0)}))
    assert (row["f1_low"], row["f1_high"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    "counts",
    [{("a", "goal"): (3, 1, 2)}, {("a", "goal"): (0, 0, 0), ("b", "goal"): (0, 0, 0)}],
)
def test_one_match_or_nothing_to_measure_has_an_empty_interval(counts):
    row = summary(scores_of(counts))
    assert (row["f1_low"], row["f1_high"]) == (None, None)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A working directory with the scores of two models, a sheet and the tables of two matches."""
    monkeypatch.chdir(tmp_path)
    for seed, model in enumerate(["zeta", "alpha"]):
        scores = random_scores(4, seed).sample(fraction=1, shuffle=True, seed=seed)
        schema.write(f"results/scores/{model}.parquet", scores, schema.SCORES)
        answers = tally_of((10, 0.5), (None, None)) if seed else tally_of((None, None))
        schema.write(f"results/scores/{model}.tally.parquet", answers, schema.TALLY)
    (tmp_path / "matches.csv").write_text(
        "match,half,split,video,duration_s,labels,commentary\n"
        "good,1,valid,,90,,\nbad,1,friendly,,90,,\n",
        encoding="utf-8",
    )
    problems = {
        ("labels", "good"): [
            Problem("good", "labels", "row is odd.", "Mend it.", ROW_LEFT_OUT, 1, "x.json", 3)
        ],
        ("commentary", "good"): [Problem("good", "commentary", "2 blank.", "Nothing.", NOTED)],
    }
    for match in ("good", "other"):
        for table, kind in (("labels", schema.LABELS), ("commentary", schema.COMMENTARY)):
            path = f"results/{table}/{match}.parquet"
            schema.write(path, pl.DataFrame(schema=kind), kind, problems.get((table, match), []))
    return tmp_path


ARGUMENTS = ["--models", "zeta", "alpha", "--resamples", "50", "--sheet", "matches.csv",
             "--matches", "good", "other"]  # fmt: skip


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_in_the_order_of_the_models_with_all_before_the_actions(study):
    metrics.main(ARGUMENTS)
    rows = read("results/metrics.csv")
    assert list(rows[0]) == metrics.METRICS
    assert [tuple(row.values())[:4] for row in rows] == [
        (model, protocol, matching, action)
        for model in ("zeta", "alpha")
        for protocol in ("full", "positives")
        for matching in ("many", "one")
        for action in ("all", "advantage", "goal")
    ]


def test_answers_are_counted_by_status_and_what_is_unknown_is_empty(study):
    metrics.main(ARGUMENTS)
    zeta, alpha = read("results/answers.csv")
    assert list(zeta) == ["model", "samples", *schema.STATUSES, "failed", *schema.TOKENS,
                          "seconds", "cost_usd", "outside"]  # fmt: skip
    assert list(zeta.values()) == [
        "zeta", "4", "1", "1", "1", "1", "0", "0", "0", "0", "0.250000", "", "", "", "", "", ""
    ]  # fmt: skip
    assert list(alpha.values()) == [
        "alpha", "8", "2", "2", "2", "2", "0", "0", "0", "0", "0.250000", "10", "", "", "", "0.500000", "0.250000"
    ]  # fmt: skip


def test_two_processes_write_the_same_bytes(study):
    written = []
    for run in ("first", "second"):
        out, problems = study / f"{run}.csv", study / f"{run}-problems.csv"
        command = [sys.executable, "-m", "touchline", "metrics", *ARGUMENTS]
        subprocess.run([*command, "--out", out, "--problems", problems], check=True)
        written.append((out.read_bytes(), problems.read_bytes()))
    assert written[0] == written[1]


def test_problems_are_those_of_the_sheet_then_of_each_matchs_tables(study, capsys):
    metrics.main(ARGUMENTS)
    rows = read("results/problems.csv")
    assert [(row["match"], row["stage"], row["effect"]) for row in rows] == [
        ("bad", "sheet", "match set aside"),
        ("good", "labels", "row left out"),
        ("good", "commentary", "noted"),
    ]
    assert (rows[0]["file"], rows[0]["row"]) == ("matches.csv", "3")
    assert (rows[1]["file"], rows[1]["row"], rows[1]["remedy"]) == ("x.json", "3", "Mend it.")
    shown = capsys.readouterr()
    assert "3 problems, 2 of which cost something: results/problems.csv" in shown.out
    assert "row is odd." in shown.err
    assert "2 blank." not in shown.err


def test_without_problems_the_table_has_only_its_header(study):
    metrics.main(["--models", "zeta", "--resamples", "5", "--matches", "other"])
    assert read("results/problems.csv") == []
    assert (study / "results/problems.csv").read_text().startswith("match,half,stage,file,row,")


def test_show_prints_a_row_per_model_of_the_table_that_is_there(study, capsys):
    metrics.main(ARGUMENTS)
    table = (study / "results/metrics.csv").read_bytes()
    printed = capsys.readouterr().out
    metrics.main(["--show"])
    shown = capsys.readouterr().out
    assert printed.endswith(shown)
    heading, blank, names, _, *lines = shown.splitlines()
    assert "IoU > 0.3" in heading
    assert (blank, names.split()[:4]) == ("", ["model", "events", "answers", "hits"])
    rows = {
        (row["model"], row["matching"]): row
        for row in read("results/metrics.csv")
        if (row["protocol"], row["action"]) == ("full", "all")
    }
    by_f1 = sorted(("zeta", "alpha"), key=lambda name: -float(rows[name, "many"]["f1"] or -1))
    assert [line.split()[0] for line in lines] == by_f1
    for line in lines:
        model, *cells = line.split()
        row = rows[model, "many"]
        assert cells[:3] == [row[name] for name in ("events", "predictions", "tp")]
        values = [row[name] for name in ("precision", "recall", "f1", "f1_low", "f1_high")]
        expected = [f"{float(value):.4f}" for value in [*values, rows[model, "one"]["f1"]]]
        assert [cell for cell in cells[3:] if cell != "to"] == expected
    assert (study / "results/metrics.csv").read_bytes() == table


def test_show_leaves_undefined_ratios_blank(study, capsys):
    names = [f"m{number}" for number in range(60)]  # more empty rows than a CSV reader looks at
    nothing = scores_of({("a", action): (0, 0, 0) for action in ACTIONS})
    for name in names:
        schema.write(f"results/scores/{name}.parquet", nothing, schema.SCORES)
        empty = tally_of((None, None)).clear()
        schema.write(f"results/scores/{name}.tally.parquet", empty, schema.TALLY)
    metrics.main(["--models", *names, "zeta", "--resamples", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].startswith("zeta")  # the highest F1 first, what is undefined last
    assert lines[5].split() == ["m0", "0", "0", "0"]


def test_show_without_a_table_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.csv"):
        metrics.main(["--show", "--out", str(tmp_path / "nothing.csv")])

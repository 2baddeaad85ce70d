"""What a study plans after a change; test_reruns.py has the table of the docs."""

import os

import polars as pl

from code_changes import add_code, add_text, describe_otherwise
from project import REPORTED

# The jobs of one model before metrics.csv.
JUDGED = {"score": 1, "average_map": 1}
JUDGED_BOTH = dict.fromkeys(JUDGED, 2)


def test_metrics_alone_ask_for_no_report(study):
    add_code(study.library / "evaluation/matching.py")
    assert study.plan("results/metrics.csv") == {"score": 2, "metrics": 1}


def test_a_change_of_the_page_only_writes_the_page(study):
    add_text(study.folder / "workflow/report/page.html.j2")
    assert study.plan() == {"report": 1, "provenance": 1, "study": 1}


def test_a_label_fix_rescores_and_never_reinfers(study):
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    scored = sheet.filter(split="test")["labels"][0]
    path = study.folder / "demo" / scored
    study.edit(path, '"position": "', '"position": "1')
    assert study.plan() == {"labels": 1} | JUDGED_BOTH | REPORTED
    study.snakemake("results/metrics.csv")
    assert study.plan("results/metrics.csv") == {}


def test_a_label_fix_of_a_train_match_trains_again(study):
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    trained = sheet.filter(split="train")["labels"][0]
    study.edit(study.folder / "demo" / trained, '"position": "', '"position": "1')
    plan = study.plan()
    assert plan["labels"] == plan["fit"] == 1
    assert plan["infer"] == 3  # linear on valid and test; the constant baseline stands
    assert "samples" not in plan


def test_a_comment_runs_nothing_again(study):
    for path in study.library.rglob("*.py"):
        describe_otherwise(path)
    assert study.plan() == {}


def test_a_change_of_samples_runs_samples_and_what_follows(study):
    add_code(study.library / "data/samples.py")
    plan = study.plan()
    assert plan["samples"] == 6
    assert plan["fit"] == 1
    assert plan["infer"] == 5
    assert plan["score"] == 2
    assert "labels" not in plan
    assert "commentary" not in plan


def test_a_change_of_one_backend_leaves_the_others(study):
    add_code(study.library / "models/words/linear.py")
    plan = study.plan()
    assert plan == {"fit": 1, "infer": 3} | JUDGED | REPORTED


def test_a_change_of_the_scoring_code_only_scores(study):
    add_code(study.library / "evaluation/matching.py")
    assert study.plan() == JUDGED_BOTH | REPORTED


def test_two_swapped_settings_are_a_change(study):
    study.configure(labels={"Corner": "goal", "Goal": "corner"})
    assert study.plan()["labels"] == 6


def test_a_removed_match_only_changes_the_tables(study):
    sheet = study.folder / "demo/matches.csv"
    rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join(rows[:-2]) + "\n")
    assert study.plan() == JUDGED_BOTH | REPORTED


def test_an_edit_that_times_do_not_show_is_seen(study):
    """As one that is made while the job runs, before its output is written."""
    labels = study.labels("Ferrowick")
    before = labels.stat()
    study.edit(labels, '"position": "', '"position": "1')
    os.utime(labels, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert study.plan()["labels"] == 1


def test_what_a_failed_run_left_old_is_made_again(study):
    """The job that failed has lost its output, and the tables are still there."""
    module = study.library / "models/words/linear.py"
    code = module.read_text()
    module.write_text(f"{code}\nraise RuntimeError('broken')\n")
    failed = study.snakemake("--keep-going", check=False)
    assert failed.returncode
    assert (study.folder / "demo/results/metrics.csv").exists()
    module.write_text(code)
    plan = study.plan("results/metrics.csv")
    assert plan["infer"] > 0
    assert (plan["score"], plan["metrics"]) == (1, 1)
    study.snakemake("results/metrics.csv")
    assert study.plan("results/metrics.csv") == {}

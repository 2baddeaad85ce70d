"""A wrong setting, sheet or match: what is said, and what goes on without it."""

import polars as pl
import pytest


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"samples": {"colapse_loops": True}}, "colapse_loops"),
        ({"models": {"linear": {"backend": "quadratic"}}}, "quadratic"),
        ({"grid": {"overlap_s": -1}}, "overlap_s"),
        ({"grid": {"overlap_s": 60}}, "overlap_s"),
        ({"models": {"linear": {"epoch": 5}}}, "'epoch' was unexpected"),
        ({"score": {"split": "tset"}}, "tset"),
        ({"models": {"qwen2-vl": {"prompt": {"example": True}}}}, "'example' was unexpected"),
        ({"samples": {"actions": ["gaol"]}}, "gaol"),
        ({"models": {"linear": {"negatives": 0.5}}}, "models.linear.negatives is called negative_fraction now"),
        (
            {"models": {"qwen2-vl": {"training": {"chunks_at_once": 2}}}},
            "models.qwen2-vl.training.chunks_at_once is called micro_batch_size now",
        ),
        ({"metrics": {"level": 0.9}}, "metrics.level is called confidence_level now"),
        ({"models": {"qwen2-vl": {"candidates": True}}}, "models.qwen2-vl.candidates is gone: with `answers"),
        ({"highlights": {"synonyms": {}}}, "in the file that highlights.vocabulary names"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(study, changes, named):
    study.configure(**changes)
    done = study.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert named in done.stdout + done.stderr


def test_a_model_to_compare_that_is_not_there_is_named(study):
    study.configure(compare=["constant", "lineal"])
    done = study.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert "lineal" in done.stdout + done.stderr


def test_a_sheet_with_a_missing_column_is_one_sentence(study):
    study.edit(study.folder / "demo/matches.csv", "split", "spilt")
    done = study.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert "no column split" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_graph_is_drawn_from_the_plan(study):
    graph = study.snakemake("--rulegraph").stdout
    assert graph.count("digraph") == 1
    assert '"fit"' in graph or "fit" in graph


def test_a_split_without_labelled_matches_is_said(study):
    sheet = study.folder / "demo/matches.csv"
    sheet.write_text(sheet.read_text().replace(",test,", ",challenge,"))
    done = study.snakemake("results/scores/constant.parquet", check=False)
    assert done.returncode != 0
    log = (study.folder / "demo/results/logs/score/constant.log").read_text()
    assert log.startswith("error: no match to score: ")


def test_one_bad_match_is_set_aside_and_the_rest_goes_on(study):
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    labels = study.folder / "demo" / sheet.filter(split="test")["labels"][0]
    labels.write_text(labels.read_text()[:200])
    done = study.snakemake()
    problems = pl.read_csv(study.folder / "demo/results/problems.csv")
    bad = problems.filter(effect="match set aside")
    assert bad["match"].to_list() == [sheet.filter(split="test")["match"][0]]
    assert "Labels-v2.json" in bad["file"][0]
    metrics = pl.read_csv(study.folder / "demo/results/metrics.csv")
    scored = metrics.filter(protocol="full", matching="many", action="all", model="constant")
    assert scored["samples"].item() == 2 * 3 * 7
    assert done.returncode == 0


def test_a_setting_makes_a_bad_match_stop_the_study(study):
    labels = study.labels("Ferrowick")
    labels.write_text(labels.read_text()[:200])
    done = study.snakemake("--config", "on_problem=stop", check=False)
    assert done.returncode != 0
    assert "Labels-v2.json" in done.stdout + done.stderr


def test_published_answers_without_the_valid_games_cannot_be_tuned_on_them(study):
    demo = study.folder / "demo"
    entry = {"backend": "external", "path": "results/spotting/linear", "threshold": "tuned"}
    study.configure(compare=["outside"], models={"outside": entry})
    done = study.snakemake("--keep-going", check=False)
    assert done.returncode != 0
    (log,) = (demo / "results/logs/infer/outside").glob("*Castelvane-3-0-Dunmarrow.log")
    assert log.read_text().startswith(
        "error: results/spotting/linear: no results_spotting.json for"
    )
    assert "set a number instead" in log.read_text()
    assert not (demo / "results/scores/outside.parquet").exists()

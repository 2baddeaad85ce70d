"""The workflow as a user runs it: what is made, and what is made again after a change."""

import hashlib

import polars as pl
import pytest


def tables(study) -> dict[str, str]:
    """Return the checksum of every table of the results."""
    results = study.folder / "demo" / "results"
    found = [*results.rglob("*.parquet"), *results.glob("*.csv"), *results.rglob("*.safetensors")]
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(found)
    }


def test_a_finished_study_has_its_table_and_plans_nothing(study):
    metrics = pl.read_csv(study.folder / "demo/results/metrics.csv")
    assert metrics["model"].unique().sort().to_list() == ["constant", "linear"]
    assert metrics.height == 2 * 2 * 2 * 8
    scored = metrics.filter(protocol="full", matching="many", action="all", model="constant")
    assert scored["samples"].item() == 2 * 2 * 3 * 7
    assert study.plan() == {}


def test_running_twice_gives_the_same_bytes(study):
    before = tables(study)
    study.snakemake("--forceall")
    assert tables(study) == before
    assert len(before) == 28


def test_a_label_fix_rescores_and_never_reinfers(study):
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    scored = sheet.filter(split="test")["labels"][0]
    path = study.folder / "demo" / scored
    study.edit(path, '"position": "', '"position": "1')
    assert study.plan() == {"labels": 1, "score": 2, "metrics": 1, "all": 1, "total": 5}
    study.snakemake()
    assert study.plan() == {}


def test_a_label_fix_of_a_train_match_trains_again(study):
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    trained = sheet.filter(split="train")["labels"][0]
    study.edit(study.folder / "demo" / trained, '"position": "', '"position": "1')
    plan = study.plan()
    assert plan["labels"] == plan["fit"] == 1
    assert plan["infer"] == 3  # linear on valid and test; the constant guess stands
    assert "samples" not in plan


def test_a_comment_runs_nothing_again(study):
    for module in ("samples.py", "labels.py", "matching.py", "backends/linear.py", "schema.py"):
        path = study.library / module
        path.write_text("# A comment.\n" + path.read_text().replace('"""', '"""Indeed. ', 1))
    assert study.plan() == {}


def test_a_change_of_samples_runs_samples_and_what_follows(study):
    study.edit(
        study.library / "samples.py", "def make_samples(", "UNUSED = 1\n\n\ndef make_samples("
    )
    plan = study.plan()
    assert plan["samples"] == 6
    assert plan["fit"] == 1
    assert plan["infer"] == 5
    assert plan["score"] == 2
    assert "labels" not in plan
    assert "commentary" not in plan


def test_a_change_of_one_backend_leaves_the_others(study):
    study.edit(study.library / "backends/linear.py", "FLOOR = 0.01", "FLOOR = 0.02")
    plan = study.plan()
    assert plan == {"fit": 1, "infer": 3, "score": 1, "metrics": 1, "all": 1, "total": 7}


def test_a_change_of_the_scoring_code_only_scores(study):
    study.edit(study.library / "matching.py", "MIN_IOU = 0.3", "MIN_IOU = 0.5")
    assert study.plan() == {"score": 2, "metrics": 1, "all": 1, "total": 4}


def test_two_swapped_settings_are_a_change(study):
    study.edit(study.folder / "config.yaml", "length_s: 60", "length_s: 45")
    study.snakemake()
    study.edit(study.folder / "config.yaml", "length_s: 45", "length_s: 50")
    study.edit(study.folder / "config.yaml", "overlap_s: 0", "overlap_s: 45")
    study.snakemake()
    study.edit(study.folder / "config.yaml", "length_s: 50", "length_s: 60")
    assert study.plan()["samples"] == 6


def test_a_removed_match_only_changes_the_tables(study):
    sheet = study.folder / "demo/matches.csv"
    rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join(rows[:-2]) + "\n")
    assert study.plan() == {"score": 2, "metrics": 1, "all": 1, "total": 4}


def test_an_edit_made_while_a_job_runs_is_seen_afterwards(study):
    """The output is newer than the edit, so times alone would miss it."""
    labels = study.labels("Ferrowick")
    output = study.folder / "demo/results/labels"
    study.edit(labels, '"position": "', '"position": "1')
    for path in output.iterdir():
        path.touch()
    assert study.plan()["labels"] == 1


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


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("collapse_loops: true", "colapse_loops: true", "colapse_loops"),
        ("backend: linear", "backend: quadratic", "quadratic"),
        ("overlap_s: 0", "overlap_s: -1", "overlap_s"),
        ("overlap_s: 0", "overlap_s: 60", "overlap_s"),
        ("epochs: 5", "epoch: 5", "'epoch' was unexpected"),
        ("split: test", "split: tset", "tset"),
        ("    - goal", "    - gaol", "gaol"),
    ],
)
def test_a_wrong_setting_is_named(study, old, new, named):
    study.edit(study.folder / "config.yaml", old, new)
    done = study.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert named in done.stdout + done.stderr


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

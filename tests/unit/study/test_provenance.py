"""What a file was made from is recorded and told, with what has changed since; the workflow is drawn."""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from project import PYTHON, ROOT, run, stage
from touchline.core.files import checksum

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def demo(study):
    return study.folder / "demo"


@pytest.fixture
def tell(study, demo):
    """Return a function that says what a file was made from, with the study's own code."""

    def told(name: str) -> str:
        command = f"import sys; sys.path.insert(0, {str(study.folder / 'workflow')!r});"
        command += f"from touchline.study import provenance; provenance.main([{name!r}])"
        return run(PYTHON, "-c", command, cwd=demo).stdout

    return told


def test_every_file_of_the_study_has_its_inputs_code_times_and_maker(study, demo):
    record = json.loads((demo / "results/provenance.json").read_text())
    metrics = record["made"]["results/metrics.csv"]
    assert metrics["rule"] == "metrics"
    assert metrics["content"] == checksum(demo / "results/metrics.csv")
    assert metrics["began"] <= metrics["ended"] <= record["written"]
    assert metrics["by"] == (demo / "results/metrics.csv").owner()
    assert set(metrics["code"]) == {"touchline.evaluation.metrics"}
    model = record["made"]["results/models/linear"]
    assert set(model["code"]) == {"touchline.models.training_data", "touchline.models.words.linear"}
    labels = str(study.labels("Ferrowick").relative_to(demo))
    assert record["raw"][labels] == checksum(demo / labels)
    assert record["raw"]["matches.csv"] == checksum(demo / "matches.csv")
    assert record["packages"]["polars"]
    assert record["config"]["compare"] == ["constant", "linear"]
    assert record["settings"] == ["../config.yaml", "../profiles/demo/study.yaml"]
    assert [row["why"] for row in record["attempts"]["linear"]] == ["done"]


def test_it_is_told_in_words_and_nothing_has_changed(tell):
    told = tell("results/metrics.csv")
    assert told.startswith("results/metrics.csv was made by the rule metrics, ")
    for rule in ("labels", "commentary", "samples", "fit", "infer", "score"):
        assert f"\n  {rule}: results/" in told
    assert "linear was trained in 1 attempt:" in told
    assert "Nothing of this has changed since." in told


def test_what_has_changed_since_is_told_and_only_for_what_it_was_made_from(study, demo, tell):
    study.edit(study.labels("Ferrowick"), '"position": "', '"position": "1')
    study.edit(study.library / "matching.py", "overlap > min_iou", "overlap > min_iou + 0.2")
    study.edit(study.folder / "config.yaml", "epochs: 5", "epochs: 6")
    (demo / "results/metrics.csv").write_text("by hand")
    told = tell("results/metrics.csv")
    assert f"{study.labels('Ferrowick').relative_to(demo)} has another content." in told
    assert "the code of touchline.evaluation.score does something else." in told
    assert "results/metrics.csv has another content." in told
    assert "../config.yaml has another content." in told
    samples = next((demo / "results/samples").glob("*.parquet")).relative_to(demo)
    told = tell(str(samples))
    assert "Labels-v2.json" not in told
    assert "the code of" not in told.split("Since then:")[1]


def test_a_file_that_no_rule_made_is_said(demo):
    done = stage("provenance", "matches.csv", cwd=demo, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: results/provenance.json: nothing about matches.csv")
    done = stage("provenance", "matches.csv", cwd=ROOT, check=False)
    assert done.stderr.startswith("error: results/provenance.json is not there.")


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_the_workflow_is_drawn_with_every_rule_and_every_job_of_a_match(study, demo):
    study.snakemake("results/dag/rules.svg")
    rules, match = (
        ElementTree.parse(demo / f"results/dag/{name}.svg") for name in ("rules", "match")
    )
    titles = {text.text for text in rules.iter(f"{SVG}text")}
    assert {"labels", "commentary", "samples", "fit", "infer", "score", "metrics"} <= titles
    jobs = [text.text for text in match.iter(f"{SVG}text")]
    assert jobs.count("infer") == 2  # of the two models
    assert jobs.count("labels") == 3  # of the train matches
    assert not {"score", "metrics"} & set(jobs)
    study.snakemake("all", "results/dag/rules.svg", "--report", "report.html")
    page = (demo / "report.html").read_text()
    assert "provenance.json" in page
    assert "match.svg" in page

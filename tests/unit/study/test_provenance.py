"""Provenance of files, what has changed since, and graphs of the workflow."""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from code_changes import add_code
from project import PYTHON, ROOT, run, stage
from touchline.core.files import checksum
from touchline.core.problems import InputError
from touchline.study import provenance

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def demo(study):
    return study.folder / "demo"


@pytest.fixture
def describe(study, demo):
    """Return a function that prints a file's provenance with the code of the study's own copy."""

    def printed(name: str) -> str:
        command = f"import sys; sys.path.insert(0, {str(study.folder / 'workflow')!r});"
        command += f"from touchline.study import provenance; provenance.main([{name!r}])"
        return run(PYTHON, "-c", command, cwd=demo).stdout

    return printed


def test_every_file_of_the_study_has_its_inputs_code_times_and_maker(study, demo):
    record = json.loads((demo / "results/provenance.json").read_text())
    metrics = record["made"]["results/metrics.csv"]
    assert metrics["rule"] == "metrics"
    assert metrics["content"] == checksum(demo / "results/metrics.csv")
    assert metrics["began"] <= metrics["ended"] <= record["written"]
    assert metrics["by"] == (demo / "results/metrics.csv").owner()
    assert set(metrics["code"]) == {"touchline.evaluation.metrics"}
    model = record["made"]["results/models/linear"]
    assert set(model["code"]) == {
        "touchline.models.training_data",
        "touchline.models.words.linear_fit",
    }
    labels = str(study.labels("Ferrowick").relative_to(demo))
    assert record["raw"][labels] == checksum(demo / labels)
    assert record["raw"]["matches.csv"] == checksum(demo / "matches.csv")
    assert record["packages"]["polars"]
    assert record["config"]["compare"] == ["constant", "linear"]
    assert record["settings"] == ["../config.yaml", "../profiles/demo/study.yaml"]
    assert [row["why"] for row in record["attempts"]["linear"]] == ["done"]


def test_a_files_rules_and_training_attempts_are_printed_and_that_nothing_has_changed(describe):
    description = describe("results/metrics.csv")
    assert description.startswith("results/metrics.csv was made by the rule metrics, ")
    for rule in ("labels", "commentary", "samples", "fit", "infer", "score"):
        assert f"\n  {rule}: results/" in description
    assert "linear was trained in 1 attempt:" in description
    assert "Nothing of this has changed since." in description


def test_changes_since_then_are_printed_for_a_files_own_sources_only(study, demo, describe):
    study.edit(study.labels("Ferrowick"), '"position": "', '"position": "1')
    add_code(study.library / "evaluation" / "matching.py")
    study.edit(study.folder / "config.yaml", "epochs: 5", "epochs: 6")
    (demo / "results/metrics.csv").write_text("by hand")
    description = describe("results/metrics.csv")
    assert f"{study.labels('Ferrowick').relative_to(demo)} has another content." in description
    assert "the code of touchline.evaluation.score has changed what it computes." in description
    assert "results/metrics.csv has another content." in description
    assert "../config.yaml has another content." in description
    samples = next((demo / "results/samples").glob("*.parquet")).relative_to(demo)
    description = describe(str(samples))
    assert "Labels-v2.json" not in description
    assert "the code of" not in description.split("Since then:")[1]


def test_a_file_that_no_rule_made_and_a_missing_record_are_errors(demo):
    done = stage("provenance", "matches.csv", cwd=demo, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: results/provenance.json has no entry for matches.csv")
    done = stage("provenance", "matches.csv", cwd=ROOT, check=False)
    assert done.stderr.startswith("error: there is no results/provenance.json in this folder.")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"made": {"a": {}}}', "[" * 100_000, '"' + "x" * 10_000]
)
def test_a_damaged_record_is_named_with_what_deleting_it_costs(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(
        InputError, match=r"record\.json: .*Delete it\. Snakemake writes it again"
    ) as e:
        provenance.main(["a", "--record", str(tmp_path / "record.json")])
    assert len(str(e.value)) < 500


def test_a_damaged_record_of_snakemake_is_named(tmp_path):
    (tmp_path / "no base64 é").write_text("{}")
    with pytest.raises(InputError, match=r"is no record of Snakemake's\. Delete it\."):
        list(provenance.snakemake_records(tmp_path))
    (tmp_path / "no base64 é").unlink()
    (tmp_path / "YQ==").write_text("{")
    with pytest.raises(InputError, match=r"YQ==: .*Delete it\. Snakemake makes a again\."):
        list(provenance.snakemake_records(tmp_path))


def test_a_record_of_files_that_were_made_from_each_other_is_described(tmp_path, capsys):
    made = {
        name: {
            "rule": "r", "ended": "e", "by": "b", "inputs": [f"{number + 1}", "0"], "content": None,
            "code": {"touchline.no_such_module": "1"},
        }
        for number, name in enumerate(map(str, range(3000)))
    }  # fmt: skip
    record = {key: {} for key in ("packages", "attempts", "raw")} | {"commit": None, "python": "3"}
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record | {"settings": ["a.yaml"], "made": made}))
    provenance.main(["0", "--record", str(path)])
    printed = capsys.readouterr().out
    assert "0 was made by the rule r" in printed
    assert "  a.yaml is not in the record" in printed
    assert "the code of touchline.no_such_module has changed" in printed


def test_a_shell_commands_stage_and_backend_are_found():
    fit = "trap : TERM; touchline fit --backend linear --folder out > log 2>&1"
    assert provenance.modules(fit) == [
        "touchline.models.training_data",
        "touchline.models.words.linear_fit",
    ]
    infer = "touchline infer --backend constant --settings '{}' --match a > log 2>&1"
    assert provenance.modules(infer) == ["touchline.models.infer", "touchline.models.constant"]


def test_touchline_in_a_path_a_quoted_query_or_a_shell_function_is_no_stage():
    highlights = "touchline highlights --query 'shots; touchline fouls, it'\"'\"'s all' --match a"
    assert provenance.modules(highlights) == ["touchline.reels.highlights"]
    setup = 'export PYTHONPATH=/src/touchline; touchline() { python -m touchline "$@"; }; '
    assert provenance.modules(setup + "touchline samples --out s") == ["touchline.data.samples"]
    assert provenance.modules("cp -r /src/touchline labels") == []
    assert provenance.modules("touchline unknown_stage --out s") == []
    assert provenance.modules("cat <<END\nit's text\nEND") == []


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

"""The workflow as a part of another one: Snakemake's `module:`, without the library installed."""

import shutil

import pytest

from project import run

SNAKEFILE = """
configfile: "other.yaml"


module touchline:
    snakefile:
        "../workflow/Snakefile"
    config:
        config["touchline"]


use rule * from touchline as touchline_*


rule count:
    default_target: True
    input:
        "results/metrics.csv",
    output:
        "rows.txt",
    shell:
        "wc -l < {input} > {output}"
"""
SETTINGS = "touchline: {compare: [constant], samples: {actions: [goal]}, score: {split: valid}}\n"


@pytest.fixture
def other(study):
    """A workflow of somebody else, beside the project, in a folder with the demo's matches."""
    folder = study.folder / "other"
    folder.mkdir()
    for name in ("SoccerNet", "sn-echoes", "matches.csv"):
        source = study.folder / "demo" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "other.yaml").write_text(SETTINGS)
    return folder


def test_another_workflow_uses_the_rules_with_settings_of_its_own(other):
    done = run("snakemake", "--cores", 2, cwd=other, library=False)
    # The header, and each protocol and matching for the action and for all of them.
    assert (other / "rows.txt").read_text() == "9\n"
    assert "touchline_metrics" in done.stdout + done.stderr
    assert "qwen2-vl" not in (other / "results/metrics.csv").read_text()


def test_a_renamed_setting_of_the_module_is_named(other):
    (other / "other.yaml").write_text("touchline: {metrics: {level: 0.9}}\n")
    done = run("snakemake", "--dry-run", cwd=other, check=False, library=False)
    assert done.returncode != 0
    assert "metrics.level is called confidence_level now" in done.stdout + done.stderr

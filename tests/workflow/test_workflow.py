"""The workflow as a user runs it: what a finished study has, twice the same, and as others see it."""

import hashlib
import shutil

import polars as pl

from browser import opened


def tables(study) -> dict[str, str]:
    """Return the checksum of every table of the results."""
    results = study.folder / "demo" / "results"
    found = [*results.rglob("*.parquet"), *results.rglob("*.csv"), *results.rglob("*.safetensors")]
    found += [*results.rglob("*.svg"), *results.rglob("results_spotting.json")]
    found = [path for path in found if path.name != "cost.csv"]  # which has measured times
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
    assert not (study.folder / "demo/results/figures/loss.svg").exists()  # no model has a loss
    assert study.plan() == {}


def test_running_twice_gives_the_same_bytes(study):
    before = tables(study)
    study.snakemake("--forceall")
    assert tables(study) == before
    assert len(before) == 40 + 2 + 4 + 5 + 4 + 4


def test_an_export_comes_back_as_another_system_with_the_same_row(study):
    """The answers of `linear`, as published files, in the same study: once as a folder, once as a zip."""
    demo = study.folder / "demo"
    shutil.copytree(demo / "results/spotting/linear", demo / "published")
    shutil.make_archive(str(demo / "published"), "zip", demo / "published")
    models = {
        name: {"backend": "external", "path": path, "threshold": 0.5}
        for name, path in (("folder", "published"), ("packed", "published.zip"))
    }
    study.configure(
        models=models | {"linear": {"threshold": 0.5}},
        compare=["constant", "linear", "folder", "packed"],
    )
    tables = ("results/metrics.csv", "results/average_map.csv")
    study.snakemake(*tables)
    assert study.plan(*tables) == {}
    metrics = pl.read_csv(demo / "results/metrics.csv")
    rows = [metrics.filter(model=name).drop("model") for name in ("linear", "folder", "packed")]
    assert rows[0].equals(rows[1])
    assert rows[0].equals(rows[2])
    map_ = pl.read_csv(demo / "results/average_map.csv")
    rows = [map_.filter(model=name).drop("model") for name in ("linear", "folder", "packed")]
    assert rows[0].equals(rows[1])
    assert rows[0].equals(rows[2])

    (demo / "published.zip").unlink()
    shutil.make_archive(str(demo / "published"), "zip", demo / "results/spotting/constant")
    assert study.plan()["infer"] == 2  # the matches of the changed zip alone


def test_snakemakes_own_report_has_the_figures_and_tables_with_their_captions(study):
    study.snakemake("--report", "results/workflow.html")
    page = (study.folder / "demo/results/workflow.html").read_text()
    for name in (
        "f1.svg",
        "precision_recall.svg",
        "reliability.svg",
        "metrics.csv",
        "differences.csv",
        "report.html",
        "provenance.json",
    ):
        assert name in page
    assert "paired bootstrap interval over matches" in page
    with opened(study.folder / "demo/results/workflow.html") as found:
        assert found.page.locator("text=Workflow").count() > 0
        assert [url for url in found.requests if not url.startswith("blob:")] == []

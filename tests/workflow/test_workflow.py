"""The workflow as a user runs it: what is made, and what is made again after a change."""

import hashlib
import os
import shutil
from zipfile import ZipFile

import polars as pl
import pytest
import yaml

import timecode
from browser import opened
from chunks import tiny_base
from code_changes import add_code, add_text, describe_otherwise
from project import Study

# What follows when metrics.csv is made again, and the jobs of one model before it.
REPORTED = {"metrics": 1, "tables": 1, "figures": 1, "report": 1, "provenance": 1, "study": 1}
JUDGED = {"score": 1, "average_map": 1}
JUDGED_BOTH = dict.fromkeys(JUDGED, 2)


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
    assert len(before) == 33 + 2 + 4 + 5 + 4 + 4


def test_metrics_alone_ask_for_no_report(study):
    add_code(study.library / "evaluation/matching.py")
    assert study.plan("results/metrics.csv") == {"score": 2, "metrics": 1}


def test_a_change_of_the_page_only_writes_the_page(study):
    add_text(study.folder / "workflow/report/page.html.j2")
    assert study.plan() == {"report": 1, "provenance": 1, "study": 1}


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
    study.snakemake()
    assert study.plan() == {}
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


def test_a_label_fix_rescores_and_never_reinfers(study):
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    scored = sheet.filter(split="test")["labels"][0]
    path = study.folder / "demo" / scored
    study.edit(path, '"position": "', '"position": "1')
    assert study.plan() == {"labels": 1} | JUDGED_BOTH | REPORTED
    study.snakemake()
    assert study.plan() == {}


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


@pytest.fixture
def filmed(study) -> Study:
    """The study with a short video for every half, cut into chunks."""
    timecode.make(study.folder / "demo/film.mkv", timecode.steady(5, 3))
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    sheet.with_columns(video=pl.lit("film.mkv")).write_csv(study.folder / "demo/matches.csv")
    study.configure(chunks={"when": "always"})
    study.snakemake()
    assert study.plan() == {}
    return study


def test_a_change_of_the_frame_rate_cuts_again_and_leaves_text_models(filmed):
    filmed.configure(chunks={"fps": 2})
    assert filmed.plan() == {"chunks": 12} | REPORTED


def test_an_added_match_cuts_its_own_chunks_alone(filmed):
    rows = [f"own-match,{half},challenge,film.mkv,3,," for half in (1, 2)]
    with open(filmed.folder / "demo/matches.csv", "a") as sheet:
        sheet.write("\n".join(rows) + "\n")
    plan = filmed.plan()
    assert plan.pop("chunks") == 2
    assert plan == {"labels": 1, "commentary": 1} | REPORTED


def test_a_broken_video_is_a_problem_of_its_match(filmed):
    (filmed.folder / "demo/film.mkv").write_text("no video any more")
    filmed.snakemake()
    problems = pl.read_csv(filmed.folder / "demo/results/problems.csv")
    assert problems.filter(stage="chunks", effect="match set aside").height == 12


@pytest.fixture
def watched(study, tmp_path) -> Study:
    """The study with videos and a tiny video-language model that is fine-tuned on them."""
    tiny_base(tmp_path / "base", "qwen2_vl")
    timecode.make(study.folder / "demo/film.mkv", timecode.steady(1, 180), size=(64, 36))
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    sheet.with_columns(video=pl.lit("film.mkv")).write_csv(study.folder / "demo/matches.csv")
    model = {
        "backend": "vlm",
        "base": str(tmp_path / "base"),
        "fps": 0.1,
        "max_new_tokens": 8,
        "prompt": {"examples": False},
        "training": {"batch_size": 6, "dataloader_workers": 0},
    }
    models = study.config["models"] | {"qwen2-vl": model, "zero-shot": model | {"fine_tune": False}}
    compare = ["constant", "linear", "qwen2-vl", "zero-shot"]
    # In place of the demo's entry of that name, which reads commentary alone.
    replaced = study.config | {"models": models, "compare": compare}
    study.settings.write_text(yaml.safe_dump(replaced))
    study.configure(chunks={"when": "needed"})
    return study


def test_a_model_that_reads_video_is_trained_and_answers_in_the_same_table(watched):
    plan = watched.plan()
    assert (plan["chunks"], plan["fit"], plan["infer"]) == (12, 1, 4)
    watched.snakemake("--until", "chunks")
    results = watched.folder / "demo/results"
    sheet = pl.read_csv(watched.folder / "demo/matches.csv")
    for split in ("train", "test"):  # a file that is cut off on the disk costs its chunk
        match = sheet.filter(split=split)["match"][0]
        with (results / f"chunks/{match}/1/001.mkv").open("r+b") as file:
            file.truncate(1000)
    watched.snakemake()
    assert watched.plan() == {}
    problems = pl.read_csv(results / "problems.csv").filter(effect="chunk set aside")
    assert problems["problem"].str.starts_with("chunk 1: it is not the file").all()
    assert problems.select("stage", "file").rows() == [
        ("fit", "results/models/qwen2-vl/log.parquet"),
        ("infer", f"results/predictions/qwen2-vl/{match}.parquet"),
        ("infer", f"results/predictions/zero-shot/{match}.parquet"),
    ]
    assert (results / "models/qwen2-vl/adapter_model.safetensors").is_file()
    assert "qwen2-vl" in (results / "figures/loss.svg").read_text()
    watched.snakemake("--report", "report.zip")
    with ZipFile(watched.folder / "demo/report.zip") as report:
        assert any(name.endswith("loss.svg") for name in report.namelist())
    metrics = pl.read_csv(results / "metrics.csv").filter(action="all", protocol="full")
    assert metrics["samples"].unique().to_list() == [84]
    assert metrics["model"].unique(maintain_order=True).to_list()[2:] == ["qwen2-vl", "zero-shot"]

    watched.configure(chunks={"fps": 2})
    plan = watched.plan()
    assert (plan["chunks"], plan["fit"], plan["infer"], plan["score"]) == (12, 1, 4, 2)
    assert "samples" not in plan


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

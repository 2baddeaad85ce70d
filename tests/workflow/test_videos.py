"""Studies with videos: what is cut, what is cut again, and a model that reads them."""

from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
import yaml

import timecode
from chunks import tiny_base
from project import REPORTED, Study


def show_film(study: Study, *splits: str) -> None:
    """Give the halves of these splits the study's film."""
    path = study.folder / "demo/matches.csv"
    film = pl.when(pl.col("split").is_in(splits)).then(pl.lit("film.mkv"))
    pl.read_csv(path).with_columns(video=film).write_csv(path)


@pytest.fixture(scope="session")
def filmed_once(finished, made_once) -> Study:
    """The study with a short video for every half of its test matches, cut into chunks."""

    def fill(folder: Path) -> None:
        folder.rmdir()
        study = finished.copy(folder)
        timecode.make(folder / "demo/film.mkv", timecode.steady(5, 3))
        show_film(study, "test")
        study.configure(chunks={"when": "always"})
        study.snakemake()

    return Study(made_once("filmed", fill))


@pytest.fixture
def filmed(filmed_once, tmp_path) -> Study:
    return filmed_once.copy(tmp_path / "study")


def test_a_study_that_was_cut_plans_nothing(filmed):
    assert filmed.plan() == {}


def test_a_change_of_the_frame_rate_cuts_again_and_leaves_text_models(filmed):
    filmed.configure(chunks={"fps": 2})
    assert filmed.plan() == {"chunks": 4} | REPORTED


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
    assert problems.filter(stage="chunks", effect="match set aside").height == 4


@pytest.fixture
def watched(study, tmp_path) -> Study:
    """A train, a valid and a test match, and a tiny video-language model that is fine-tuned on videos."""
    tiny_base(tmp_path / "base", "qwen2_vl")
    timecode.make(study.folder / "demo/film.mkv", timecode.steady(1, 180), size=(64, 36))
    show_film(study, "train", "test")
    path = study.folder / "demo/matches.csv"
    sheet = pl.read_csv(path)
    matches = sheet.unique("split", maintain_order=True)["match"].to_list()
    sheet.filter(pl.col("match").is_in(matches)).write_csv(path)
    model = {
        "backend": "vlm",
        "base": str(tmp_path / "base"),
        "fps": 0.1,
        "max_new_tokens": 8,
        "prompt": {"examples": False},
        "training": {"batch_size": 6, "dataloader_workers": 0},
    }
    models = study.config["models"] | {"qwen2-vl": model, "zero-shot": model | {"fine_tune": False}}
    compare = ["constant", "qwen2-vl", "zero-shot"]
    # In place of the demo's entry of that name, which reads commentary alone.
    replaced = study.config | {"models": models, "compare": compare}
    study.settings.write_text(yaml.safe_dump(replaced))
    study.configure(chunks={"when": "needed"})
    return study


def test_a_model_that_reads_video_is_trained_and_answers_in_the_same_table(watched):
    plan = watched.plan()
    assert (plan["chunks"], plan["fit"], plan["infer"]) == (4, 1, 2)
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
    assert metrics["samples"].unique().to_list() == [42]
    assert metrics["model"].unique(maintain_order=True).to_list() == [
        "constant",
        "qwen2-vl",
        "zero-shot",
    ]

    watched.configure(chunks={"fps": 2})
    plan = watched.plan()
    assert (plan["chunks"], plan["fit"], plan["infer"], plan["score"]) == (4, 1, 2, 2)
    assert "samples" not in plan

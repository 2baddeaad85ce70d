"""Paths with braces, which Snakemake takes for wildcards: in the sheet and in the checkout's own path."""

import polars as pl
import pytest

import timecode
from project import Study, lay_study

pytestmark = pytest.mark.slow

ODD = "it's {match} {a} {1}, 100%"


@pytest.fixture
def braced(tmp_path) -> Study:
    """The demo's matches, text only, in a checkout and in folders whose names have braces."""
    checkout = tmp_path / "co {1} it's"
    checkout.mkdir()
    study = lay_study(checkout)
    demo = checkout / "demo"
    (demo / ODD).mkdir()
    (demo / "SoccerNet").rename(demo / ODD / "SoccerNet")
    (demo / "sn-echoes").rename(demo / ODD / "sn-echoes")
    sheet = pl.read_csv(demo / "matches.csv", infer_schema=False)
    moved = [
        (pl.lit(f"{ODD}/") + pl.col(column)).alias(column) for column in ("labels", "commentary")
    ]
    sheet.with_columns(moved).write_csv(demo / "{sheet}.csv")
    (demo / "matches.csv").unlink()
    study.configure(sheet="{sheet}.csv")
    return study


def test_a_study_with_braces_in_every_path_gives_the_tables_of_any_other(braced, finished):
    braced.snakemake("results/metrics.csv")
    for name in ("metrics.csv", "problems.csv", "answers.csv"):
        one, other = (
            pl.read_csv(folder / "demo/results" / name, infer_schema=False).drop(
                "file", strict=False
            )
            for folder in (braced.folder, finished.folder)
        )
        assert one.drop("seconds", strict=False).equals(other.drop("seconds", strict=False))
    assert braced.plan("results/metrics.csv") == {}

    labels = next((braced.folder / "demo" / ODD / "SoccerNet").glob("*/*/*/Labels-v2.json"))
    braced.edit(labels, '"annotations": [', '"annotations":  [')
    assert braced.plan("results/metrics.csv")["labels"] == 1
    sheet = braced.folder / "demo" / "{sheet}.csv"
    sheet.write_text(sheet.read_text() + "\n")
    assert braced.plan("results/metrics.csv")["metrics"] == 1


def test_a_video_with_braces_is_cut_and_cut_again_when_it_changes(braced):
    demo = braced.folder / "demo"
    film = demo / "-1 {half} #2.mkv"
    timecode.make(film, timecode.steady(25, 3))
    row = f"film,1,challenge,{film.name},,,"
    header = (demo / "{sheet}.csv").read_text().splitlines()[0]
    (demo / "{sheet}.csv").write_text(f"{header}\n{row}\n")
    target = "results/chunks/film/1.parquet"
    braced.snakemake(target)
    assert len(pl.read_parquet(demo / target)) == 1
    assert braced.plan(target) == {}
    timecode.make(film, timecode.steady(25, 4))
    assert braced.plan(target) == {"chunks": 1}

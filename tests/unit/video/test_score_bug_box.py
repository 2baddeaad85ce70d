"""The box of the score bug that chunks show: the one that was found, or one given by hand."""

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.scoreboard.result import Scoreboard, save
from touchline.video import chunks
from touchline.video.chunks import choose_box, read_box
from touchline.video.grid import Box

FOUND = Box(30, 20, 200, 30)


def test_what_was_found_is_cut_where_no_box_is_given():
    assert choose_box(None, FOUND) == (FOUND, "")


@pytest.mark.parametrize("given", [FOUND, Box(20, 10, 230, 50), Box(28, 18, 195, 34)])
def test_a_box_around_the_score_bug_is_right(given):
    assert choose_box(given, FOUND) == (given, "")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Box(30, 20, 100, 30), "cuts off a part of the score bug"),
        (Box(400, 300, 100, 30), "does not show the score bug"),
        (Box(0, 0, 640, 360), "is far larger than the score bug"),
    ],
)
def test_a_box_that_misses_the_score_bug_is_kept_and_said(given, text):
    box, said = choose_box(given, FOUND)
    assert box == given
    assert text in said
    assert str(FOUND._asdict()) in said


def test_without_a_score_bug_no_video_of_it_is_cut():
    assert choose_box(None, None)[0] is None
    assert "no score bug was found" in choose_box(None, None)[1]


def test_the_box_is_read_from_what_the_stage_wrote(tmp_path):
    readings = pl.DataFrame(schema=schema.READINGS)
    save(tmp_path / "board.parquet", readings, Scoreboard(box=FOUND))
    assert read_box(tmp_path / "board.parquet") == FOUND
    save(tmp_path / "none.parquet", readings, Scoreboard())
    assert read_box(tmp_path / "none.parquet") is None
    schema.write(tmp_path / "other.parquet", readings, schema.READINGS)
    with pytest.raises(InputError, match="not what `touchline scoreboard` writes"):
        read_box(tmp_path / "other.parquet")


def test_chunks_have_a_video_of_the_box_that_was_found(steady_video, tmp_path):
    readings = pl.DataFrame(schema=schema.READINGS)
    save(tmp_path / "board.parquet", readings, Scoreboard(box=Box(8, 4, 32, 16)))
    manifest = tmp_path / "1.parquet"
    arguments = {
        "video": steady_video, "match": "m", "half": 1, "folder": tmp_path / "1",
        "manifest": manifest, "scoreboard": tmp_path / "board.parquet",
    }  # fmt: skip
    chunks.main([f"--{name}={value}" for name, value in arguments.items()])
    assert schema.read(manifest, schema.CHUNKS)["bug_file"].is_not_null().all()
    assert schema.read_problems(manifest) == []
    chunks.main(
        [f"--{name}={value}" for name, value in arguments.items()]
        + ['--score-bug={"x":8,"y":4,"w":12,"h":16}']
    )
    [problem] = schema.read_problems(manifest)
    assert "cuts off a part of the score bug" in problem.problem

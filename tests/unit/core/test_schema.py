"""Damaged tables of our own are named in one sentence, with what to do."""

import os

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError, Problem

PROBLEM = Problem("a", "labels", "is odd.", "Correct it.")


@pytest.fixture
def table(tmp_path):
    """Return the path of a table of labels with a problem in it."""
    rows = [(1, float(time), "goal", "Goal", "home", "visible") for time in range(200)]
    events = pl.DataFrame(rows, schema=schema.LABELS, orient="row")
    schema.write(tmp_path / "labels.parquet", events, schema.LABELS, [PROBLEM])
    return tmp_path / "labels.parquet"


READERS = [
    lambda path: schema.read(path, schema.LABELS),
    schema.read_problems,
    schema.is_set_aside,
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "text", "folder", "pipe"])
def test_a_table_that_is_gone_cut_or_no_table_is_an_input_error(table, read, damage):
    content = table.read_bytes()
    table.unlink()
    if damage == "folder":
        table.mkdir()
    elif damage == "pipe":
        os.mkfifo(table)
    elif damage != "gone":
        contents = {"empty": b"", "cut": content[: len(content) // 2], "text": b"match,half\n"}
        table.write_bytes(contents[damage])
    with pytest.raises(
        InputError, match=r"labels\.parquet: not a readable Parquet file \(.*Delete"
    ):
        read(table)


@pytest.mark.parametrize("read", READERS)
def test_no_changed_byte_gives_another_error(table, read):
    content = table.read_bytes()
    for at in range(0, len(content), 7):
        table.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            read(table)
        except InputError as error:
            text = str(error)
            assert "labels.parquet: " in text

"""Damaged tables of our own are named in one sentence, with what to do."""

import json
import os

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError, Problem
from touchline.core.tables import columns

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
    remedy = "Make it, or correct the path" if damage == "gone" else "Delete it"
    with pytest.raises(
        InputError, match=rf"labels\.parquet: not a readable Parquet file \(.*{remedy}"
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


WRITTEN = {name: table for name, table in vars(columns).items() if isinstance(table, columns.Table)}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_column_and_nested_field_is_described(name):
    table = WRITTEN[name]
    paths = set(table)
    for column, kind in table.items():
        inner = kind.inner if isinstance(kind, pl.List) else kind
        if isinstance(inner, pl.Struct):
            paths |= {f"{column}.{field.name}" for field in inner.fields}
    assert paths == set(table.about)
    for path, (description, unit) in table.about.items():
        assert description
        if path.split(".")[-1].endswith(("_s", "seconds")) and not path.endswith("per_s"):
            assert unit == "s"


def test_pyarrow_reads_descriptions_and_units_as_field_metadata(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = pl.DataFrame(
        [(1, 0, 0.0, 60.0, "goal", [{"start_s": 1.0, "end_s": 2.0, "text": "Goal!"}])],
        schema=schema.SAMPLES, orient="row",
    )  # fmt: skip
    schema.write(tmp_path / "samples.parquet", frame, schema.SAMPLES, [PROBLEM])
    read = parquet.read_table(tmp_path / "samples.parquet")
    assert read.schema.field("start_s").metadata == {
        b"description": b"start of the chunk, from the start of the half's video",
        b"unit": b"s",
    }
    line = read.schema.field("lines").type.value_type
    assert line.field("text").metadata == {b"description": b"what was said"}
    assert line.field("end_s").metadata[b"unit"] == b"s"
    assert read.to_pylist() == frame.to_dicts()
    assert schema.read(tmp_path / "samples.parquet", schema.SAMPLES).equals(frame)
    # Where field metadata is out of reach (polars, DuckDB), the same is a text of the file.
    about = json.loads(pl.read_parquet_metadata(tmp_path / "samples.parquet")["touchline.columns"])
    assert about["lines.end_s"] == {"description": "end of the line", "unit": "s"}


def test_equal_rows_give_equal_bytes(table, tmp_path):
    rows = schema.read(table, schema.LABELS)
    schema.write(tmp_path / "again.parquet", rows, schema.LABELS, [PROBLEM])
    assert (tmp_path / "again.parquet").read_bytes() == table.read_bytes()


def test_a_schema_with_more_columns_is_a_plain_one():
    assert list(schema.SCORES | {"model": pl.String}) == [*schema.SCORES, "model"]
    assert list({"model": pl.String} | schema.SCORES) == ["model", *schema.SCORES]

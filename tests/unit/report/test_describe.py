"""`touchline describe`: what a table says of itself."""

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError, Problem
from touchline.report import describe


def test_a_table_says_its_columns_units_and_problems(tmp_path, capsys):
    path = tmp_path / "commentary.parquet"
    lines = pl.DataFrame([(1, 0.0, 2.0, "Off!")], schema=schema.COMMENTARY, orient="row")
    problems = [Problem("a", "commentary", f"is odd {n}.", "Correct it.") for n in range(21)]
    schema.write(path, lines, schema.COMMENTARY, problems)
    describe.main([str(path)])
    printed = capsys.readouterr().out
    assert f"{path}: 1 rows\nSegments: the lines of the commentary of a half\n" in printed
    assert (
        "start_s  float64  s     start of the line, from the start of the half's video" in printed
    )
    assert "problems met while it was made: 21\n  a: is odd 0. Correct it." in printed
    assert "… and 1 more" in printed


def test_nested_fields_are_listed_too(tmp_path):
    path = tmp_path / "samples.parquet"
    schema.write(path, pl.DataFrame(schema=schema.SAMPLES), schema.SAMPLES)
    text = describe.describe(str(path))
    assert "lines          list of struct" in text
    assert "lines.start_s  float64         s     start of the line" in text
    assert "problems met while it was made: none" in text


def test_a_file_of_other_origin_is_an_input_error(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="has no description of its columns"):
        describe.describe(str(tmp_path / "other.parquet"))
    (tmp_path / "text.parquet").write_text("a,b\n")
    with pytest.raises(InputError, match="is no Parquet file"):
        describe.describe(str(tmp_path / "text.parquet"))


def test_a_damaged_or_foreign_description_is_never_a_traceback(tmp_path):
    for number, entry in enumerate(('"x"', "[]", '{"a": 3}', "{", '{"a": {"unit": 5}}')):
        path = tmp_path / f"{number}.parquet"
        metadata = {schema.COLUMNS_KEY: entry}
        pl.DataFrame({"a": [1]}).write_parquet(path, metadata=metadata)
        if number == 4:
            assert "\na       int64  5" in describe.describe(str(path))
        else:
            with pytest.raises(InputError, match="its description is damaged"):
                describe.describe(str(path))
    with pytest.raises(InputError, match="it is a folder, not a file"):
        describe.describe(str(tmp_path))

"""Print what a table of Touchline (a Parquet file) says of itself: its columns, units, problems."""

import argparse
import json
from typing import Any

import polars as pl

from touchline.core import schema
from touchline.core.problems import InputError, printable, quoted
from touchline.core.text_files import UnreadableError, check_regular

_SHOWN_PROBLEMS = 20


def describe(path: str) -> str:
    """Return the columns of a Parquet file with types, units and descriptions, and its problems.

    Raises `InputError` for a file that is no Parquet file, or not one of Touchline.
    """
    try:
        check_regular(path)
        entries = pl.read_parquet_metadata(path)
    except UnreadableError as error:
        raise InputError(f"{path}: cannot be read ({error}). Name a Parquet file.") from error
    except (OSError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(
            f"{path}: is no Parquet file, or a damaged one. Only Touchline's .parquet files say what "
            "their columns are; docs/outputs.md describes the other files."
        ) from error
    if schema.COLUMNS_KEY not in entries:
        raise InputError(
            f"{path}: has no description of its columns. It was not written by Touchline, or by a "
            "version before 0.2."
        )
    try:
        about = json.loads(entries[schema.COLUMNS_KEY])
        rows = [
            (
                quoted(name),
                kind,
                quoted(about.get(name, {}).get("unit", "")),
                printable(str(about.get(name, {}).get("description", ""))).replace("\n", "\\n"),
            )
            for name, kind in _fields(pl.Schema(pl.read_parquet_schema(path)))
        ]
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: its description is damaged. Make the file again.") from error
    count = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    lines = [f"{path}: {count} rows", entries.get(schema.TABLE_KEY, ""), ""]
    table = [("column", "type", "unit", "content"), *rows]
    widths = [max(len(row[number]) for row in table) for number in range(3)]
    lines += ["  ".join([*(row[n].ljust(widths[n]) for n in range(3)), row[3]]) for row in table]
    problems = schema.read_problems(path)
    lines += ["", f"problems met while it was made: {len(problems) or 'none'}"]
    lines += [f"  {problem}" for problem in problems[:_SHOWN_PROBLEMS]]
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"  … and {len(problems) - _SHOWN_PROBLEMS} more")
    if schema.SCOREBOARD_KEY in entries:
        lines.append(f"{schema.SCOREBOARD_KEY}: {entries[schema.SCOREBOARD_KEY]}")
    lines.append(f"made by Touchline {entries.get(schema.VERSION_KEY, 'of an unknown version')}")
    lines.append(f"made from: see `touchline provenance {path}`, in the folder of its study")
    return printable("\n".join(lines))


def _fields(columns: pl.Schema, prefix: str = "") -> list[tuple[str, str]]:
    """Return the path and type of each column, and of each field within a nested one."""
    fields: list[tuple[str, str]] = []
    for name, kind in columns.items():
        fields.append((f"{prefix}{name}", _type_name(kind)))
        inner = kind.inner if isinstance(kind, pl.List) else kind
        if isinstance(inner, pl.Struct):
            fields += _fields(pl.Schema(inner.to_schema()), f"{prefix}{name}.")
    return fields


def _type_name(kind: Any) -> str:
    if isinstance(kind, pl.List):
        return f"list of {_type_name(kind.inner)}"
    return type(kind).__name__.lower()


def main(argv: list[str]) -> None:
    """Print what a table says of itself."""
    parser = argparse.ArgumentParser(prog="touchline describe", description=__doc__)
    parser.add_argument("file", help="such as results/predictions/linear/<match>.parquet")
    args = parser.parse_args(argv)
    print(describe(args.file))

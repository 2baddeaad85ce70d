"""Reading and writing tables (`core/tables/columns.py`) as Parquet files.

The problems met while a table was made are stored in its file, as the key-value entry
`touchline.problems` (JSON), so that a table always says what was left out of it. What its columns
are is stored as the entry `touchline.columns` (JSON) and as metadata of Arrow's fields.
"""

import contextlib
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata as metadata_of_packages
from pathlib import Path

import polars as pl

from touchline.core.files import atomic_file
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.core.tables.columns import (
    ANSWER_STATUSES,
    ANSWERS,
    CHUNKS,
    COMMENTARY,
    FURTHER,
    INTERVAL,
    LABELS,
    LINE,
    LOG,
    PREDICTIONS,
    PROBLEMS,
    READINGS,
    SAMPLES,
    SCORES,
    STATUSES,
    TALLY,
    TOKENS,
    Table,
)
from touchline.core.tables.field_metadata import DescribedSchema
from touchline.core.text_files import UnreadableError, check_regular

__all__ = [
    "ANSWERS", "ANSWER_STATUSES", "CHUNKS", "COMMENTARY", "FURTHER", "INTERVAL", "LABELS", "LINE", "LOG",
    "PREDICTIONS", "PROBLEMS", "READINGS", "SAMPLES", "SCORES", "STATUSES", "TALLY", "TOKENS",
]  # fmt: skip

# The `action` of rows that pool all actions, in tables of scores.
ALL = "all"

SCOREBOARD_KEY = "touchline.scoreboard"  # of what `touchline scoreboard` found, a JSON text
PROBLEMS_KEY = "touchline.problems"
COLUMNS_KEY, TABLE_KEY, VERSION_KEY = (
    "touchline.columns", "touchline.table", "touchline.version"
)  # fmt: skip


def fill_predictions(answers: pl.DataFrame) -> pl.DataFrame:
    """Return `answers` with the columns of `PREDICTIONS`; a column that it lacks is null."""
    return answers.select(
        (pl.col(name) if name in answers.columns else pl.lit(None).alias(name)).cast(kind)
        for name, kind in PREDICTIONS.items()
    )


def sum_or_null(name: str) -> pl.Expr:
    """Return the sum of a column, null (not 0) where all its values are null."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def write(
    path: Path | str,
    frame: pl.DataFrame,
    schema: Table,
    problems: Sequence[Problem] = (),
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `frame` atomically with exactly the columns of `schema`; equal rows give equal bytes.

    `metadata` are further key-value entries of the file, which `read_metadata` returns.
    Raises polars' errors when a column is missing or cannot be cast, which is a bug, not bad input.
    """
    frame = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    entry = json.dumps([asdict(problem) for problem in problems], sort_keys=True)
    about = {
        name: {"description": description} | ({"unit": unit} if unit else {})
        for name, (description, unit) in schema.about.items()
    }
    entries = {
        **(metadata or {}),
        PROBLEMS_KEY: entry,
        TABLE_KEY: schema.title,
        COLUMNS_KEY: json.dumps(about),
        VERSION_KEY: _version(),
    }
    described = DescribedSchema(frame.schema, schema.about)
    with atomic_file(path) as partial:
        frame.write_parquet(partial, compression="zstd", metadata=entries, arrow_schema=described)


@functools.cache
def _version() -> str:
    """Return the version of Touchline, or "unknown" where its code runs without being installed."""
    try:
        return metadata_of_packages.version("touchline")
    except metadata_of_packages.PackageNotFoundError:
        return "unknown"


def read(path: Path | str, schema: pl.Schema) -> pl.DataFrame:
    """Read a table; raise `InputError` when the file is not a Parquet file with these columns."""
    with _readable(path):
        frame = pl.read_parquet(path, glob=False)
    if dict(frame.schema) != dict(schema):
        raise InputError(
            f"{path}: columns {list(frame.columns)} instead of {list(schema)}. "
            "It was written by another version: delete it; it is made again."
        )
    return frame


def read_csv(path: Path | str) -> pl.DataFrame:
    """Return a CSV table for people, such as metrics.csv; names are text, also those of digits."""
    names = dict.fromkeys(["model", "other", "action", "part", "value"], pl.String)
    return pl.read_csv(path, schema_overrides=names, infer_schema_length=None)


def read_metadata(path: Path | str) -> dict[str, str]:
    """Return the key-value entries of a table's file; raise `InputError` for no Parquet file."""
    with _readable(path):
        return pl.read_parquet_metadata(path)


def read_problems(path: Path | str) -> list[Problem]:
    """Return the problems that were met while the table at `path` was made.

    Raises `InputError` when the file is not a Parquet file, or was written by another version.
    """
    with _readable(path):
        entry = pl.read_parquet_metadata(path).get(PROBLEMS_KEY, "[]")
        return [Problem(**fields) for fields in json.loads(entry)]


@contextlib.contextmanager
def _readable(path: Path | str) -> Iterator[None]:
    """Raise `InputError` for a table that is missing, cut, damaged or no regular file."""
    try:
        check_regular(path)
        yield
    except UnreadableError as error:
        reason = str(error)
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n")[0]
    except pl.exceptions.PanicException:  # of polars itself, on some damaged files
        reason = "it is damaged"
    else:
        return
    remedy = (
        "Delete it; it is made again." if Path(path).exists() else "Make it, or correct the path."
    )
    raise InputError(f"{path}: not a readable Parquet file ({reason}). {remedy}")


def is_set_aside(path: Path | str) -> bool:
    """Say whether the match of this table was set aside when it was made."""
    return any(problem.effect == MATCH_SET_ASIDE for problem in read_problems(path))


def unusable_file(
    columns: pl.Schema,
    match: str,
    stage: str,
    path: object,
    text: str,
    remedy: str,
    half: int | None = None,
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return what a reader gives for a file without use: no rows, and the problem that says why."""
    problem = Problem(match, stage, text, remedy, MATCH_SET_ASIDE, half, str(path))
    return pl.DataFrame(schema=columns), [problem]


def problems_table(problems: Sequence[Problem]) -> pl.DataFrame:
    """Return the problems as a table (columns `PROBLEMS`), in the order given."""
    return pl.DataFrame([asdict(problem) for problem in problems], schema=PROBLEMS)

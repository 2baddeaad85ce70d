"""The sheet (matches.csv) of a study's matches, one row per half: reading, validation, writing."""

import contextlib
import csv
import io
import math
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import polars as pl

from touchline.core import cli
from touchline.core.config import validator
from touchline.core.files import atomic_file
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import InputError, Problem, quoted, raise_problems
from touchline.core.text_files import UnreadableError, read_text

if TYPE_CHECKING:
    from touchline.video.frame_reader import Video

SPLITS = ("train", "valid", "test", "challenge")
_TOO_MANY_CELLS = "(too many cells)"
SHEET = pl.Schema(
    {
        "match": pl.String,
        "half": pl.Int64,
        "split": pl.String,
        "video": pl.String,
        "duration_s": pl.Float64,
        "labels": pl.String,
        "commentary": pl.String,
    }
)


BETWEEN = "|"  # the transcripts of a half in a commentary cell


def transcripts_of(cell: str) -> list[str]:
    """Return the files of a commentary cell: one, or several transcripts with `|` between them."""
    if BETWEEN not in cell or Path(cell).is_file():
        return [cell]
    return [part.strip() for part in cell.split(BETWEEN)]


def slug(game: str) -> str:
    """Return a match's name from SoccerNet's game path: `date-time-home-score-away` in ASCII."""
    name = unicodedata.normalize("NFKD", game.rstrip("/").split("/")[-1])
    ascii_name = name.encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", ascii_name).strip("-.")


def read_sheet(path: Path | str) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the rows of every valid match (columns of `SHEET`), and the problems of the others.

    A match with an invalid row is left out completely. An empty duration_s is read from the video.
    Paths are relative to the working directory. Raises `InputError` when the file cannot be read or
    has other columns.
    """
    rows, problems = read_rows(path)
    for cells in rows:
        if "duration_s" not in cells:
            video, video_problems = probe_half(cells["video"], cells["match"], cells["half"])
            cells["duration_s"] = video.duration_s if video else None
            problems += video_problems
    invalid = {problem.match for problem in problems}
    rows = [cells for cells in rows if cells["match"] not in invalid]
    return pl.DataFrame(rows, schema=SHEET, orient="row"), problems


def read_rows(path: Path | str) -> tuple[list[dict], list[Problem]]:
    """Return the non-empty cells of the rows of every valid match, and the problems of the others.

    As `read_sheet`, but no video is opened.
    """
    rows = list(_rows(path))
    rules = validator("sheet")
    problems = [problem for row in rows for problem in _row_problems(row, path, rules)]
    problems += _match_problems(rows, path)
    invalid = {problem.match for problem in problems}
    return [cells for _, cells in rows if str(cells.get("match", "")) not in invalid], problems


def load_matches(path: Path | str, on_problem: str) -> dict[str, list[dict]]:
    """Return the halves (rows of `SHEET`) of every valid match of a study, by the match's name.

    Matches and halves are in the order of the sheet. Raises `InputError` when no match is left, and
    for any problem when `on_problem` is "stop".
    """
    rows, problems = read_sheet(path)
    if on_problem == "stop":
        raise_problems(problems)
    if rows.is_empty():
        cli.report(problems)
        raise InputError(f"{path}: no valid match is left. Add rows, or correct those above.")
    by_match = rows.group_by("match", maintain_order=True)
    return {match: halves.to_dicts() for (match,), halves in by_match}


def probe_half(path: str, match: str, half: int) -> tuple["Video | None", list[Problem]]:
    """Return the properties of a half's video, or None and the video's problem."""
    from touchline.video import frame_reader  # slow to import, and rarely needed

    def problem(text: str, remedy: str) -> Problem:
        return Problem(match, "sheet", text, remedy, half=half, file=path)

    try:
        video = frame_reader.probe(path)
    except frame_reader.VideoError as error:
        return None, [problem(error.problem, error.remedy)]
    if not 0 < video.duration_s <= MAX_HALF_S:
        return None, [
            problem(
                f"its pictures last {video.duration_s:.6g} s, and no half more than "
                f"{MAX_HALF_S:.0f} s.",
                "Correct its time stamps, or cut the half out of the recording.",
            )
        ]
    return video, []


def _rows(path: Path | str) -> Iterator[tuple[int, dict]]:
    """Yield the first line and the non-empty cells of each row; cells of numbers are converted.

    Raises `InputError` where the file is no CSV file with the columns of a sheet.
    """
    try:
        lines = io.StringIO(read_text(path), newline="")
        reader = csv.DictReader(lines, restkey=_TOO_MANY_CELLS)
        header = reader.fieldnames or []
        differences = [f"no column {name}" for name in SHEET if name not in header]
        differences += [f"unknown column {quoted(name)}" for name in header if name not in SHEET]
        differences += [f"two columns {name}" for name in SHEET if header.count(name) > 1]
        if differences:
            raise InputError(
                f"{path}: row 1: {', '.join(differences)}. The sheet's columns are "
                f"{','.join(SHEET)}; `touchline sheet --help` says how to write one."
            )
        line = reader.line_num + 1
        for row in reader:
            cells = {name: cell for name, cell in row.items() if cell not in ("", None)}
            yield line, cells | _numbers(cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}: row {line}: cannot be read as CSV ({error}). "
            "Look for a quotation mark that is not closed."
        ) from error
    except UnreadableError as error:
        raise InputError(
            f"{path}: cannot be read as a CSV file ({error}). "
            "Write it with `touchline sheet`, or by hand."
        ) from error


def _numbers(cells: dict[str, str]) -> dict[str, int | float]:
    """Return the cells that are numbers, converted; the others are left to the schema to refuse."""
    numbers: dict[str, int | float] = {}
    with contextlib.suppress(KeyError, ValueError):
        numbers["half"] = int(cells["half"])
    with contextlib.suppress(KeyError, ValueError):
        duration_s = float(cells["duration_s"])
        if not math.isnan(duration_s):  # "nan" stays text, which the schema refuses
            numbers["duration_s"] = duration_s
    return numbers


def _row_problems(
    row: tuple[int, dict], path: Path | str, rules: jsonschema.Draft202012Validator
) -> Iterator[Problem]:
    """Yield the problems of one row by itself."""
    line, cells = row

    def problem(text: str, remedy: str) -> Problem:
        return Problem(str(cells.get("match", "")), "sheet", text, remedy, file=str(path), row=line)

    for column, cell in cells.items():
        if isinstance(cell, str) and (breaks := len(cell.splitlines()) - 1 + cell.endswith("\n")):
            where = f"lines {line} to {line + breaks}"
            yield problem(
                f"{column}: the cell goes on over {where}, whose rows are not read.",
                f"Look for a quotation mark that is not closed. {_description(rules, column)}",
            )
            return
    for error in rules.iter_errors(cells):
        column = str(error.path[0]) if error.path else ""
        remedy = "Correct the row."
        if column and isinstance(error.schema, Mapping):
            remedy = error.schema.get("description", remedy)
        where = f"{column}: " if column else ""
        yield problem(f"{where}{error.message}.", remedy)
    for column in ("video", "labels", "commentary"):
        if column not in cells:
            continue
        cell = str(cells[column])
        paths = transcripts_of(cell) if column == "commentary" else [cell]
        if text := next(filter(None, map(_path_problem, paths)), None):
            yield problem(
                f"{column}: {text}.",
                "Correct the path (it is relative to where snakemake runs), or leave it empty.",
            )
    if "video" not in cells and "duration_s" not in cells:
        yield problem("neither video nor duration_s.", "Give one, so that the half has a length.")


def _path_problem(path: str) -> str | None:
    """Return what is wrong with the path of a file in the sheet, or None."""
    try:
        if not Path(path).is_file():
            return f"no file '{quoted(path)}'"
    except OSError as error:  # such as a name of more than 255 bytes
        return f"no file '{quoted(path)}' ({error.strerror})"
    return None if os.access(path, os.R_OK) else f"'{quoted(path)}' may not be read"


def _description(rules: jsonschema.Draft202012Validator, column: str) -> str:
    schema = rules.schema
    properties = schema["properties"] if isinstance(schema, Mapping) else {}
    return properties.get(column, {}).get("description", "")


def _match_problems(rows: list[tuple[int, dict]], path: Path | str) -> Iterator[Problem]:
    """Yield the contradictions between the rows of a match."""
    lines: dict[tuple, int] = {}  # of each match and half
    first_rows: dict[str, dict] = {}
    for line, cells in rows:
        match = str(cells.get("match", ""))
        key = (match, cells.get("half"))
        if key in lines:
            yield Problem(
                match, "sheet", f"the same match and half as row {lines[key]}.", "Remove one.",
                file=str(path), row=line,
            )  # fmt: skip
        lines[key] = line
        first_row = first_rows.setdefault(match, cells)
        for column in ("split", "labels"):
            if cells.get(column) != first_row.get(column):
                yield Problem(
                    match, "sheet", f"{column} differs between the match's halves.",
                    "Write the same in every row of a match.", file=str(path), row=line,
                )  # fmt: skip


def write_sheet(path: Path | str, rows: pl.DataFrame) -> None:
    """Write a sheet atomically."""
    with atomic_file(path) as partial:
        rows.select(SHEET.names()).write_csv(partial)

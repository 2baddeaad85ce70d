"""The sheet (matches.csv) of a study's matches, one row per half: reading, validation, writing."""

import contextlib
import csv
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

import jsonschema
import polars as pl
import yaml

from touchline.core import cli
from touchline.core.files import atomic_file
from touchline.core.problems import InputError, Problem, raise_problems

SCHEMA = Path(__file__).parents[2] / "schemas" / "sheet.schema.yaml"
SPLITS = ("train", "valid", "test", "challenge")
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
    rows = list(_rows(path))
    validator = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    problems = [problem for row in rows for problem in _row_problems(row, path, validator)]
    problems += _match_problems(rows, path)
    invalid = {problem.match for problem in problems}
    valid_rows = [cells for _, cells in rows if str(cells.get("match", "")) not in invalid]
    for cells in valid_rows:
        if "duration_s" not in cells:
            cells["duration_s"], video_problems = measure_duration(
                cells["video"], cells["match"], cells["half"]
            )
            problems += video_problems
    invalid = {problem.match for problem in problems}
    valid_rows = [cells for cells in valid_rows if cells["match"] not in invalid]
    return pl.DataFrame(valid_rows, schema=SHEET, orient="row"), problems


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


def measure_duration(video: str, match: str, half: int) -> tuple[float | None, list[Problem]]:
    """Return the duration of a half's video in seconds, or None and the video's problem."""
    from touchline.video import frame_reader  # slow to import, and rarely needed

    try:
        return frame_reader.probe(video).duration_s, []
    except frame_reader.VideoError as error:
        return None, [Problem(match, "sheet", error.problem, error.remedy, half=half, file=video)]


def _rows(path: Path | str) -> Iterator[tuple[int, dict]]:
    """Yield the line number and the non-empty cells of each row; cells of numbers are converted."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="(too many cells)")
            header = reader.fieldnames or []
            differences = [f"no column {name}" for name in SHEET if name not in header]
            differences += [f"unknown column {name}" for name in header if name not in SHEET]
            if differences:
                raise InputError(
                    f"{path}: row 1: {', '.join(differences)}. The sheet's columns are "
                    f"{','.join(SHEET)}; `touchline sheet --help` says how to write one."
                )
            for row in reader:
                cells = {name: cell for name, cell in row.items() if cell not in ("", None)}
                yield reader.line_num, cells | _numbers(cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
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
    row: tuple[int, dict], path: Path | str, validator: jsonschema.Draft202012Validator
) -> Iterator[Problem]:
    """Yield the problems of one row by itself."""
    line, cells = row

    def problem(text: str, remedy: str) -> Problem:
        return Problem(str(cells.get("match", "")), "sheet", text, remedy, file=str(path), row=line)

    for error in validator.iter_errors(cells):
        column = str(error.path[0]) if error.path else ""
        remedy = "Correct the row."
        if column and isinstance(error.schema, Mapping):
            remedy = error.schema.get("description", remedy)
        where = f"{column}: " if column else ""
        yield problem(f"{where}{error.message}.", remedy)
    for column in ("video", "labels", "commentary"):
        if column in cells and not Path(str(cells[column])).is_file():
            yield problem(
                f"{column}: no file '{cells[column]}'.",
                "Correct the path (it is relative to where snakemake runs), or leave it empty.",
            )
    if "video" not in cells and "duration_s" not in cells:
        yield problem("neither video nor duration_s.", "Give one, so that the half has a length.")


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

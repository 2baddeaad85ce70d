"""matches.csv, the single list of what is in a study: one row per half. Read, checked and written."""

import csv
import re
import unicodedata
from collections.abc import Iterator
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
    """Return the match's name for a SoccerNet game path: `date-time-home-score-away` in plain ASCII."""
    name = unicodedata.normalize("NFKD", game.rstrip("/").split("/")[-1])
    ascii_name = name.encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", ascii_name).strip("-.")


def read_sheet(path: Path | str) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the rows of every sound match (columns of `SHEET`), and what was wrong with the others.

    A match with one bad row is set aside as a whole. An empty duration_s is read from the video.
    Paths are taken as written, relative to the working directory. Raises `InputError` when the file
    cannot be read or has other columns.
    """
    rows = list(_rows(path))
    validator = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    problems = [found for row in rows for found in _row_problems(row, path, validator)]
    problems += _match_problems(rows, path)
    bad = {problem.match for problem in problems}
    good = [row for _, row in rows if str(row.get("match", "")) not in bad]
    for row in good:
        if "duration_s" not in row:
            row["duration_s"], found = measure(row["video"], row["match"], row["half"])
            problems += found
    bad = {problem.match for problem in problems}
    good = [row for row in good if row["match"] not in bad]
    return pl.DataFrame(good, schema=SHEET, orient="row"), problems


def load_matches(path: Path | str, on_problem: str) -> dict[str, list[dict]]:
    """Return the halves of every sound match of a study, by the match's name, in the sheet's order.

    Raises `InputError` when no match is left, or for any problem when `on_problem` is "stop".
    """
    rows, problems = read_sheet(path)
    if on_problem == "stop":
        raise_problems(problems)
    if rows.is_empty():
        cli.report(problems)
        raise InputError(f"{path}: no sound match is left. Add rows, or correct those above.")
    by_match = rows.group_by("match", maintain_order=True)
    return {match: halves.to_dicts() for (match,), halves in by_match}


def measure(film: str, match: str, half: int) -> tuple[float | None, list[Problem]]:
    """Return the length of a half's video in seconds, or what is wrong with it."""
    from touchline.video import frame_reader  # slow to import, and rarely needed

    try:
        return frame_reader.probe(film).duration_s, []
    except frame_reader.VideoError as error:
        return None, [Problem(match, "sheet", error.problem, error.remedy, half=half, file=film)]


def _rows(path: Path | str) -> Iterator[tuple[int, dict]]:
    """Yield (line in the file, the row's non-empty cells); numbers are numbers where they can be."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="(too many cells)")
            header = reader.fieldnames or []
            wrong = [f"no column {name}" for name in SHEET if name not in header]
            wrong += [f"unknown column {name}" for name in header if name not in SHEET]
            if wrong:
                raise InputError(
                    f"{path}: row 1: {', '.join(wrong)}. The sheet's columns are "
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


def _numbers(cells: dict) -> dict:
    numbers = {}
    for name, kind in (("half", int), ("duration_s", float)):
        try:
            number = kind(cells[name])
        except (KeyError, ValueError):
            continue
        if number == number:  # "nan" stays text, and so becomes a problem of its row
            numbers[name] = number
    return numbers


def _row_problems(row: tuple[int, dict], path: Path | str, validator) -> Iterator[Problem]:
    """Yield what is wrong with one row by itself."""
    line, cells = row

    def problem(text: str, remedy: str) -> Problem:
        return Problem(str(cells.get("match", "")), "sheet", text, remedy, file=str(path), row=line)

    for error in validator.iter_errors(cells):
        column = str(error.path[0]) if error.path else ""
        remedy = error.schema.get("description", "Mend the row.") if column else "Mend the row."
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
    """Yield what is wrong between the rows of one match."""
    seen: dict[tuple, int] = {}
    first: dict[str, dict] = {}
    for line, cells in rows:
        match = str(cells.get("match", ""))
        key = (match, cells.get("half"))
        if key in seen:
            yield Problem(
                match, "sheet", f"the same match and half as row {seen[key]}.", "Remove one.",
                file=str(path), row=line,
            )  # fmt: skip
        seen[key] = line
        known = first.setdefault(match, cells)
        for column in ("split", "labels"):
            if cells.get(column) != known.get(column):
                yield Problem(
                    match, "sheet", f"{column} differs between the match's halves.",
                    "Write the same in every row of a match.", file=str(path), row=line,
                )  # fmt: skip


def write_sheet(path: Path | str, rows: pl.DataFrame) -> None:
    """Write a sheet whole."""
    with atomic_file(path) as partial:
        rows.select(SHEET.names()).write_csv(partial)

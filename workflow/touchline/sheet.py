"""matches.csv, the single list of what is in a study: one row per half.

As a command it writes the sheet of a SoccerNet tree. Rows for other matches may be added by hand.
"""

import argparse
import csv
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import polars as pl
import yaml
from tqdm import tqdm

from touchline import cli
from touchline.files import whole
from touchline.problems import NOTED, InputError, Problem, stop_on_any

SCHEMA = Path(__file__).parents[1] / "schemas" / "sheet.schema.yaml"
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
LABELS_FILE = "Labels-v2.json"


def read(path: Path | str) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the rows of every sound match (columns of `SHEET`), and what was wrong with the others.

    A match with one bad row is set aside as a whole. An empty duration_s is read from the video.
    Paths are taken as written, relative to the working directory. Raises `InputError` when the file cannot be read or lacks a column.
    """
    rows = list(_rows(path))
    validator = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))
    problems = [found for row in rows for found in _row_problems(row, path, validator)]
    problems += _match_problems(rows, path)
    for _, cells in rows:
        if "duration_s" not in cells and Path(cells.get("video", "")).is_file():
            cells["duration_s"], found = _measure(cells["video"], cells["match"], cells["half"])
            problems += found
    bad = {problem.match for problem in problems}
    good = [row for _, row in rows if str(row.get("match", "")) not in bad]
    return pl.DataFrame(good, schema=SHEET, orient="row"), problems


def load(path: Path | str, on_problem: str) -> dict[str, list[dict]]:
    """Return the halves of every sound match of a study, by the match's name, in the sheet's order.

    Raises `InputError` when no match is left, or for any problem when `on_problem` is "stop".
    """
    rows, problems = read(path)
    if on_problem == "stop":
        stop_on_any(problems)
    if rows.is_empty():
        cli.report(problems)
        raise InputError(f"{path}: no sound match is left. Add rows, or correct those above.")
    by_match = rows.group_by("match", maintain_order=True)
    return {match: halves.to_dicts() for (match,), halves in by_match}


def _measure(film: str, match: str, half: int) -> tuple[float | None, list[Problem]]:
    """Return the length of a half's video in seconds, or what is wrong with it."""
    from touchline import video  # slow to import, and rarely needed

    try:
        return video.probe(film).duration_s, []
    except video.VideoError as error:
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
                    f"{','.join(SHEET)}; `python -m touchline.sheet --help` says how to write one."
                )
            for row in reader:
                cells = {name: cell for name, cell in row.items() if cell not in ("", None)}
                yield reader.line_num, cells | _numbers(cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot be read as a CSV file ({error}). "
            "Write it with `python -m touchline.sheet`, or by hand."
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


def write(path: Path | str, rows: pl.DataFrame) -> None:
    """Write a sheet whole."""
    with whole(path) as partial:
        rows.select(SHEET.names()).write_csv(partial)


def slug(game: str) -> str:
    """Return the match's name for a SoccerNet game path: `date-time-home-score-away` in plain ASCII."""
    name = unicodedata.normalize("NFKD", game.rstrip("/").split("/")[-1])
    ascii_name = name.encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", ascii_name).strip("-.")


def from_soccernet(
    soccernet: Path,
    echoes: Path | None,
    splits: dict[str, str],
    lengths: dict[tuple[str, int], float],
    commentary_order: list[str],
    video_order: list[str],
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the sheet of the games of `splits` that have a folder in the tree, and what it lacks.

    `splits` maps a game path to its split, `lengths` (game, half) to seconds for halves without a
    video. The first folder of `commentary_order` that has a half's file gives its commentary.
    """
    rows, problems = [], []
    for game, split in tqdm(splits.items(), desc="games", unit="game", disable=None):
        folder = soccernet / game
        if not folder.is_dir():
            continue
        labels = folder / LABELS_FILE
        for half in (1, 2):
            film = _first(folder / f"{half}_{name}" for name in video_order)
            duration, found = lengths.get((game, half)), []
            if film:
                duration, found = _measure(film, slug(game), half)
            problems += found
            spoken = _first(
                echoes / "Dataset" / version / game / f"{half}_asr.json"
                for version in (commentary_order if echoes else [])
            )
            rows.append(
                (slug(game), half, split, film, duration,
                 str(labels) if labels.is_file() else None, spoken)
            )  # fmt: skip
            if duration is None and not found:
                problems.append(
                    Problem(
                        slug(game), "sheet", "no video and no length.",
                        "Add the half to the file of --lengths.", half=half, file=str(folder),
                    )
                )  # fmt: skip
            if spoken is None:
                problems.append(
                    Problem(
                        slug(game), "sheet", "no commentary.",
                        "Nothing to do: the half stays in the study without commentary.",
                        NOTED, half=half, file=str(folder),
                    )
                )  # fmt: skip
    return pl.DataFrame(rows, schema=SHEET, orient="row"), problems


def _first(paths: Iterator[Path]) -> str | None:
    return next((str(path) for path in paths if path.is_file()), None)


def soccernet_splits() -> dict[str, str]:
    """Return the official split of each SoccerNet-v2 game, from the SoccerNet package."""
    from SoccerNet.utils import getListGames

    return {game: split for split in SPLITS for game in getListGames(split)}


def _by_split(splits: dict[str, str]) -> list[list[tuple[str, str]]]:
    """Return the (game, split) pairs of each split, in the order given."""
    return [[pair for pair in splits.items() if pair[1] == split] for split in SPLITS]


def read_pairs(path: Path, columns: list[str]) -> pl.DataFrame:
    """Read a small CSV that must have these columns; raise `InputError` otherwise."""
    kinds = {"half": pl.Int64, "duration_s": pl.Float64}
    try:
        table = pl.read_csv(path, infer_schema=False).select(columns)
        return table.select(pl.col(name).cast(kinds.get(name, pl.String)) for name in columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a CSV with columns {','.join(columns)} ({reason}). Correct it."
        ) from error


def read_splits(path: Path) -> dict[str, str]:
    """Return the split of each game of a small CSV; raise `InputError` for an unknown split."""
    pairs = read_pairs(path, ["game", "split"]).rows()
    for row, (game, split) in enumerate(pairs, start=2):
        if split not in SPLITS:
            raise InputError(
                f"{path}: row {row}: {game} has unknown split '{split}'. "
                f"Write one of {', '.join(SPLITS)}."
            )
    return dict(pairs)


def download(folder: Path, splits: list[str], files: list[str]) -> None:
    """Fetch missing files with the SoccerNet package; its password is in `SOCCERNET_PASSWORD`.

    The package reports each download to an analytics service of its authors.
    """
    password = os.environ.get("SOCCERNET_PASSWORD")
    if not password:
        raise InputError(
            "SOCCERNET_PASSWORD is not set. SoccerNet gives you a password for the videos once you "
            "have signed its agreement; put it into that environment variable."
        )
    from SoccerNet.Downloader import SoccerNetDownloader

    downloader = SoccerNetDownloader(LocalDirectory=str(folder))
    downloader.password = password
    downloader.downloadGames(files=files, split=splits)


def main(argv: list[str]) -> None:
    """Write the sheet of a SoccerNet tree."""
    parser = argparse.ArgumentParser(prog="python -m touchline.sheet", description=__doc__)
    parser.add_argument(
        "--soccernet", type=Path, required=True, metavar="DIR",
        help="folder of the leagues: DIR/<league>/<season>/<game>/Labels-v2.json",
    )  # fmt: skip
    parser.add_argument(
        "--echoes", type=Path, metavar="DIR",
        help="SoccerNet-Echoes checkout: DIR/Dataset/<version>/<league>/<season>/<game>/1_asr.json",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("matches.csv"), help="(%(default)s)")
    parser.add_argument(
        "--lengths", type=Path, metavar="CSV",
        help="game,half,duration_s of the halves that have no video here",
    )  # fmt: skip
    parser.add_argument(
        "--splits", type=Path, metavar="CSV",
        help="game,split instead of the official splits of the SoccerNet package",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="take every Nth game of each split"
    )
    parser.add_argument(
        "--commentary", nargs="+", metavar="VERSION", default=["whisper_v1_en", "whisper_v1"],
        help="Echoes versions, the most wanted first (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--videos", nargs="+", metavar="NAME", default=["224p.mkv", "720p.mkv"],
        help="video files without the half's number, the most wanted first (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--download", nargs="+", metavar="FILE",
        help="fetch these files of every game first, such as 1_224p.mkv 2_224p.mkv Labels-v2.json; "
        "needs SOCCERNET_PASSWORD, and SoccerNet's package tells its authors of each download",
    )  # fmt: skip
    args = parser.parse_args(argv)
    if args.every < 1:
        parser.error("--every takes a number of 1 or more")
    if args.download:
        download(args.soccernet, list(SPLITS[:3]), args.download)
    splits = read_splits(args.splits) if args.splits else soccernet_splits()
    splits = {game: split for games in _by_split(splits) for game, split in games[:: args.every]}
    lengths = {}
    if args.lengths:
        table = read_pairs(args.lengths, ["game", "half", "duration_s"])
        lengths = {(game, half): length for game, half, length in table.iter_rows()}
    rows, problems = from_soccernet(
        args.soccernet, args.echoes, splits, lengths, args.commentary, args.videos
    )
    if rows.is_empty():
        raise InputError(
            f"{args.soccernet}: no game of the splits has a folder there. Name the folder that "
            "holds the leagues (england_epl, …)."
        )
    write(args.out, rows)
    cli.report(problems)
    games = rows.group_by("split").agg(pl.col("match").n_unique()).sort("split").iter_rows()
    print(f"{args.out}: {', '.join(f'{count} {split}' for split, count in games)} matches")


if __name__ == "__main__":
    cli.run(main)

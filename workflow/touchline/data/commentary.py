"""Convert the commentary of a match from SoccerNet-Echoes' JSON to a table of segments."""

import argparse
import json
from pathlib import Path

import polars as pl

from touchline.core import cli, schema
from touchline.core.problems import MATCH_SET_ASIDE, NOTED, ROW_LEFT_OUT, Problem, raise_problems


def read_commentary(path: Path | str, match: str, half: int) -> tuple[pl.DataFrame, list[Problem]]:
    """Return a half's segments (columns `schema.COMMENTARY`) in order of time, and the problems.

    The file contains `{"segments": {"0": [start_s, end_s, "text"], …}}`, in seconds from the start
    of the half's video. Blank texts are left out and counted in one problem; segments past the end
    of the half are kept.
    """

    def problem(text: str, remedy: str, effect: str, row: int | None = None) -> Problem:
        return Problem(match, "commentary", text, remedy, effect, half, str(path), row)

    try:
        segments = json.loads(Path(path).read_text(encoding="utf-8"))["segments"]
        entries = list(segments.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        unreadable = problem(
            f"is not SoccerNet-Echoes' commentary JSON ({error!r}).",
            "Fetch the file again, or leave the cell empty to go on without this commentary.",
            MATCH_SET_ASIDE,
        )
        return pl.DataFrame(schema=schema.COMMENTARY), [unreadable]

    rows, problems, blank = [], [], 0
    for row, entry in enumerate(entries, start=1):
        try:
            start_s, end_s, text = float(entry[0]), float(entry[1]), entry[2]
            if not 0 <= start_s <= end_s < float("inf"):
                raise ValueError(f"times {start_s} to {end_s} are reversed, negative or no times")
            if not isinstance(text, str):
                raise TypeError(f"text {text!r} is no string")
            text.encode()  # a lone surrogate (half an emoji) is valid JSON, but not UTF-8
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            problems.append(
                problem(
                    f"segment '{str(entry)[:80]}': {error}.",
                    "Write [start in seconds, end in seconds, text].", ROW_LEFT_OUT, row,
                )
            )  # fmt: skip
            continue
        text = " ".join(text.split())
        blank += not text
        rows += [(half, start_s, end_s, text)] if text else []
    if blank:
        problems.append(problem(f"{blank} blank lines left out.", "Nothing to do.", NOTED))
    if not rows:
        problems.append(problem("no commentary in the file.", "Nothing to do, or add it.", NOTED))
    frame = pl.DataFrame(rows, schema=schema.COMMENTARY, orient="row")
    return frame.sort("start_s", "end_s", maintain_order=True), problems


def main(argv: list[str]) -> None:
    """Write the segments of one match."""
    parser = argparse.ArgumentParser(prog="touchline commentary", description=__doc__)
    parser.add_argument("--match", required=True, help="the match's name, for messages")
    parser.add_argument(
        "--files", type=json.loads, default={}, metavar="JSON",
        help='commentary file of each half that has one, such as \'{"1": "1_asr.json"}\'',
    )  # fmt: skip
    parser.add_argument("--on-problem", choices=["set-aside", "stop"], default="set-aside")
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    args = parser.parse_args(argv)
    halves = [read_commentary(path, args.match, int(half)) for half, path in args.files.items()]
    problems = [problem for _, listed in halves for problem in listed]
    cli.report(problems)
    if args.on_problem == "stop":
        raise_problems(problems)
    segments = pl.concat([pl.DataFrame(schema=schema.COMMENTARY), *(rows for rows, _ in halves)])
    schema.write(args.out, segments, schema.COMMENTARY, problems)

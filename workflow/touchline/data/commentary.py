"""Convert the commentary of a match, in any format of transcripts, to a table of segments."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from touchline.core import cli, schema
from touchline.core.intervals import MAX_HALF_S, far_past_s
from touchline.core.problems import (
    MATCH_SET_ASIDE,
    NOTED,
    ROW_LEFT_OUT,
    Problem,
    quoted,
    raise_problems,
)
from touchline.core.text_files import UnreadableError
from touchline.data.transcripts import read_transcript

# A segment may end this much after the half: of 1,326 halves of SoccerNet-Echoes, the latest 66 s.
_OVERHANG_S = 120.0


def read_commentary(
    path: Path | str, match: str, half: int, duration_s: float | None = None
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return a half's segments (columns `schema.COMMENTARY`) in order of time, and the problems.

    The file is SoccerNet-Echoes' JSON, `{"segments": {"0": [start_s, end_s, "text"], …}}`, that of
    Whisper, faster-whisper or WhisperX, SRT or WebVTT (`transcripts.read_transcript`), with times
    from the start of the half's video. Blank texts are left out and counted in one problem; segments past the end
    of the half (`duration_s`, where it is known) are kept and counted in one. A file most of whose
    segments start far past the end (`intervals.far_past_s`), such as one in milliseconds, is not
    used.
    """

    def problem(text: str, remedy: str, effect: str, row: int | None = None) -> Problem:
        return Problem(match, "commentary", text, remedy, effect, half, str(path), row)

    unusable = partial(
        schema.unusable_file, schema.COMMENTARY, match, "commentary", path, half=half
    )

    try:
        transcript = read_transcript(path)
    except UnreadableError as error:
        return unusable(
            f"is no commentary as JSON, SRT or WebVTT ({error}).",
            "Fetch the file again, or go on without this commentary.",
        )
    entries = transcript.entries
    end_s = MAX_HALF_S if duration_s is None else duration_s
    if 2 * sum(_starts_at_or_after(entry, far_past_s(end_s)) for entry in entries) > len(entries):
        late = sum(_starts_at_or_after(entry, end_s) for entry in entries)
        return unusable(
            f"{late} of {len(entries)} segments start past the end of the half ({end_s} s).",
            "Write times in seconds"
            + (", or correct the half's duration_s in the sheet." if duration_s else "."),
        )
    rows, problems, blank, outside = [], [], 0, 0
    for row, entry in zip(transcript.rows, entries, strict=True):
        try:
            start_s, segment_end_s, text = _segment(entry)
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            problems.append(
                problem(
                    f"segment '{quoted(entry)}': {error}.", transcript.remedy, ROW_LEFT_OUT, row
                )
            )
            continue
        blank += not text
        outside += bool(text) and (start_s >= end_s or segment_end_s > end_s + _OVERHANG_S)
        rows += [(half, start_s, segment_end_s, text)] if text else []
    if blank:
        problems.append(problem(f"blank lines left out: {blank}.", "Nothing to do.", NOTED))
    if outside:
        problems.append(
            problem(
                f"{outside} of {len(rows)} segments lie past the end of the half ({end_s} s).",
                "Nothing to do, where the recogniser invented them; else correct their times.",
                NOTED,
            )
        )
    if transcript.note:
        text = quoted(transcript.note) if rows else f"no commentary: {quoted(transcript.note)}"
        remedy = "Nothing to do, or correct the file and run it again."
        problems.append(problem(text, remedy, NOTED))
    elif not rows:
        problems.append(problem("no commentary in the file.", "Nothing to do, or add it.", NOTED))
    frame = pl.DataFrame(rows, schema=schema.COMMENTARY, orient="row")
    return frame.sort("start_s", "end_s", maintain_order=True), problems


def read_further(
    files: Mapping[int, Sequence[str]], match: str, durations_s: Mapping[int, float]
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the lines of the further transcripts of a match (columns `schema.FURTHER`), and problems.

    `files` are those of each half. One that cannot be used costs itself alone.
    """
    tables, problems = [pl.DataFrame(schema=schema.FURTHER)], []
    for half, paths in files.items():
        for number, path in enumerate(paths, start=1):
            lines, found = read_commentary(path, match, half, durations_s.get(half))
            tables.append(lines.select(pl.lit(number, pl.Int64).alias("transcript"), pl.all()))
            problems += [
                replace(problem, effect=ROW_LEFT_OUT)
                if problem.effect == MATCH_SET_ASIDE
                else problem
                for problem in found
            ]
    return pl.concat(tables), problems


def _starts_at_or_after(entry: Any, end_s: float) -> bool:
    """Return whether an entry has a start, and that is not before `end_s`."""
    start = entry[0] if isinstance(entry, list) and entry else None
    return isinstance(start, int | float) and end_s <= start


def _segment(entry: Any) -> tuple[float, float, str]:
    """Return (start_s, end_s, text) of an entry, which may be any JSON value.

    Raises ValueError, TypeError, LookupError or OverflowError where it is not a segment.
    """
    if not isinstance(entry, list):
        raise TypeError("it has no times that can be read")
    start_s, end_s, text = float(entry[0]), float(entry[1]), entry[2]
    if not 0 <= start_s <= end_s < float("inf"):
        raise ValueError(f"times {start_s} to {end_s} are reversed, negative or no times")
    if end_s > MAX_HALF_S:
        raise ValueError(f"it ends at {end_s} s, and no half is longer than {MAX_HALF_S:.0f} s")
    if not isinstance(text, str):
        raise TypeError(f"text {quoted(text)} is no string")
    text.encode()  # a lone surrogate (half an emoji) is valid JSON, but not UTF-8
    return start_s, end_s, " ".join(text.split())


def main(argv: list[str]) -> None:
    """Write the segments of one match."""
    parser = argparse.ArgumentParser(prog="touchline commentary", description=__doc__)
    parser.add_argument("--match", required=True, help="the match's name, for messages")
    parser.add_argument(
        "--files", type=cli.json_object({"type": "string"}, cli.HALF_NUMBERS), default={}, metavar="JSON",
        help='commentary file of each half that has one, such as \'{"1": "1_asr.json"}\'',
    )  # fmt: skip
    parser.add_argument(
        "--durations", type=cli.half_durations, default={}, metavar="JSON",
        help='seconds of each half, such as \'{"1": 2700.0, "2": 2745.5}\'',
    )  # fmt: skip
    parser.add_argument("--on-problem", choices=["set-aside", "stop"], default="set-aside")
    parser.add_argument(
        "--further", type=cli.json_object({"type": "array", "items": {"type": "string"}}, cli.HALF_NUMBERS),
        default={}, metavar="JSON",
        help='further transcripts of each half that has any, such as \'{"1": ["v2/1_asr.json"]}\'',
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    parser.add_argument(
        "--further-out", type=Path, metavar="PARQUET", help="to write: the further transcripts"
    )
    args = parser.parse_args(argv)
    halves = [
        read_commentary(path, args.match, int(half), args.durations.get(int(half)))
        for half, path in args.files.items()
    ]
    by_half = {int(half): paths for half, paths in args.further.items()}
    further, further_problems = read_further(by_half, args.match, args.durations)
    problems = [problem for _, listed in halves for problem in listed] + further_problems
    cli.report(problems)
    if args.on_problem == "stop":
        raise_problems(problems)
    segments = pl.concat([pl.DataFrame(schema=schema.COMMENTARY), *(rows for rows, _ in halves)])
    schema.write(args.out, segments, schema.COMMENTARY, problems)
    if args.further_out:
        schema.write(args.further_out, further, schema.FURTHER)

"""Halves of a user's own video: where each one is in its file, and its commentary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from touchline.core import cli, schema
from touchline.core.clock import parse_time
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.data import commentary
from touchline.data.loops import collapse_loops
from touchline.reels.highlights import HalfVideo

MAX_HALVES = 4  # with extra time


def parse_halves(
    texts: Sequence[str], videos: Sequence[Path], durations_s: Sequence[float]
) -> dict[int, HalfVideo]:
    """Return the halves: each video, or the parts that `texts`, such as 5:10-50:00, say.

    The parts are of a single video, or one of each video in order. Raises `InputError` for a text
    of another form, for another number of parts, and for parts of a video that overlap.
    """
    if not texts:
        pairs = zip(videos, durations_s, strict=True)
        return {number: HalfVideo(*pair) for number, pair in enumerate(pairs, start=1)}
    if len(videos) not in (1, len(texts)):
        raise InputError(
            f"--halves: {len(texts)} for {len(videos)} videos. Give one START-END for each video, in "
            "their order, or a single video that holds all halves."
        )
    if len(texts) > MAX_HALVES:
        raise InputError(f"--halves: there are {len(texts)}. A match has 1 to {MAX_HALVES}.")
    is_single = len(videos) == 1
    halves: dict[int, HalfVideo] = {}
    for number, text in enumerate(texts, start=1):
        place = 0 if is_single else number - 1
        start_s, end_s = _parse_span(text, durations_s[place])
        before = halves.get(number - 1)
        if is_single and before and start_s < before.start_s + before.duration_s - 1e-6:
            raise InputError(
                f"--halves {text}: it starts before the half before it ends. Correct it."
            )
        halves[number] = HalfVideo(videos[place], end_s - start_s, start_s)
    return halves


def _parse_span(text: str, duration_s: float) -> tuple[float, float]:
    """Return the seconds of START-END in a video of `duration_s`, cut at its end."""
    try:
        start_s, end_s = map(parse_time, text.split("-"))
    except ValueError as error:
        raise InputError(f"--halves {text}: write START-END, such as 1:02:40-1:51:00.") from error
    end_s = min(end_s, duration_s)
    if start_s >= end_s:
        raise InputError(
            f"--halves {text}: it starts at or after its end, or the end of the video "
            f"({duration_s:.0f} s). Correct it."
        )
    return start_s, end_s


def read_lines(
    transcripts: Mapping[Path, Sequence[Path]],
    match: str,
    halves: Mapping[int, HalfVideo],
    are_parts: bool = False,
    must_fit: bool = False,
) -> pl.DataFrame:
    """Return the halves' commentary (columns `schema.COMMENTARY`), from the files of each video.

    A line is of the half that its middle lies in; `are_parts` says that the halves are parts of their
    videos. Raises `InputError` for a file that cannot be read, and, if files `must_fit`, for one
    without a line in any half. Problems of others, which were transcribed here, name the video.
    """
    tables = [pl.DataFrame(schema=schema.COMMENTARY)]
    for video, files in transcripts.items():
        of_video = {number: half for number, half in halves.items() if half.video == video}
        noted: list[Problem] = []
        lines = {path: _read_file(path, match, noted) for path in dict.fromkeys(files)}
        if must_fit:
            cli.report(noted)
        elif all(table.is_empty() for table in lines.values()):
            cli.report(list(dict.fromkeys(replace(one, file=str(video)) for one in noted)))
        for path, table in lines.items():
            in_halves = {number: table.filter(_lies_in(half)) for number, half in of_video.items()}
            if must_fit and len(table) and all(part.is_empty() for part in in_halves.values()):
                raise InputError(
                    f"{path}: none of its {len(table)} lines lie in a half of {video}. Their times count "
                    "from the start of the video: see whether it is of this video."
                )
            for number, half in of_video.items():
                times_s = (pl.col("start_s", "end_s") - half.start_s).clip(lower_bound=0.0)
                moved = in_halves[number].with_columns(times_s) if are_parts else table
                tables.append(moved.with_columns(half=pl.lit(number, pl.Int64)))
    return collapse_loops(pl.concat(tables).sort("half", "start_s", maintain_order=True))


def _read_file(path: Path, match: str, noted: list[Problem]) -> pl.DataFrame:
    """Return the lines of a transcript; add its problems, without a half, to `noted`."""
    table, problems = commentary.read_commentary(path, match, 1)
    for problem in problems:
        if problem.effect == MATCH_SET_ASIDE:
            raise InputError(f"{path}: {problem.problem} {problem.remedy}")
        noted.append(replace(problem, half=None))
    return table


def _lies_in(half: HalfVideo) -> pl.Expr:
    """Return the condition for lines of a video to be of a half of it: their middle lies in it."""
    middle_s = (pl.col("start_s") + pl.col("end_s")) / 2
    end_s = half.start_s + half.duration_s
    return (middle_s >= half.start_s) & (middle_s < end_s)

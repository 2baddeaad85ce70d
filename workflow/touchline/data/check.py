"""Check a sheet before a run: which matches would be set aside, which rows left out, and why."""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from touchline.core import cli
from touchline.core.config import WORKFLOW, read_config
from touchline.core.problems import (
    CHUNK_SET_ASIDE,
    MATCH_SET_ASIDE,
    NOTED,
    ROW_LEFT_OUT,
    Problem,
)
from touchline.data import matches
from touchline.data.commentary import read_commentary, read_further
from touchline.data.labels import read_labels

# A typed length may differ from that of the video by this much.
TOLERANCE_S = 1.0


def check_match(halves: Sequence[dict], actions: dict[str, str]) -> list[Problem]:
    """Return the problems of a match's files; `halves` are the non-empty cells of its rows.

    Videos are read through and not decoded; labels and commentary are read as in a run. `actions`
    maps SoccerNet's labels to the study's actions.
    """
    match = halves[0]["match"]
    problems: list[Problem] = []
    durations_s: dict[int, float] = {}
    for cells in halves:
        half = cells["half"]
        if "duration_s" in cells:
            durations_s[half] = cells["duration_s"]
        if "video" in cells:
            problems += _check_video(cells, durations_s)
        if "commentary" in cells:
            first, *others = matches.transcripts_of(cells["commentary"])
            problems += read_commentary(first, match, half, durations_s.get(half))[1]
            problems += read_further({half: others}, match, durations_s)[1]
    if "labels" in halves[0] and len(durations_s) == len(halves):
        problems += read_labels(halves[0]["labels"], match, durations_s, actions)[1]
    return problems


def _check_video(cells: dict, durations_s: dict[int, float]) -> list[Problem]:
    """Return the problems of a half's video, and note its length where the sheet has none."""
    match, half, path = cells["match"], cells["half"], cells["video"]
    video, problems = matches.probe_half(path, match, half)
    if video is None:
        return problems
    duration_s = durations_s.setdefault(half, video.duration_s)
    if abs(duration_s - video.duration_s) > TOLERANCE_S:
        text = f"lasts {video.duration_s:.1f} s, and duration_s says {duration_s:.1f} s."
        remedy = "Correct the cell, or leave it empty."
        problems.append(Problem(match, "sheet", text, remedy, NOTED, half, path))
    if video.truncated:
        text = f"the file breaks off after {video.duration_s:.1f} s."
        remedy = "Fetch it again; its last chunk is left out otherwise."
        problems.append(Problem(match, "chunks", text, remedy, CHUNK_SET_ASIDE, half, path))
    return problems


def check_sheet(path: Path | str, actions: dict[str, str]) -> tuple[int, list[Problem]]:
    """Return the number of matches of a sheet, and every problem that a run would meet in its files.

    Raises `InputError` where the sheet itself cannot be read.
    """
    rows, problems = matches.read_rows(path)
    rejected = {problem.match for problem in problems}
    by_match = [list(halves) for _, halves in groupby(sorted(rows, key=_name), key=_name)]
    for halves in tqdm(by_match, desc="matches", unit="match", disable=None):
        problems += check_match(halves, actions)
    return len(by_match) + len(rejected), problems


def _name(cells: dict) -> str:
    return cells["match"]


def summarise(count: int, problems: Sequence[Problem]) -> str:
    """Return one sentence about a sheet of `count` matches."""
    set_aside = len({problem.match for problem in problems if problem.effect == MATCH_SET_ASIDE})
    parts = [
        f"{set_aside} of {count} matches would be set aside",
        f"{sum(problem.effect == CHUNK_SET_ASIDE for problem in problems)} videos lose chunks",
        f"{sum(problem.effect == ROW_LEFT_OUT for problem in problems)} rows of labels and "
        "commentary would be left out",
    ]
    return f"{', '.join(parts[:2])}, and {parts[2]}."


def main(argv: list[str]) -> None:
    """Print the problems of a sheet and its files."""
    parser = argparse.ArgumentParser(
        prog="touchline check",
        description=__doc__,
        epilog="Run it in the folder in which Snakemake will run. Every file that the sheet names is "
        "read; nothing is written. Exit status: 0 where nothing would be lost, 1 where a match, a "
        "chunk or a row would, 2 where the sheet cannot be read.",
    )
    parser.add_argument(
        "sheet", type=Path, nargs="?", default=Path("matches.csv"), help="(%(default)s)"
    )
    parser.add_argument(
        "--config", type=Path, default=WORKFLOW.parent / "config.yaml", metavar="YAML",
        help="settings of the study, of which `labels` is used (%(default)s)",
    )  # fmt: skip
    args = parser.parse_args(argv)
    count, problems = check_sheet(args.sheet, read_config(args.config)["labels"])
    cli.report(problems)
    print(f"{args.sheet}: {summarise(count, problems)}")
    if any(problem.effect != NOTED for problem in problems):
        sys.exit(1)

"""Highlight reel of a user's own video in one command: inference, cutting and the page.

    touchline reel match.mp4 --query "the goals of the second half" \\
        --halves 0:35-47:10 1:02:40-1:51:00 --commentary match.json
    touchline reel first.mkv second.mkv --query "top 5 corners" --model linear \\
        --folder results/models/linear --commentary 1_asr.json 2_asr.json

REQUIRES one video per half, with the half's times in each if it shows more than the half, or one
    video of several halves with their times (without --halves it is taken for half 1). For the
    default model commentary in English, and no study; or a model of the configuration, trained in
    a run of the workflow if its backend trains.
PRODUCES OUT/index.html, and in OUT/reels/<match>/ the reel and the lists for editors.
"""

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import polars as pl

from touchline.core import cli
from touchline.core.config import WORKFLOW, read_yaml
from touchline.core.problems import InputError
from touchline.data.matches import slug
from touchline.data.samples import make_samples
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import read_thresholds
from touchline.models import catalogue
from touchline.models.backend import Match
from touchline.own.halves import MAX_HALVES, parse_halves, read_lines
from touchline.reels import reel_page
from touchline.reels.clips import find_clips, teams
from touchline.reels.highlights import (
    HalfVideo,
    add_settings,
    print_reel,
    settings_from,
    write_reel,
)
from touchline.reels.query import Query, parse_query
from touchline.reels.vocabulary import Vocabulary, read_vocabulary
from touchline.report.plot_style import colours
from touchline.video.chunks import chunk_half
from touchline.video.frame_reader import probe
from touchline.video.grid import Box, ChunkSettings

DEFAULT_MODEL = "commentary"  # which comes with Touchline


def run_model(
    config: dict,
    model: str,
    trained: Path | None,
    match: str,
    halves: dict[int, HalfVideo],
    are_parts: bool,
    lines: pl.DataFrame,
    actions: Sequence[str],
    work: Path,
) -> pl.DataFrame:
    """Return a model's answers (`schema.PREDICTIONS`) for each half.

    `trained` is the folder of the trained model; `are_parts` says that the halves are parts of
    their videos; chunks are written into the folder `work`. Raises `InputError` for a model that
    reads commentary alone where there is none.
    """
    entry = config["models"][model]
    reads_video = catalogue.reads_video(entry)
    if not reads_video and lines.is_empty() and entry["backend"] not in ("constant", "external"):
        raise InputError(
            f"{model} reads commentary alone, and there is none. Give --commentary, or a model "
            "that reads video (vlm)."
        )
    durations = {number: half.duration_s for number, half in halves.items()}
    grid = config["grid"]
    samples = make_samples(lines, durations, list(actions), grid["length_s"], grid["overlap_s"])
    manifests = []
    if reads_video:
        cutting = config["chunks"]
        box = cutting["score_bug"] and Box(**cutting["score_bug"])
        chunk_settings = ChunkSettings(
            grid["length_s"], grid["overlap_s"], cutting["fps"], cutting["height"], box
        )
        for number, half in halves.items():
            manifests.append(work / f"{number}.parquet")
            cli.report(
                chunk_half(
                    cast(Path, half.video),
                    match,
                    number,
                    work / str(number),
                    manifests[-1],
                    chunk_settings,
                    span_s=(half.start_s, half.duration_s) if are_parts else None,
                )
            )
    settings = catalogue.settings_of(entry, config["labels"])
    loaded = catalogue.load_backend(entry["backend"]).load(settings, trained)
    answers = loaded.answer(Match(match, samples, manifests=manifests))
    cli.report(loaded.problems)
    return answers


def trained_folder(config: dict, model: str, given: Path | None) -> Path | None:
    """Return the folder of a trained model, None for a model that is not trained.

    Raises `InputError` where the folder does not exist.
    """
    entry = config["models"][model]
    if not catalogue.is_trained(entry):
        return None
    folder = given or Path(f"results/models/{entry.get('trained_as', model)}")
    if not folder.is_dir():
        raise InputError(
            f"{model} has to be trained, and there is no {folder}. Run the workflow with it in "
            "`compare`, or name the folder with --folder."
        )
    return folder


def threshold_of(
    entry: dict, model: str, folder: Path | None, query: Query, given: float | None
) -> float | dict[str, float]:
    """Return the given threshold, else the model's own, tuned where a run tuned it.

    The tuned ones are in the results that hold the model's folder, `results/models/<model>`.
    """
    if given is not None:
        return given
    threshold = entry.get("threshold", 0.0)
    if threshold != "tuned":
        return threshold
    results = Path(os.path.abspath(folder or f"results/models/{model}")).parents[1]
    tuned = results / f"scores/{model}.thresholds.csv"
    if query.open_text is None and tuned.is_file():
        return read_thresholds(tuned)
    print(f"No tuned thresholds of {model} ({tuned}): every answer counts. Set --threshold.")
    return 0.0


def main(argv: list[str]) -> None:
    """Write the reel of a user's own video, and its page."""
    parser = argparse.ArgumentParser(
        prog="touchline reel", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="one per half")
    parser.add_argument("--query", required=True, help="what to show, in words")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="a model of the configuration (%(default)s)"
    )
    parser.add_argument(
        "--halves", nargs="+", action="extend", default=[], metavar="START-END",
        help="where each half is: in the single video, or in each of the videos in order",
    )  # fmt: skip
    parser.add_argument(
        "--commentary", type=Path, nargs="*", default=[], metavar="JSON",
        help="of each video, as SoccerNet-Echoes has it",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=WORKFLOW.parent / "config.yaml", metavar="YAML"
    )
    parser.add_argument(
        "--folder", type=Path, help="of a trained model (results/models/MODEL)", metavar="DIR"
    )
    parser.add_argument("--threshold", type=float, help="confidence from which an answer counts")
    parser.add_argument(
        "--match",
        help="the match's name; date-time-Home-1-0-Away tells the clubs (the file's name)",
    )
    parser.add_argument("--out", type=Path, default=Path("reel"), help="(%(default)s)")
    add_settings(parser)
    args = parser.parse_args(argv)
    config = read_yaml(args.config, "config")
    if args.model not in config["models"]:
        known = ", ".join(config["models"])
        raise InputError(f"no model {args.model} in {args.config}. There are {known}.")
    if len(args.videos) > MAX_HALVES or len(args.commentary) > len(args.videos):
        raise InputError(
            f"give 1 to {MAX_HALVES} videos, and no more files of commentary than videos."
        )
    match = slug(args.match or args.videos[0].stem) or "match"
    vocabulary = Vocabulary(
        sorted(set(config["labels"].values())),
        **read_vocabulary(config["highlights"]["vocabulary"]),
    )
    query = parse_query(args.query, vocabulary, list(teams(match).values()))
    print(query.describe())
    entry = config["models"][args.model]
    if query.open_text:
        catalogue.check_takes_open_questions(entry["backend"], args.model, query.open_text)
    trained = trained_folder(config, args.model, args.folder)
    durations_s = [probe(video).duration_s for video in args.videos]
    halves = parse_halves(args.halves, args.videos, durations_s)
    if len(halves) == 1 and query.halves not in ((), (1,)):
        print("One video is taken for half 1. Give --halves if it contains others too.")
    are_parts = bool(args.halves)
    lines = read_lines(args.commentary, match, halves, are_parts, len(args.videos) == 1)
    actions = [query.open_text] if query.open_text else list(query.actions)
    if query.everything:  # of a query that names no action, only those that the run asks for
        configured = config["samples"]["actions"]
        actions = [action for action in configured if action in actions] or actions
    work = args.out / ".chunks"
    try:
        answers = run_model(
            config, args.model, trained, match, halves, are_parts, lines, actions, work
        ).with_columns(match=pl.lit(match))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    intervals = answer_intervals(answers)
    threshold = threshold_of(entry, args.model, args.folder, query, args.threshold)
    clip_settings, reel_settings = settings_from(args)
    clips, messages = find_clips(
        query,
        intervals,
        set(actions),
        {number: half.duration_s for number, half in halves.items()},
        clip_settings,
        threshold,
        match,
        lines,
    )
    folder = args.out / "reels" / match
    header = {"match": match, "model": args.model}
    write_reel(folder, header, query, clips, messages, halves, lines, reel_settings)
    print_reel(folder)
    colour = colours([args.model], [])[args.model]
    counted = reel_page.counted_answers(intervals, threshold)
    rows = {args.model: (colour, reel_page.answer_moments(counted))}
    page = args.out / "index.html"
    reel_page.write_page(page, args.model, [reel_page.describe_match(folder, page, rows)])
    print(f"page: {page}")

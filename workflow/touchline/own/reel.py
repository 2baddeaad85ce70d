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
import shutil
from pathlib import Path

import polars as pl

from touchline.core.config import WORKFLOW, read_yaml
from touchline.core.problems import InputError
from touchline.data.match_names import teams
from touchline.data.matches import slug
from touchline.evaluation.matching import answer_intervals
from touchline.models import catalogue
from touchline.own.halves import MAX_HALVES, parse_halves, read_lines
from touchline.own.model_answers import run_model, threshold_of, trained_folder
from touchline.reels import reel_page
from touchline.reels.clips import find_clips
from touchline.reels.highlights import add_settings, print_reel, settings_from, write_reel
from touchline.reels.query import parse_query
from touchline.reels.vocabulary import Vocabulary, read_vocabulary
from touchline.report.plot_style import colours
from touchline.video.frame_reader import probe

DEFAULT_MODEL = "commentary"  # which comes with Touchline


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

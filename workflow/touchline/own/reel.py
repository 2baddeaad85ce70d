"""A reel of one's own video, without any study: ask a model, cut what it finds, write a page.

    touchline reel match.mp4 --query "the goals of the second half" \\
        --halves 0:35-47:10 1:02:40-1:51:00 --model qwen2-vl --commentary match.json
    touchline reel first.mkv second.mkv --query "top 5 corners" --model linear \\
        --folder results/models/linear --commentary 1_asr.json 2_asr.json

REQUIRES one video per half, or one with several halves and when they are (without --halves it is taken as
    half 1); a model of the configuration, trained in a study where it is one that trains.
PRODUCES OUT/index.html, and in OUT/reels/<match>/ the reel and the lists for editors.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from touchline.core import cli, schema
from touchline.core.clock import parse_time
from touchline.core.config import WORKFLOW, read_yaml
from touchline.core.problems import MATCH_SET_ASIDE, InputError
from touchline.data import commentary
from touchline.data.matches import slug
from touchline.data.samples import collapse_loops, make_samples
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import read_thresholds
from touchline.models import catalogue
from touchline.models.backend import Match
from touchline.reels import clips, reel_page
from touchline.reels.highlights import (
    Half,
    find,
    make,
    parser_of_settings,
    settings_of,
    tell,
)
from touchline.reels.query import Query, parse
from touchline.reels.vocabulary import Vocabulary, read_words
from touchline.report.plot_style import colours
from touchline.video.chunks import chunk_half
from touchline.video.frame_reader import probe
from touchline.video.grid import Box, ChunkSettings


def read_halves(texts: Sequence[str], videos: Sequence[Path]) -> dict[int, Half]:
    """Return the halves: one of each video, or the given stretches of a single one."""
    lengths = [probe(video).duration_s for video in videos]
    if not texts:
        named = enumerate(zip(videos, lengths, strict=True), start=1)
        return {number: Half(video, length_s) for number, (video, length_s) in named}
    if len(videos) != 1:
        raise InputError("--halves: give it with a single video, which holds them all.")
    halves = {}
    for number, text in enumerate(texts, start=1):
        try:
            start_s, end_s = map(parse_time, text.split("-"))
        except ValueError as error:
            raise InputError(
                f"--halves {text}: write START-END, such as 1:02:40-1:51:00."
            ) from error
        end_s = min(end_s, lengths[0])
        if start_s >= end_s:
            raise InputError(
                f"--halves {text}: it starts at or after its end, or the end of the video "
                f"({lengths[0]:.0f} s). Correct it."
            )
        halves[number] = Half(videos[0], end_s - start_s, start_s)
    return halves


def read_lines(files: Sequence[Path], match: str) -> pl.DataFrame:
    """Return the commentary of each file as that of half 1, 2, … (columns `schema.COMMENTARY`)."""
    tables = [pl.DataFrame(schema=schema.COMMENTARY)]
    for number, path in enumerate(files, start=1):
        table, problems = commentary.read_commentary(path, match, number)
        cli.report(problems)
        if any(problem.effect == MATCH_SET_ASIDE for problem in problems):
            raise InputError(f"{path}: the commentary cannot be read: see above.")
        tables.append(table)
    return collapse_loops(pl.concat(tables))


def answer(
    config: dict,
    model: str,
    trained: Path | None,
    match: str,
    videos: Sequence[Path],
    lines: pl.DataFrame,
    actions: Sequence[str],
    work: Path,
) -> pl.DataFrame:
    """Return a model's answers (`schema.PREDICTIONS`) about each video, as half 1, 2, …"""
    entry = config["models"][model]
    reads_video = catalogue.reads_video(entry)
    if not reads_video and lines.is_empty() and entry["backend"] not in ("constant", "external"):
        raise InputError(
            f"{model} reads commentary alone, and there is none. Give --commentary, or a model that "
            "reads video (vlm)."
        )
    durations = {number: probe(video).duration_s for number, video in enumerate(videos, start=1)}
    grid = config["grid"]
    samples = make_samples(lines, durations, list(actions), grid["length_s"], grid["overlap_s"])
    manifests = []
    if reads_video:
        own = config["chunks"]
        box = own["score_bug"] and Box(**own["score_bug"])
        chunking = ChunkSettings(
            grid["length_s"], grid["overlap_s"], own["fps"], own["height"], box
        )
        for number, video in enumerate(videos, start=1):
            manifests.append(work / f"{number}.parquet")
            folder = work / str(number)
            cli.report(chunk_half(video, match, number, folder, manifests[-1], chunking))
    settings = catalogue.settings_of(entry, config["labels"])
    asked = catalogue.load_backend(entry["backend"]).load(settings, trained)
    answers = asked.answer(Match(match, samples, manifests=manifests))
    cli.report(getattr(asked, "problems", []))
    return answers


def to_halves(table: pl.DataFrame, halves: dict[int, Half]) -> pl.DataFrame:
    """Return intervals in a single video as those of the halves in it, by their middle."""
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    return pl.concat(
        table.filter(middle >= one.start_s, middle < one.start_s + one.duration_s).with_columns(
            pl.col("start_s", "end_s") - one.start_s, half=pl.lit(number, pl.Int64)
        )
        for number, one in halves.items()
    )


def trained_folder(config: dict, model: str, given: Path | None) -> Path | None:
    """Return the folder of a trained model; raise `InputError` where it is needed and not there."""
    entry = config["models"][model]
    if not catalogue.is_trained(entry):
        return None
    folder = given or Path(f"results/models/{model}")
    if not folder.is_dir():
        raise InputError(
            f"{model} is trained in a study, and there is no {folder}. Run one, or name the folder "
            "with --folder."
        )
    return folder


def threshold_of(entry: dict, model: str, query: Query, given: float | None) -> float | dict:
    """Return the threshold: the given one, or the model's own; a tuned one where a study left it."""
    if given is not None:
        return given
    own = entry.get("threshold", 0.0)
    if own != "tuned":
        return own
    tuned = Path(f"results/scores/{model}.thresholds.csv")
    if query.open_text is None and tuned.is_file():
        return read_thresholds(tuned)
    print(f"No tuned thresholds of {model} here: every answer counts. Set --threshold.")
    return 0.0


def main(argv: list[str]) -> None:
    """Make a reel of one's own video."""
    parser = argparse.ArgumentParser(
        prog="touchline reel", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="one per half")
    parser.add_argument("--query", required=True, help="what to show, in words")
    parser.add_argument("--model", required=True, help="a model of the configuration")
    parser.add_argument("--halves", nargs="+", default=[], metavar="START-END")
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
    parser_of_settings(parser)
    args = parser.parse_args(argv)
    config = read_yaml(args.config, "config")
    if args.model not in config["models"]:
        known = ", ".join(config["models"])
        raise InputError(f"no model {args.model} in {args.config}. There are {known}.")
    if len(args.videos) > 4 or len(args.commentary) > len(args.videos):
        raise InputError("give 1 to 4 videos, and no more files of commentary than videos.")
    match = slug(args.match or args.videos[0].stem) or "match"
    vocabulary = Vocabulary(
        sorted(set(config["labels"].values())),
        **read_words(config["highlights"]["vocabulary"]),
    )
    query = parse(args.query, vocabulary, list(clips.teams(match).values()))
    print(query.describe())
    entry = config["models"][args.model]
    if query.open_text:
        catalogue.check_takes_open_questions(entry["backend"], args.model, query.open_text)
    trained = trained_folder(config, args.model, args.folder)
    halves = read_halves(args.halves, args.videos)
    if len(halves) == 1 and query.halves not in ((), (1,)):
        print("One video is taken for half 1. Give --halves where it holds others too.")
    lines = read_lines(args.commentary, match)
    usual = config["samples"]["actions"]
    actions = [query.open_text] if query.open_text else query.actions
    asked = [action for action in usual if query.everything and action in actions] or list(actions)
    work = args.out / ".chunks"
    try:
        answers = answer(
            config, args.model, trained, match, args.videos, lines, asked, work
        ).with_columns(match=pl.lit(match))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    intervals = answer_intervals(answers)
    if args.halves:
        intervals, lines = to_halves(intervals, halves), to_halves(lines, halves)
    settings, look = settings_of(args)
    threshold = threshold_of(entry, args.model, query, args.threshold)
    found, messages = find(query, intervals, set(asked), halves, settings, threshold, match, lines)
    folder = args.out / "reels" / match
    make(folder, {"match": match, "model": args.model}, query, found, messages, halves, lines, look)
    tell(folder)
    said = reel_page.of_answers(intervals)
    rows = {args.model: (colours([args.model], [])[args.model], said)}
    page = args.out / "index.html"
    reel_page.write(page, args.model, [reel_page.describe(folder, page, rows)])
    print(f"page: {page}")

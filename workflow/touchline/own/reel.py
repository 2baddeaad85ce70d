"""Highlight reel of a user's own video in one command: the score, the speech, a model, and the page.

    touchline reel match.mp4 --query "the goals of the second half"
    touchline reel first.mkv second.mkv --query "top 5 corners" --model linear \\
        --folder results/models/linear --commentary 1_asr.json 2_asr.json

REQUIRES the video of a match, or of its halves. The match clock in the picture tells where the halves
    are, and the score tells the goals; --halves says it where there is no clock. Other actions need
    commentary: it is transcribed from the sound, or given with --commentary. The default model reads
    it and needs no study; others are those of the configuration, trained in a run of the workflow.
PRODUCES OUT/index.html, and in OUT/reels/<match>/ the reel and the lists for editors. What was read
    from the videos stays in a cache, so that a second query of the same videos reads nothing again.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from touchline.core.config import WORKFLOW, read_config
from touchline.core.problems import InputError
from touchline.data.match_names import AWAY, HOME, name_clubs, teams, written_name
from touchline.data.matches import slug
from touchline.evaluation.matching import answer_intervals
from touchline.models import catalogue
from touchline.models.scoreboard import GOAL
from touchline.own import look_and_listen, scores
from touchline.own.cache import Cache, default_folder
from touchline.own.halves import MAX_HALVES, parse_halves, read_lines
from touchline.own.join import JOINED, join
from touchline.own.look_and_listen import ALWAYS, AUTO, NEVER, settings_of
from touchline.own.model_answers import (
    NEED_NO_INPUT,
    SCOREBOARD,
    can_answer,
    run_model,
    threshold_of,
    trained_folder,
)
from touchline.own.scores import Seen
from touchline.reels import reel_page
from touchline.reels.clips import Clip, check_actions, find_clips
from touchline.reels.highlights import (
    HalfVideo,
    add_settings,
    print_reel,
    settings_from,
    write_reel,
)
from touchline.reels.query import parse_query
from touchline.reels.vocabulary import Vocabulary, read_vocabulary
from touchline.report.plot_style import colours
from touchline.video.frame_reader import probe

DEFAULT_MODEL = "commentary"  # which comes with Touchline
SCORE_BUG = "score bug"  # the row of the goals that the score shows


def main(argv: list[str]) -> None:
    """Write the reel of a user's own video, and its page."""
    args = _read_arguments(argv)
    config = read_config(args.config)
    if args.model not in config["models"]:
        known = ", ".join(config["models"])
        raise InputError(f"no model {args.model} in {args.config}. There are {known}.")
    if len(args.videos) > MAX_HALVES or len(args.commentary) > len(args.videos):
        raise InputError(
            f"give 1 to {MAX_HALVES} videos, and no more files of commentary than videos."
        )
    vocabulary = Vocabulary(
        sorted(set(config["labels"].values())),
        **read_vocabulary(config["highlights"]["vocabulary"]),
    )
    clip_settings, reel_settings = settings_from(args)
    check_actions(clip_settings.before_s, vocabulary.actions, "--before-s")
    clubs = dict(zip((HOME, AWAY), args.teams or (), strict=False)) or teams(args.match or "")
    query = parse_query(args.query, vocabulary, list(clubs.values()))
    print(query.describe(), flush=True)
    _check_paths(args)
    entry = config["models"][args.model]
    if query.open_text:
        catalogue.check_takes_open_questions(entry["backend"], args.model, query.open_text)
    trained = trained_folder(config, args.model, args.folder)
    probed = [probe(video) for video in args.videos]
    lengths_s = [video.duration_s for video in probed]
    for path, video in zip(args.videos, probed, strict=True):
        if video.truncated:
            print(f"{path} is not complete: what is missing at its end cannot be shown.")
    given = parse_halves(args.halves, args.videos, lengths_s) if args.halves else {}
    videos = dict(zip(args.videos, lengths_s, strict=True))
    cache = Cache(args.cache)
    cache.reserve(args.out)
    is_read = args.scoreboard and (GOAL in query.actions or not given)
    readings = look_and_listen.read_scoreboards(videos, cache) if is_read else {}
    seen = scores.see(readings, videos, given, clubs)
    if not clubs:
        clubs = name_clubs(seen.names, query.ignored)
        understood = query.describe()
        query = parse_query(args.query, vocabulary, list(clubs.values()))
        if query.describe() != understood:
            print(query.describe())
    if len(seen.halves) == 1 and not seen.are_parts and query.halves not in ((), (1,)):
        print("One video is taken for half 1. Give --halves if it contains others too.")
    actions = [query.open_text] if query.open_text else list(query.actions)
    if query.everything:  # of a query that names no action, only those that the run asks for
        configured = config["samples"]["actions"]
        actions = [action for action in configured if action in actions] or actions
    match = slug(args.match or args.videos[0].stem) or "match"
    # The score tells all goals: without commentary, only their moments are less exact.
    asked = [number for number in seen.halves if number in (query.halves or seen.halves)]
    needs_model = bool(set(actions) - {GOAL}) or not seen.shows_score(asked)
    transcripts = _transcripts(args, config, videos, cache, seen, needs_model)
    lines = read_lines(
        transcripts, match, seen.halves, seen.are_parts, must_fit=bool(args.commentary)
    )
    notes = list(seen.messages)
    rows: reel_page.Rows = {}
    colour_of = colours([SCORE_BUG, args.model], [])
    intervals = pl.DataFrame(schema=JOINED)
    threshold = threshold_of(entry, args.model, args.folder, query, args.threshold)
    if needs_model or can_answer(entry, lines):
        answers = run_model(
            config, args.model, trained, match, seen.halves, seen.are_parts, lines, actions,
            args.out / ".chunks", bool(query.open_text),
        )  # fmt: skip
        intervals = answer_intervals(answers.with_columns(match=pl.lit(match)))
        counted = reel_page.counted_answers(intervals, threshold)
        rows[args.model] = colour_of[args.model], reel_page.answer_moments(counted)
    elif entry["backend"] != SCOREBOARD:
        notes.append("Without commentary, the moments of goals are estimated from the score alone.")
    if GOAL in actions and seen.covered:
        intervals, threshold, told = _join(intervals, threshold, seen, match, args.threshold)
        notes += told
        of_score = intervals.filter(pl.col("team").is_not_null())
        rows = {SCORE_BUG: (colour_of[SCORE_BUG], reel_page.answer_moments(of_score))} | rows
    clips, messages = find_clips(
        query,
        intervals,
        set(actions),
        {number: half.duration_s for number, half in seen.halves.items()},
        clip_settings,
        threshold,
        match,
        lines,
        clubs,
    )
    clips = [_within_video(clip, seen.halves[clip.half]) for clip in clips]
    folder = args.out / "reels" / match
    title = args.match or " – ".join(clubs.values())
    header = {
        "match": match,
        "title": written_name(title) if title else args.videos[0].stem,
        "model": ", ".join(rows),
    }
    write_reel(folder, header, query, clips, notes + messages, seen.halves, lines, reel_settings)
    print_reel(folder)
    page = args.out / "index.html"
    reel_page.write_page(page, header["model"], [reel_page.describe_match(folder, page, rows)])
    print(f"page: {page}")


def _read_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="touchline reel", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "videos", type=Path, nargs="+", metavar="VIDEO", help="of the match or its halves"
    )
    parser.add_argument("--query", required=True, help="what to show, in words")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help="a model of the configuration (%(default)s)"
    )
    parser.add_argument(
        "--halves", nargs="+", action="extend", default=[], metavar="START-END",
        help="where each half is, in place of what the match clock says: in the single video, or in "
        "each of the videos in order",
    )  # fmt: skip
    parser.add_argument(
        "--commentary", type=Path, nargs="*", default=[], metavar="FILE",
        help="of each video: SRT, WebVTT, or JSON of Whisper, WhisperX or SoccerNet-Echoes",
    )  # fmt: skip
    parser.add_argument(
        "--transcribe", choices=[AUTO, ALWAYS, NEVER], default=AUTO,
        help="auto: where the query needs commentary and none is given; of goals that the score shows, "
        "what is said about them (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--language", help="that is spoken, such as en (transcribe.language of the configuration)"
    )
    parser.add_argument(
        "--whisper", metavar="MODEL",
        help="a Whisper model, or the folder of its weights (transcribe.model of the configuration)",
    )  # fmt: skip
    parser.add_argument(
        "--scoreboard", action=argparse.BooleanOptionalAction, default=True,
        help="read the match clock and the score in the picture (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--teams", nargs=2, metavar=("HOME", "AWAY"), help="the clubs (the names on the score bug)"
    )
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
    parser.add_argument(
        "--cache", type=Path, default=default_folder(), metavar="DIR",
        help="of what was read from videos (%(default)s)",
    )  # fmt: skip
    add_settings(parser)
    return parser.parse_args(argv)


def _check_paths(args: argparse.Namespace) -> None:
    """Raise `InputError` for paths that cannot be right, before anything that takes long."""
    for path in args.commentary:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file. Correct --commentary.")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"{args.out}: is no folder. Name another one with --out.")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise InputError(f"--threshold {args.threshold:g}: a confidence is between 0 and 1.")


def _transcripts(
    args: argparse.Namespace,
    config: dict,
    videos: Mapping[Path, float],
    cache: Cache,
    seen: Seen,
    needs_model: bool,
) -> dict[Path, list[Path]]:
    """Return the commentary of each video, given or transcribed: files, in seconds of the video."""
    entry = config["models"][args.model]
    if args.commentary:
        return {video: [path] for video, path in zip(args.videos, args.commentary, strict=False)}
    if args.transcribe == NEVER or entry["backend"] in NEED_NO_INPUT:
        return {}
    whole = args.transcribe == ALWAYS or (needs_model and not catalogue.reads_video(entry))
    settings = settings_of(config["transcribe"], model=args.whisper, language=args.language)
    spans_s = None if whole else scores.spans_to_hear(seen, videos)
    return look_and_listen.transcripts(args.model, videos, settings, cache, spans_s)


def _join(
    answers: pl.DataFrame,
    threshold: float | dict[str, float],
    seen: Seen,
    match: str,
    given: float | None,
) -> tuple[pl.DataFrame, dict[str, float], list[str]]:
    """Return the answers with the goals of the score, the threshold of each action, and messages.

    A goal of the score counts whatever the model's threshold, unless the user gave one.
    """
    actions = {GOAL, *answers["action"]}
    least = {
        action: threshold.get(action, 0.0) if isinstance(threshold, dict) else threshold
        for action in actions
    }
    durations_s = {number: half.duration_s for number, half in seen.halves.items()}
    table, messages = join(answers, seen.goals, seen.covered, durations_s, match, least[GOAL])
    return table, least | {GOAL: 0.0 if given is None else given}, messages


def _within_video(clip: Clip, half: HalfVideo) -> Clip:
    """Return a clip without what was before the first picture, of a half that began before it."""
    return replace(clip, start_s=max(clip.start_s, -half.start_s))

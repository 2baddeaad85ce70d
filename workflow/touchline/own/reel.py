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
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import polars as pl

from touchline.core.config import read_config
from touchline.core.problems import InputError
from touchline.data.match_names import AWAY, HOME, name_clubs, teams, written_name
from touchline.data.matches import slug
from touchline.evaluation.matching import answer_intervals
from touchline.models import catalogue
from touchline.models.scoreboard import GOAL
from touchline.own import look_and_listen, scores
from touchline.own.cache import Cache
from touchline.own.halves import parse_halves, read_lines
from touchline.own.join import JOINED, join
from touchline.own.look_and_listen import ALWAYS, NEVER, settings_of
from touchline.own.model_answers import (
    NEED_NO_INPUT,
    SCOREBOARD,
    can_answer,
    run_model,
    threshold_of,
    trained_folder,
)
from touchline.own.reel_arguments import read_arguments
from touchline.own.scores import Seen
from touchline.reels import reel_page
from touchline.reels.clips import Clip, check_actions, find_clips
from touchline.reels.highlights import HalfVideo, print_reel, settings_from, write_reel
from touchline.reels.query import Query, parse_query
from touchline.reels.vocabulary import Vocabulary, read_vocabulary
from touchline.report.plot_style import colours
from touchline.video.frame_reader import probe

SCORE_BUG = "score bug"  # the row of the goals that the score shows


@dataclass(frozen=True)
class _Answers:
    """Answers that clips are made of (columns `JOINED`), and what goes with them.

    `threshold` is that of all actions or of each; `rows` are the lines of the page's timelines,
    `lines` the commentary (`schema.COMMENTARY`), `notes` sentences for the user.
    """

    intervals: pl.DataFrame
    threshold: float | dict[str, float]
    rows: reel_page.Rows
    lines: pl.DataFrame
    notes: list[str]


def main(argv: list[str]) -> None:
    """Write the reel of a user's own video, and its page."""
    args = read_arguments(argv, __doc__ or "")
    config = read_config(args.config)
    if args.model not in config["models"]:
        known = ", ".join(config["models"])
        raise InputError(f"no model {args.model} in {args.config}. There are {known}.")
    vocabulary = Vocabulary(
        sorted(set(config["labels"].values())),
        **read_vocabulary(config["highlights"]["vocabulary"]),
    )
    clip_settings, reel_settings = settings_from(args)
    check_actions(clip_settings.before_s, vocabulary.actions, "--before-s")
    clubs = dict(zip((HOME, AWAY), args.teams or (), strict=False)) or teams(args.match or "")
    query = parse_query(args.query, vocabulary, list(clubs.values()))
    print(query.describe(), flush=True)
    backend = config["models"][args.model]["backend"]
    if query.open_text:
        catalogue.check_takes_open_questions(backend, args.model, query.open_text)
    trained = trained_folder(config, args.model, args.folder)
    videos = _durations(args.videos)
    cache = Cache(args.cache)
    cache.reserve(args.out)
    seen = _see(args, videos, cache, query, clubs)
    if not clubs:
        clubs = name_clubs(seen.names, query.ignored)
        query = _parse_again(query, vocabulary, clubs)
    if len(seen.halves) == 1 and not seen.are_parts and query.halves not in ((), (1,)):
        print("One video is taken for half 1. Give --halves if it contains others too.")
    match = slug(args.match or args.videos[0].stem) or "match"
    actions = _actions(query, config)
    answers = _answer(args, config, trained, match, videos, cache, seen, query, actions)
    clips, messages = find_clips(
        query,
        answers.intervals,
        set(actions),
        {number: half.duration_s for number, half in seen.halves.items()},
        clip_settings,
        answers.threshold,
        match,
        answers.lines,
        clubs,
    )
    clips = [_within_video(clip, seen.halves[clip.half]) for clip in clips]
    folder = args.out / "reels" / match
    title = args.match or " – ".join(clubs.values())
    title = written_name(title) if title else title_of(args.videos)
    header = {"match": match, "title": title, "model": ", ".join(answers.rows)}
    write_reel(
        folder, header, query, clips, answers.notes + messages, seen.halves, answers.lines,
        reel_settings,
    )  # fmt: skip
    print_reel(folder)
    page = args.out / "index.html"
    described = reel_page.describe_match(folder, page, answers.rows)
    reel_page.write_page(page, header["model"], [described])
    print(f"page: {page}")


def _parse_again(query: Query, vocabulary: Vocabulary, clubs: Mapping[str, str]) -> Query:
    """Return a query as it is understood with the names of the clubs; say so where it is otherwise."""
    named = parse_query(query.text, vocabulary, list(clubs.values()))
    if named.describe() != query.describe():
        print(named.describe())
    return named


def _durations(videos: list[Path]) -> dict[Path, float]:
    """Return the length of each video in seconds; raise `VideoError` for what is none."""
    durations_s = {}
    for path in videos:
        video = probe(path)
        if video.truncated:
            print(f"{path} is not complete: what is missing at its end cannot be shown.")
        durations_s[path] = video.duration_s
    return durations_s


def _see(
    args: argparse.Namespace,
    videos: Mapping[Path, float],
    cache: Cache,
    query: Query,
    clubs: Mapping[str, str],
) -> Seen:
    """Return the halves and goals of the videos, by the score bug or by --halves."""
    lengths_s = [videos[path] for path in args.videos]
    given = parse_halves(args.halves, args.videos, lengths_s) if args.halves else {}
    is_read = args.scoreboard and (GOAL in query.actions or not given)
    readings = look_and_listen.read_scoreboards(videos, cache) if is_read else {}
    return scores.see(readings, videos, given, clubs)


def _actions(query: Query, config: dict) -> list[str]:
    """Return the actions that a model is asked for."""
    if query.open_text:
        return [query.open_text]
    actions = list(query.actions)
    if query.everything:  # of a query that names no action, only those that the run asks for
        return [action for action in config["samples"]["actions"] if action in actions] or actions
    return actions


def title_of(videos: Sequence[Path]) -> str:
    """Return a title from the names of the files: the words that all of them begin with, or all names."""
    names = [video.stem for video in videos]
    if len(names) == 1:
        return names[0]
    words = [re.split(r"[\s._-]+", name) for name in names]
    columns = zip(*words, strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    while shared and shared[-1].lower() in ("half", "part"):
        shared.pop()
    return " ".join(shared) or " and ".join(names)


def _answer(
    args: argparse.Namespace,
    config: dict,
    trained: Path | None,
    match: str,
    videos: Mapping[Path, float],
    cache: Cache,
    seen: Seen,
    query: Query,
    actions: list[str],
) -> _Answers:
    """Return the model's answers, with the goals of the score where the query asks for goals."""
    entry = config["models"][args.model]
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
    return _Answers(intervals, threshold, rows, lines, notes)


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

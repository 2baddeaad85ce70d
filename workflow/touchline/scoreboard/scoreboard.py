"""Read the match clock and the score from the picture of a video: halves and goals.

    touchline scoreboard match.mp4 --out scoreboard.parquet --preview scoreboard.png

Key frames some seconds apart are read first, then in detail the stretches in which the score changes, a
half ends or, where the clock has no seconds, a minute begins.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from touchline.core import cli, schema
from touchline.core.digest import digest
from touchline.core.files import checksum
from touchline.core.problems import NOTED, InputError, Problem
from touchline.jobs.kept_parts import KeptParts
from touchline.scoreboard import goals, interpret, texts
from touchline.scoreboard.find_bug import find_names
from touchline.scoreboard.frames import Frames, Stretch, is_read
from touchline.scoreboard.halves import has_countdown
from touchline.scoreboard.interpret import Interpretation, ScoreReader
from touchline.scoreboard.ocr import TextReader
from touchline.scoreboard.preview import write_preview
from touchline.scoreboard.readings import FrameReader, VideoTexts
from touchline.scoreboard.result import HalfClock, Scoreboard, save
from touchline.video.frame_reader import VideoError, reason_of

_FRAMES = 90  # of a short video that are read first, at least
_LEAST_STEP_S = 2.0
_DETAIL_S = 0.5  # between frames of a stretch that is read in detail
_MOST_DETAIL = 60  # frames of such a stretch
_DOUBT_S, _MOST_DOUBTS = 2.0, 30  # between frames around a reading that differs; such stretches
_ROUNDS = 3  # of stretches that follow from those before
_MINUTES = 3  # of which the beginning is read in detail, at each end of a half


@dataclass(frozen=True)
class Settings:
    """How a video is read.

    `step_s` is the time between the frames that are read first. `half` says that the video shows
    that half alone; `match` is the name that problems carry; `threads` of decoding and reading.
    """

    step_s: float = 10.0
    half: int | None = None
    match: str = ""
    threads: int = 1


def read_video(
    video: Path | str,
    settings: Settings | None = None,
    progress: Callable[[float], object] | None = None,
    kept: KeptParts | None = None,
) -> tuple[pl.DataFrame, Scoreboard]:
    """Return the readings of a video (columns `schema.READINGS`) and what they say.

    `progress` is called with the time of the video, in seconds, up to which it was read. `kept` are the
    frames that were read by an earlier call; those that are read now are added. Raises `VideoError`
    for a file that cannot be read, ModuleNotFoundError without the extra `scoreboard`.
    """
    settings = settings or Settings()
    reader = TextReader(settings.threads)
    with Frames(Path(video), settings.threads) as frames:
        reading = VideoTexts(FrameReader(reader), kept, progress)
        step_s = min(settings.step_s, max(_LEAST_STEP_S, frames.duration_s / _FRAMES))
        reading.add(frames.key_frames(step_s))
        found = interpret.interpret(list(reading.texts.values()), settings.half)
        scores: list[goals.ScoreReading] = []
        if found.halves and found.bug is not None:
            score_reader = ScoreReader(reader, found.bug)
            scores = interpret.read_scores(found, score_reader)
            if place := found.usual_clock():
                x, _, w, _ = interpret.find_box(found, found.bug, frames.size)
                clock_at = partial(_clock_at, found)
                reading.reader.follow(place, clock_at, (x, x + w))
            done: list[Stretch] = []
            for _ in range(_ROUNDS):
                wanted = [s for s in _details(found, scores, step_s) if not is_read(s, done)]
                for stretch in wanted:
                    reading.add(frames.stretch(*stretch))
                done += wanted
                texts_of = list(reading.texts.values())
                found = interpret.interpret(texts_of, settings.half, found.bug)
                scores = interpret.read_scores(found, score_reader)
                if not wanted:
                    break
        board = _conclude(found, scores, frames, settings, str(video))
        return interpret.readings_table(found, scores, frames), board


def write_readings(
    video: Path,
    out: Path,
    settings: Settings,
    progress: Callable[[float], object] | None = None,
) -> tuple[pl.DataFrame, Scoreboard]:
    """Read a video (see `read_video`), write the result to the file `out`, and return it.

    What was read is kept in a hidden folder until `out` is written: the same call goes on from there.
    """
    try:
        content = checksum(video)
    except OSError as error:
        raise VideoError(
            video, f"it cannot be opened ({reason_of(error)}).", "Correct it."
        ) from error
    made_from = content, settings.step_s, settings.half, digest(__name__)
    folder = out.with_name(f".{out.name}.readings")
    kept = KeptParts(folder, made_from, {"type": "array"}, "What was read is read again.")
    try:
        readings, board = read_video(video, settings, progress, kept)
    except VideoError:
        kept.delete()
        raise
    save(out, readings, board)
    kept.delete()
    return readings, board


def _clock_at(found: Interpretation, time_s: float) -> float:
    """Return what the clock should show at a time: that of the nearest half."""

    def distance(number: int) -> float:
        times = [found.frames[k].time_s for k in found.in_half(number)]
        return max(times[0] - time_s, time_s - times[-1]) if times else float("inf")

    nearest = min(range(len(found.halves)), key=distance)
    line = found.halves[nearest].main
    return float(line.clock_s(time_s)) - 0.5


def _details(
    found: Interpretation, scores: list[goals.ScoreReading], step_s: float
) -> list[Stretch]:
    """Return the stretches of the video that are read in detail."""
    spans = [(start_s, end_s) for start_s, end_s in goals.changes(scores) if end_s > start_s]
    doubts = [(start_s, end_s, _DOUBT_S) for start_s, end_s in goals.doubts(scores)]
    doubts = [doubt for doubt in doubts if doubt[1] - doubt[0] > 2 * _DOUBT_S][:_MOST_DOUBTS]
    for number in range(len(found.halves)):
        mine = found.in_half(number)
        if not mine:
            continue
        last_s = found.frames[mine[-1]].time_s
        spans.append((last_s, last_s + 1.5 * step_s))
        minutes = []
        for a, b in pairwise(mine):
            first, second = found.chosen[a], found.chosen[b]
            if first is None or second is None:
                continue
            span = found.frames[a].time_s, found.frames[b].time_s
            if (
                first.unit_s == second.unit_s == texts.MINUTE_S
                and second.clock_s == first.clock_s + texts.MINUTE_S
                and span[1] - span[0] < 3 * step_s
            ):
                minutes.append(span)
        spans += [*minutes[:_MINUTES], *minutes[_MINUTES:][-_MINUTES:]]
    details = [
        (start_s, end_s, max(_DETAIL_S, (end_s - start_s) / _MOST_DETAIL))
        for start_s, end_s in set(spans)
        if end_s - start_s > 2 * _DETAIL_S
    ]
    return sorted([*details, *doubts])


def _conclude(
    found: Interpretation,
    scores: list[goals.ScoreReading],
    frames: Frames,
    settings: Settings,
    video: str,
) -> Scoreboard:
    def problem(text: str, remedy: str) -> Problem:
        match = settings.match or Path(video).stem
        return Problem(match, "scoreboard", text, remedy, NOTED, settings.half, video)

    if not found.halves or found.bug is None:
        if has_countdown(found.frames):
            text = "the clock in the picture counts down, which is not supported."
        else:
            text = "no match clock that runs was found in the picture."
        return Scoreboard(problems=(problem(text, "Give the times of the halves by hand."),))
    problems = [
        problem(
            text, "Look at the figure of the readings; give the halves by hand where it is wrong."
        )
        for text in found.oddities
    ]
    halves = []
    for number, half in enumerate(found.halves):
        mine = found.in_half(number)
        residuals = [abs(r) for k in mine if (r := found.residual_s(k)) is not None]
        halves.append(
            HalfClock(
                half.number,
                half.lines[0].time_s(half.zero_s),
                max((found.frames[k].time_s for k in mine), default=half.main.time_s(half.zero_s)),
                half.main.slope,
                len(mine),
                float(np.median(residuals)) if residuals else 0.0,
            )
        )
    inside = found.in_halves()
    texts_of = [found.frames[k] for k in inside]
    clocks = [clock for k in inside if (clock := found.chosen[k])]
    names = find_names(texts_of, clocks, found.bug)
    box = frames.in_source(*interpret.find_box(found, found.bug, frames.size))
    if found.bug.left is None:
        problems.append(
            problem("the match clock was read, but no score beside it.", "No goals follow from it.")
        )
        return Scoreboard(tuple(halves), (), names, box, tuple(problems))
    scored = goals.find_goals(scores)
    for first, second in pairwise(scored):
        if first.time_s == second.time_s and first.earliest_s == second.earliest_s:
            problems.append(
                problem(
                    f"two goals between {first.earliest_s:.0f} s and {first.time_s:.0f} s, where the "
                    "score was not seen.",
                    "Their order and times are not known.",
                )
            )
    return Scoreboard(tuple(halves), tuple(scored), names, box, tuple(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="touchline scoreboard", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "video", type=Path, metavar="VIDEO", help="of a match, or of one half of it"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PARQUET",
        help="the readings, a row for each frame that is read; halves and goals in its metadata",
    )  # fmt: skip
    parser.add_argument(
        "--preview", type=Path, metavar="PNG",
        help="also draw the score bug, the clock and the score that were found on sample frames",
    )  # fmt: skip
    parser.add_argument(
        "--half", type=int, metavar="N",
        help="the video shows this half alone: 1 or 2, 3 and 4 of extra time (by its clock)",
    )  # fmt: skip
    parser.add_argument(
        "--match", default="", metavar="NAME", help="the match's name, for messages (the file's)"
    )
    parser.add_argument(
        "--step-s", type=float, default=Settings.step_s, metavar="S",
        help="seconds of the video between the frames that are read first (%(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--on-problem", choices=["set-aside", "stop"], default="stop",
        help="stop at a video that cannot be read (the default), or write a file without readings "
        "that says so",
    )  # fmt: skip
    return parser


def main(argv: list[str]) -> None:
    """Write the readings of a video's score bug, its halves and goals."""
    args = _parser().parse_args(argv)
    if not args.step_s >= _DETAIL_S:
        raise InputError(f"--step-s {args.step_s:g}: give {_DETAIL_S:g} seconds or more.")
    settings = Settings(args.step_s, args.half, args.match, cli.given_threads())
    try:
        with tqdm(desc=args.video.name, unit=" s of video", disable=None) as bar:
            readings, board = write_readings(
                args.video, args.out, settings, lambda time_s: bar.update(max(0.0, time_s - bar.n))
            )
    except VideoError as error:
        if args.on_problem == "stop":
            raise
        text, remedy, match = error.problem, error.remedy, args.match or args.video.stem
        problem = Problem(match, "scoreboard", text, remedy, NOTED, args.half, str(args.video))
        readings = pl.DataFrame(schema=schema.READINGS)
        board, args.preview = Scoreboard(problems=(problem,)), None
        save(args.out, readings, board)
    cli.report(board.problems)
    print(board.describe())
    print(f"readings: {args.out}")
    if args.preview is not None:
        write_preview(args.video, args.preview, readings, board, settings.threads)
        print(f"picture of what was found: {args.preview}")

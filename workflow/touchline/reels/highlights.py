"""Highlight reel of one query and match: clips from a model's answers, video and edit lists.

REQUIRES a model's answers to the match, its samples (for the commentary), and its videos, if any.
PRODUCES in a folder: reel.json (everything about the reel), reel.mp4 (if there are clips and videos),
    reel.otio, reel.edl, reel.vtt, chapters.txt, losslesscut-half1.csv ….
"""

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from touchline.core import cli, clock, schema
from touchline.core.files import atomic_folder, write_text
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import read_thresholds
from touchline.reels import edit_lists
from touchline.reels.clips import Clip, ClipSettings, Hit, find_clips
from touchline.reels.cutting.cut import Piece, splice
from touchline.reels.edit_lists import EditEntry
from touchline.reels.query import Query
from touchline.reels.cutting.stream_copy import copy_pieces
from touchline.report.qualitative import commentary_of, nearest_lines
from touchline.video.frame_reader import VideoError
from touchline.video.source import Source

# A half of the command's --halves, as JSON schema.
_HALF = {
    "type": "object",
    "properties": {"video": {"type": ["string", "null"]}, "duration_s": {"type": "number"}},
    "required": ["video", "duration_s"],
}
MAX_LINES = 4  # commentary lines in reel.json for each answer of a clip


@dataclass(frozen=True)
class HalfVideo:
    """A half: its video, None where it has none, its duration, and its start in the video."""

    video: Path | None
    duration_s: float
    start_s: float = 0.0


@dataclass(frozen=True)
class ReelSettings:
    """How a reel is cut and encoded: settings of the configuration's `highlights:`, and threads."""

    titles: bool = True
    fade_s: float = 0.05
    stream_copy: bool = False
    threads: int = 1


@dataclass(frozen=True)
class _CutReel:
    """A reel as it was cut: the entry of each clip in it, the first source's rate, and messages."""

    entries: dict[Clip, EditEntry]
    fps: float | None
    has_sound: bool
    messages: list[str]


def write_reel(
    folder: Path,
    header: dict[str, str],
    query: Query,
    clips: Sequence[Clip],
    messages: list[str],
    halves: dict[int, HalfVideo],
    lines: pl.DataFrame,
    settings: ReelSettings,
) -> None:
    """Write the reel and the lists of these clips into a folder, atomically.

    `header` is the first part of reel.json; `messages` about the clips are for the user; `lines` is
    the commentary (`schema.COMMENTARY`).
    """
    with atomic_folder(folder) as partial:
        reel = _cut_reel(partial / "reel.mp4", clips, halves, settings)
        rate = edit_lists.list_rate(reel.fps)
        entries = [reel.entries[clip] for clip in clips if clip in reel.entries]
        edit_lists.write_lists(partial, query.text, entries, rate, reel.has_sound)
        content = header | {
            "query": query.text,
            "understood": query.describe(),
            "messages": messages + reel.messages,
            "actions": list(query.actions),
            "halves": {
                str(number): {
                    "video": None if half.video is None else str(half.video),
                    "duration_s": half.duration_s,
                    "start_s": half.start_s,
                }
                for number, half in sorted(halves.items())
            },
            "frames_per_second": rate,
            "reel": "reel.mp4" if (partial / "reel.mp4").is_file() else None,
            "clips": [_clip_row(clip, reel.entries.get(clip), rate, lines) for clip in clips],
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_text(partial / "reel.json", text + "\n")


def _cut_reel(
    out: Path, clips: Sequence[Clip], halves: dict[int, HalfVideo], settings: ReelSettings
) -> _CutReel:
    """Write the reel of the clips that have a video; each video is opened once."""
    messages: list[str] = []
    with ExitStack() as stack:
        opened: dict[Path, Source] = {}
        sources: dict[int, Source] = {}
        for half in sorted({clip.half for clip in clips}):
            path = halves[half].video
            if path is None:
                messages.append(f"Half {half} has no video: its clips are in the lists alone.")
                continue
            try:
                if path not in opened:
                    opened[path] = stack.enter_context(closing(Source(path, settings.threads)))
            except VideoError as error:
                messages.append(f"Half {half}: {error} Its clips are in the lists alone.")
                continue
            sources[half] = opened[path]
        filmed = [clip for clip in clips if clip.half in sources]
        if not filmed:
            entries = edit_lists.entries_without_video(clips, edit_lists.list_rate(None))
            return _CutReel(dict(zip(clips, entries, strict=True)), None, False, messages)
        rates = (float(source.video.average_rate or 0) for source in sources.values())
        fps = next(filter(None, rates), 0.0)
        has_sound = any(source.sound is not None for source in sources.values())
        pieces = [
            Piece(
                sources[clip.half],
                clip.start_s + halves[clip.half].start_s,
                clip.end_s + halves[clip.half].start_s,
                clip.title,
            )
            for clip in filmed
        ]
        try:
            if settings.stream_copy:
                cuts = copy_pieces(pieces, out)
            else:
                cuts = splice(
                    pieces,
                    out,
                    fade_s=settings.fade_s,
                    titles=settings.titles,
                    threads=settings.threads,
                )
        except VideoError as error:
            entries = edit_lists.entries_without_video(clips, edit_lists.list_rate(fps))
            messages.append(str(error))
            return _CutReel(dict(zip(clips, entries, strict=True)), fps, has_sound, messages)
    cut_entries = {}
    for clip, piece, cut in zip(filmed, pieces, cuts, strict=True):
        if cut is None:
            messages.append(f"{clip.title}: the video has no picture of it.")
            continue
        times_s = map(float, (cut.start_s, cut.end_s, cut.reel_start_s, cut.reel_end_s))
        cut_entries[clip] = EditEntry(clip, piece.source.path, *times_s)
    return _CutReel(cut_entries, fps, has_sound, messages)


def _clip_row(clip: Clip, entry: EditEntry | None, rate: float, lines: pl.DataFrame) -> dict:
    """Return a clip's row of reel.json; `entry` is None for a clip that is not in the reel."""
    start_s, end_s = (entry.start_s, entry.end_s) if entry else (clip.start_s, clip.end_s)
    return {
        "title": clip.title,
        "half": clip.half,
        "start_s": start_s,
        "end_s": end_s,
        "start_timecode": edit_lists.timecode(start_s, rate),
        "end_timecode": edit_lists.timecode(end_s, rate),
        "reel_start_s": entry.reel_start_s if entry else None,
        "reel_end_s": entry.reel_end_s if entry else None,
        "confidence": clip.confidence,
        "hits": [_hit_row(hit, clip.half, lines) for hit in clip.hits],
    }


def _hit_row(hit: Hit, half: int, lines: pl.DataFrame) -> dict:
    """Return an answer's row of reel.json, with the commentary around it on the match clock."""
    near = nearest_lines(lines, half, hit.time_s, MAX_LINES)
    return asdict(hit) | {
        "time_s": hit.time_s,
        "clock": clock.show(hit.time_s, "match", half, 0.0),
        "lines": [f"{clock.show(start_s, 'match', half, 0.0)} {text}" for start_s, text in near],
    }


def print_reel(folder: Path) -> None:
    """Print the messages and the clips of a reel."""
    content = json.loads((folder / "reel.json").read_text(encoding="utf-8"))
    for message in content["messages"]:
        print(message)
    for clip in content["clips"]:
        span = f"half {clip['half']}, {clip['start_timecode']} to {clip['end_timecode']}"
        print(f"{clip['title']}: {span}, confidence {clip['confidence']:.2f}")
    print(f"{len(content['clips'])} clips: {folder}")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add `ClipSettings` and `ReelSettings` to a command's arguments."""
    clip_defaults, reel_defaults = ClipSettings(), ReelSettings()
    for name, default in asdict(clip_defaults).items():
        if isinstance(default, float):
            parser.add_argument(
                f"--{name.replace('_', '-')}", type=float, default=default, help="(%(default)s)"
            )
    parser.add_argument("--order", choices=["time", "confidence"], default=clip_defaults.order)
    parser.add_argument(
        "--titles", action=argparse.BooleanOptionalAction, default=reel_defaults.titles
    )
    parser.add_argument("--fade-s", type=float, default=reel_defaults.fade_s, help="(%(default)s)")
    parser.add_argument(
        "--stream-copy", action=argparse.BooleanOptionalAction, default=reel_defaults.stream_copy,
        help="copy instead of encoding: a clip then starts up to one key frame early (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=reel_defaults.threads, help="(%(default)s)")


def settings_from(args: argparse.Namespace) -> tuple[ClipSettings, ReelSettings]:
    """Return the settings that `add_settings` added."""
    values = vars(args)
    clip_values = {name: values[name] for name in ClipSettings.__dataclass_fields__}
    reel_values = {name: values[name] for name in ReelSettings.__dataclass_fields__}
    return ClipSettings(**clip_values), ReelSettings(**reel_values)


def main(argv: list[str]) -> None:
    """Write the reel of one query and match."""
    parser = argparse.ArgumentParser(prog="touchline highlights", description=__doc__)
    parser.add_argument(
        "--query", type=cli.json_object(), required=True, metavar="JSON",
        help="the parsed query: fields of touchline.reels.query.Query; defaults may be left out",
    )  # fmt: skip
    parser.add_argument("--match", required=True, help="the match's name")
    parser.add_argument("--model", required=True, help="the model's name, for reel.json")
    parser.add_argument(
        "--halves", type=cli.json_object(_HALF, cli.HALF_NUMBERS), required=True, metavar="JSON",
        help='{"1": {"video": "1.mkv", "duration_s": 2700}}; a video may be null',
    )  # fmt: skip
    parser.add_argument("--samples", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--answers", type=Path, required=True, metavar="PARQUET")
    parser.add_argument(
        "--thresholds", type=Path, metavar="CSV", help="the threshold of each action"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.0, help="of all actions, without --thresholds"
    )
    add_settings(parser)
    parser.add_argument("--folder", type=Path, required=True, help="to write")
    args = parser.parse_args(argv)
    query = Query.from_dict(args.query)
    print(query.describe())
    halves = {
        int(number): HalfVideo(half["video"] and Path(half["video"]), half["duration_s"])
        for number, half in args.halves.items()
    }
    samples = schema.read(args.samples, schema.SAMPLES)
    answers = schema.read(args.answers, schema.PREDICTIONS).with_columns(match=pl.lit(args.match))
    clip_settings, reel_settings = settings_from(args)
    lines = commentary_of(samples)
    clips, messages = find_clips(
        query,
        answer_intervals(answers),
        set(samples["action"]),
        {number: half.duration_s for number, half in halves.items()},
        clip_settings,
        read_thresholds(args.thresholds) if args.thresholds else args.threshold,
        args.match,
        lines,
    )
    header = {"match": args.match, "model": args.model}
    write_reel(args.folder, header, query, clips, messages, halves, lines, reel_settings)
    print_reel(args.folder)

"""Highlight reel of one query and match: clips from a model's answers, video and edit lists.

REQUIRES a model's answers to the match, its samples (for the commentary), and its videos, if any.
PRODUCES in a folder: reel.json (everything about the reel), reel.mp4 (if there are clips and videos),
    reel.otio, reel.edl, reel.fcpxml, reel.vtt, chapters.txt, losslesscut-half1.csv …, and pictures
    for the page in stills/.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from touchline.core import cli, clock, schema
from touchline.core.files import atomic_folder, write_text
from touchline.data.match_names import teams, written_name
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import read_thresholds
from touchline.reels import edit_lists
from touchline.reels.clips import Clip, find_clips
from touchline.reels.cutting.reel_cutter import HalfVideo, Videos, cut_reel
from touchline.reels.cutting.stills import write_half_posters, write_stills
from touchline.reels.edit_lists import EditEntry
from touchline.reels.hits import Hit, with_score
from touchline.reels.query import Query
from touchline.reels.reel_settings import ReelSettings, add_settings, settings_from
from touchline.report.qualitative import commentary_of, nearest_lines
from touchline.scoreboard import result

# A half of the command's --halves, as JSON schema.
_HALF = {
    "type": "object",
    "properties": {"video": {"type": ["string", "null"]}, "duration_s": {"type": "number"}},
    "required": ["video", "duration_s"],
}
MAX_LINES = 4  # commentary lines in reel.json for each answer of a clip


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
    with atomic_folder(folder) as partial, Videos(halves, settings.threads) as videos:
        reel = cut_reel(partial / "reel.mp4", clips, videos, settings)
        rate = edit_lists.list_rate(reel.fps)
        entries = [reel.entries[clip] for clip in clips if clip in reel.entries]
        edit_lists.write_lists(partial, query.text, entries, rate, reel.has_sound)
        stills, poster = write_stills(partial, clips, reel.entries, halves)
        posters = write_half_posters(partial, videos) | ({"reel": poster} if poster else {})
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
            "posters": posters,
            "clips": [
                _clip_row(clip, reel.entries.get(clip), halves[clip.half].start_s, rate, lines)
                | {"still": still}
                for clip, still in zip(clips, stills, strict=True)
            ],
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_text(partial / "reel.json", text + "\n")


def _clip_row(
    clip: Clip, entry: EditEntry | None, begins_s: float, rate: float, lines: pl.DataFrame
) -> dict:
    """Return a clip's row of reel.json, in seconds of the video.

    `entry` is None for a clip that is not in the reel; `begins_s` is the half's start in the video.
    """
    start_s, end_s = clip.start_s + begins_s, clip.end_s + begins_s
    if entry:
        start_s, end_s = entry.start_s, entry.end_s
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
        start, end = (clock.format_time(clip[name]) for name in ("start_s", "end_s"))
        span = f"half {clip['half']}, {start} to {end} of the video"
        print(f"{clip['title']}: {span}, confidence {clip['confidence']:.2f}")
    count = len(content["clips"])
    print(f"{count} {'clip' if count == 1 else 'clips'}: {folder}")


def main(argv: list[str]) -> None:
    """Write the reel of one query and match."""
    parser = argparse.ArgumentParser(prog="touchline highlights", description=__doc__)
    parser.add_argument(
        "--query", type=cli.json_object(), required=True, metavar="JSON",
        help="the parsed query: fields of touchline.reels.query.Query; defaults may be left out",
    )  # fmt: skip
    parser.add_argument("--match", required=True, help="the match's name")
    parser.add_argument("--title", help="the match's name as people write it (from its name)")
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
    parser.add_argument(
        "--scoreboards", type=Path, nargs="*", default=[], metavar="PARQUET",
        help="what touchline scoreboard read in the match's videos: whose goals they are",
    )  # fmt: skip
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
    intervals = answer_intervals(answers)
    if args.scoreboards:
        boards = [result.load(path) for path in args.scoreboards]
        intervals = with_score(intervals, boards, teams(args.match))
    clips, messages = find_clips(
        query,
        intervals,
        set(samples["action"]),
        {number: half.duration_s for number, half in halves.items()},
        clip_settings,
        read_thresholds(args.thresholds) if args.thresholds else args.threshold,
        args.match,
        lines,
    )
    title = args.title or written_name(args.match)
    header = {"match": args.match, "title": title, "model": args.model}
    write_reel(args.folder, header, query, clips, messages, halves, lines, reel_settings)
    print_reel(args.folder)

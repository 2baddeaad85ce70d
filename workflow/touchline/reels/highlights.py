"""The reel of one query and match: clips out of a model's answers, the video, lists for editors.

REQUIRES a model's answers to the match, its samples (for the commentary), its videos where it has some.
PRODUCES in a folder: reel.json (all that is known), reel.mp4 (where there are clips and videos),
    reel.otio, reel.edl, reel.vtt, chapters.txt, losslesscut-half1.csv ….
"""

import argparse
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import polars as pl

from touchline.core import clock, schema
from touchline.core.files import atomic_folder, write_text
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import read_thresholds
from touchline.reels import clips, edit_lists
from touchline.reels.clips import Clip
from touchline.reels.cut import Piece, Source, splice
from touchline.reels.edit_lists import Entry
from touchline.reels.query import Query, parse
from touchline.reels.stream_copy import copy
from touchline.reels.vocabulary import Vocabulary
from touchline.report.qualitative import commentary_of, nearest_lines
from touchline.video.frame_reader import VideoError

# Commentary noted with each answer of a clip, the lines nearest to it.
MOST_LINES = 4


@dataclass(frozen=True)
class Half:
    """A half's length, its video where it has one, and the second of the video at which it starts."""

    video: Path | None
    duration_s: float
    start_s: float = 0.0


@dataclass(frozen=True)
class Look:
    """How a reel looks and is made (the configuration's `highlights:`)."""

    titles: bool = True
    fade_s: float = 0.05
    stream_copy: bool = False
    threads: int = 1


def make(
    folder: Path,
    about: dict,
    query: Query,
    found: Sequence[Clip],
    messages: list[str],
    halves: dict[int, Half],
    lines: pl.DataFrame,
    look: Look,
) -> None:
    """Write the reel and the lists of these clips into a folder, which appears whole.

    `about` opens reel.json; `messages` are what is to be said about the clips; `lines` is the
    commentary (`schema.COMMENTARY`).
    """
    with atomic_folder(folder) as partial:
        entries, fps, sound, said = _cut(partial / "reel.mp4", found, halves, look)
        rate = edit_lists.list_rate(fps)
        listed = [entry for entry in entries if entry.reel_start_s is not None]
        edit_lists.write(partial, query.text, listed, rate, sound)
        content = about | {
            "query": query.text,
            "understood": query.describe(),
            "messages": messages + said,
            "actions": list(query.actions),
            "halves": {
                str(half): {
                    "video": None if one.video is None else str(one.video),
                    "duration_s": one.duration_s,
                    "start_s": one.start_s,
                }
                for half, one in sorted(halves.items())
            },
            "frames_per_second": rate,
            "reel": "reel.mp4" if (partial / "reel.mp4").is_file() else None,
            "clips": [_row(entry, rate, lines) for entry in entries],
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        write_text(partial / "reel.json", text + "\n")


def _cut(
    out: Path, found: Sequence[Clip], halves: dict[int, Half], look: Look
) -> tuple[list[Entry], float | None, bool, list[str]]:
    """Write the reel; return its entries, its first source's frame rate, whether it has sound, and messages."""
    videos, fps, sound, said = {}, None, False, []
    for half in sorted({clip.half for clip in found}):
        path = halves[half].video
        if path is None:
            said.append(f"Half {half} has no video: its clips are in the lists alone.")
            continue
        try:
            source = Source(path)
        except VideoError as error:
            said.append(f"Half {half}: {error} Its clips are in the lists alone.")
            continue
        videos[half] = path
        fps = fps or float(source.video.average_rate or 0)
        sound = sound or source.sound is not None
    filmed = [clip for clip in found if clip.half in videos]
    if not filmed:
        return _planned(found, edit_lists.list_rate(None)), None, False, said
    pieces = [
        Piece(
            videos[clip.half],
            clip.start_s + halves[clip.half].start_s,
            clip.end_s + halves[clip.half].start_s,
            clip.title,
        )
        for clip in filmed
    ]
    try:
        if look.stream_copy:
            cuts = copy(pieces, out)
        else:
            cuts = splice(pieces, out, fade_s=look.fade_s, titles=look.titles, threads=look.threads)
    except VideoError as error:
        return _planned(found, edit_lists.list_rate(fps)), fps, sound, [*said, str(error)]
    cut_of = dict(zip(map(id, filmed), cuts, strict=True))
    entries = []
    for clip in found:
        cut = cut_of.get(id(clip))
        if cut is None:
            entries.append(Entry(clip, None, clip.start_s, clip.end_s, None, None))
            if clip.half in videos:
                said.append(f"{clip.title}: the video has no picture of it.")
            continue
        times = (cut.start_s, cut.end_s, cut.reel_start_s, cut.reel_end_s)
        entries.append(Entry(clip, videos[clip.half], *map(float, times)))
    return entries, fps, sound, said


def _planned(found: Sequence[Clip], rate: float) -> list[Entry]:
    """Return the entries of clips that were not cut, one after the other in whole frames."""
    entries, at = [], Fraction(0)
    for clip in found:
        first, last = round(clip.start_s * rate), round(clip.end_s * rate)
        end = at + last - first
        times = (first / rate, last / rate, float(at) / rate, float(end) / rate)
        entries.append(Entry(clip, None, *times))
        at = end
    return entries


def _row(entry: Entry, rate: float, lines: pl.DataFrame) -> dict:
    """Return what reel.json says about a clip."""
    half = entry.clip.half
    return {
        "title": entry.title,
        "half": half,
        "start_s": entry.start_s,
        "end_s": entry.end_s,
        "start_timecode": edit_lists.timecode(entry.start_s, rate),
        "end_timecode": edit_lists.timecode(entry.end_s, rate),
        "reel_start_s": entry.reel_start_s,
        "reel_end_s": entry.reel_end_s,
        "confidence": entry.clip.confidence,
        "hits": [_hit_row(hit, half, lines) for hit in entry.clip.hits],
    }


def _hit_row(hit: clips.Hit, half: int, lines: pl.DataFrame) -> dict:
    """Return what reel.json says about an answer, with the commentary around it, on the match clock."""
    near = nearest_lines(lines, half, hit.time_s, MOST_LINES)
    return asdict(hit) | {
        "time_s": hit.time_s,
        "clock": clock.show(hit.time_s, "match", half, 0.0),
        "lines": [f"{clock.show(start_s, 'match', half, 0.0)} {text}" for start_s, text in near],
    }


def find(
    query: Query,
    answers: pl.DataFrame,
    asked: Collection[str],
    halves: dict[int, Half],
    settings: clips.Settings,
    threshold: float | dict[str, float],
    match: str,
    lines: pl.DataFrame,
) -> tuple[list[Clip], list[str]]:
    """Return the clips that a query finds in answered intervals, and messages.

    `answers` as `clips.choose` takes them; `asked` are the actions that the model was asked about.
    """
    actions = query.actions or (query.open_text,)
    found, told = clips.choose(
        replace(query, actions=tuple(actions)), answers,
        {half: one.duration_s for half, one in halves.items()},
        settings, threshold, match, lines,
    )  # fmt: skip
    unasked = [action for action in actions if action not in asked]
    if unasked and not query.everything:
        names = ", ".join(unasked)
        told.insert(0, f"No model was asked about {names}: see samples.actions in config.yaml.")
    return found, told


def parser_of_settings(parser: argparse.ArgumentParser) -> None:
    """Add the settings that the stage and the command for one's own video share."""
    own, look = clips.Settings(), Look()
    for name, value in asdict(own).items():
        if isinstance(value, float):
            parser.add_argument(
                f"--{name.replace('_', '-')}", type=float, default=value, help="(%(default)s)"
            )
    parser.add_argument("--order", choices=["time", "confidence"], default=own.order)
    parser.add_argument("--titles", action=argparse.BooleanOptionalAction, default=look.titles)
    parser.add_argument("--fade-s", type=float, default=look.fade_s, help="(%(default)s)")
    parser.add_argument(
        "--stream-copy", action=argparse.BooleanOptionalAction, default=look.stream_copy,
        help="copy instead of encoding: a clip then starts up to one key frame early (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=look.threads, help="(%(default)s)")


def settings_of(args: argparse.Namespace) -> tuple[clips.Settings, Look]:
    """Return the settings of `parser_of_settings`."""
    given = vars(args)
    own = {name: given[name] for name in clips.Settings.__dataclass_fields__}
    return clips.Settings(**own), Look(**{name: given[name] for name in Look.__dataclass_fields__})


def main(argv: list[str]) -> None:
    """Write the reel of one query and match."""
    parser = argparse.ArgumentParser(prog="touchline highlights", description=__doc__)
    parser.add_argument("--query", required=True, help="what to show, in words")
    parser.add_argument("--match", required=True, help="the match's name")
    parser.add_argument("--model", required=True, help="the model's name, to be told")
    parser.add_argument(
        "--vocabulary", type=json.loads, required=True, metavar="JSON",
        help='{"actions": […], "synonyms": {action: […]}, "not_actions": […]}',
    )  # fmt: skip
    parser.add_argument("--clubs", nargs="*", default=[], help="that a query may name")
    parser.add_argument(
        "--halves", type=json.loads, required=True, metavar="JSON",
        help='{"1": {"video": "1.mkv", "duration_s": 2700}}; a video may be null',
    )  # fmt: skip
    parser.add_argument("--samples", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--answers", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--thresholds", type=Path, metavar="CSV", help="of each action")
    parser.add_argument("--threshold", type=float, default=0.0, help="without --thresholds")
    parser_of_settings(parser)
    parser.add_argument("--folder", type=Path, required=True, help="to write")
    args = parser.parse_args(argv)
    query = parse(args.query, Vocabulary(**args.vocabulary), args.clubs)
    print(query.describe())
    halves = {
        int(half): Half(one["video"] and Path(one["video"]), one["duration_s"])
        for half, one in args.halves.items()
    }
    samples = schema.read(args.samples, schema.SAMPLES)
    answers = schema.read(args.answers, schema.PREDICTIONS).with_columns(match=pl.lit(args.match))
    threshold = read_thresholds(args.thresholds) if args.thresholds else args.threshold
    settings, look = settings_of(args)
    lines = commentary_of(samples)
    found, messages = find(
        query, answer_intervals(answers), set(samples["action"]), halves, settings, threshold,
        args.match, lines,
    )  # fmt: skip
    about = {"match": args.match, "model": args.model}
    make(args.folder, about, query, found, messages, halves, lines, look)
    tell(args.folder)


def tell(folder: Path) -> None:
    """Print what a reel holds and what was said about it."""
    content = json.loads((folder / "reel.json").read_text(encoding="utf-8"))
    for message in content["messages"]:
        print(message)
    for clip in content["clips"]:
        ends = f"half {clip['half']}, {clip['start_timecode']} to {clip['end_timecode']}"
        print(f"{clip['title']}: {ends}, confidence {clip['confidence']:.2f}")
    print(f"{len(content['clips'])} clips: {folder}")

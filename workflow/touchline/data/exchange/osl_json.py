"""OSL JSON, the format of opensportslib: its samples as a sheet's matches, and answers written in it.

The format is described in opensportslib's documentation (docs/data/osl-json-format.md). A sample is
one video with events and dense captions, whose `position_ms` counts from the start of the video.
Here a sample is a half: the half of a match where its id ends in one (`…/half2`, `…_half2`, or
SoccerNet's `…/2_224p`), else the only half of a match of its own.
"""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from touchline.core.clock import game_time
from touchline.core.files import write_text
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import NOTED, InputError, Problem, quoted
from touchline.core.text_files import UnreadableError, read_json
from touchline.data.matches import SHEET, SPLITS, probe_half, slug

HEAD = "action"  # the annotation head of events, as in the format's examples
CAPTION_S = 10.0  # a caption is a moment: its line lasts until the next one, and at most so long
FPS = 2.0  # of the evaluator's bins, as SoccerNet's evaluator has them
_HALF_OF_ID = re.compile(r"(?P<match>.+?)(?:[/_-]half[_-]?|/)(?P<half>[1-4])(?:_\d+p|_HQ)?")
_SPLIT_NAMES = {"val": "valid", "validation": "valid", "training": "train"}


def read_osl(
    paths: Sequence[Path], media: Path, folder: Path, split: str | None
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the sheet (columns `SHEET`) of the samples of OSL JSON files, and problems.

    The halves of a match may be in several files. Videos are looked for in `media`. Events and
    captions are written into `folder`, as `<match>/Labels-v2.json` and `<match>/<half>_asr.json`,
    which the sheet names. `split` replaces that of the files' metadata. Raises `InputError` for a file
    that is not OSL JSON or has a model's answers, and for a half that is there twice.
    """
    halves = [half for path in paths for half in _halves(path, split)]
    _check_halves(halves)
    lines = [_lines(half.sample, half.where) for half in halves]
    annotations = [_annotations(half) for half in halves]
    problems: list[Problem] = []
    label_files: dict[str, str | None] = {}
    for match in dict.fromkeys(half.match for half in halves):
        of_match = [
            (half, events)
            for half, events in zip(halves, annotations, strict=True)
            if half.match == match
        ]
        content = [event for _, events in of_match for event in events or []]
        unlabelled = [half for half, events in of_match if events is None]
        label_files[match] = None
        if not unlabelled:
            label_files[match] = str(folder / match / "Labels-v2.json")
            text = json.dumps({"annotations": content}, ensure_ascii=False)
            write_text(folder / match / "Labels-v2.json", text)
        elif content:
            what = f"{unlabelled[0].where}: has no list 'events', unlike another half of the match."
            remedy = "Add it, with no events in it where nothing happens; else it is not scored."
            problems.append(Problem(match, "sheet", what, remedy, NOTED, half=unlabelled[0].half))
    rows: list[tuple] = []
    for half, segments in zip(halves, lines, strict=True):
        video, duration_s, video_problems = _video(half.sample, media, half.match, half.half)
        problems += video_problems
        commentary = folder / half.match / f"{half.half}_asr.json"
        if segments:
            write_text(commentary, json.dumps({"segments": segments}, ensure_ascii=False))
        said = str(commentary) if segments else None
        row = (half.match, half.half, half.split, video, duration_s, label_files[half.match], said)
        rows.append(row)
    return pl.DataFrame(rows, schema=SHEET, orient="row").sort("match", "half"), problems


class _Half(NamedTuple):
    """A sample: the half of a match. `game` is its id without the half, `where` for messages."""

    match: str
    half: int
    split: str
    game: str
    sample: dict
    where: str


def _halves(path: Path, split: str | None) -> list[_Half]:
    """Return the samples of a file; `split` replaces that of its metadata."""
    try:
        content = read_json(path)
        samples = content.get("data") if isinstance(content, dict) else None
        if not isinstance(samples, list):
            raise UnreadableError("it has no list 'data'")
    except UnreadableError as error:
        raise InputError(f"{path}: is not OSL JSON ({error}). Write it again.") from error
    about = _of(content, "metadata", {})
    named = split or _of(about, "split", "")
    split = _SPLIT_NAMES.get(named, named)
    if split not in SPLITS:
        what = f"names the split '{quoted(split)}'" if split else "names no split"
        raise InputError(f"{path}: {what}. Give one of {', '.join(SPLITS)} with --split.")
    if _of(about, "type", "") == "predictions":
        raise InputError(
            f"{path}: has the answers of a model, not labels. Name a file of annotations."
        )
    if not samples:
        raise InputError(f"{path}: has no samples. Name a file that has some.")
    return [_half(sample, row, path, split) for row, sample in enumerate(samples, start=1)]


def _check_halves(halves: Sequence[_Half]) -> None:
    """Raise `InputError` for a half that is there twice, and for a match of two games or splits."""
    seen: dict[tuple[str, int], _Half] = {}
    matches: dict[str, _Half] = {}
    for half in halves:
        if (half.match, half.half) in seen:
            raise InputError(
                f"{half.where}: is half {half.half} of {half.match} again. Give samples other ids."
            )
        first = matches.setdefault(half.match, half)
        if first.game != half.game:
            raise InputError(
                f"{half.where}: has the name of another match, {half.match}, like {first.where}. Give "
                "samples other ids."
            )
        if first.split != half.split:
            raise InputError(
                f"{half.where}: is in the split {half.split}, and another half of {half.match} in "
                f"{first.split}. Give one split with --split, or correct the files."
            )
        seen[half.match, half.half] = half


def _of(value: Any, name: str, default: Any) -> Any:
    """Return a member of a JSON object that has the type of `default`, else `default`."""
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, type(default)) else default


def _half(sample: Any, row: int, path: Path, split: str) -> _Half:
    """Return the match and half that a sample is."""
    identity = _of(sample, "id", "") or _of(_first_video(sample), "path", "")
    found = _HALF_OF_ID.fullmatch(identity)
    game, half = (found["match"], int(found["half"])) if found else (identity, 1)
    if not slug(game):
        what = (
            f"its id '{quoted(identity)}' has no letter of a to z and no digit"
            if identity
            else "has no id"
        )
        raise InputError(f"{path}: sample {row}: {what}. Give it one that is its own.")
    return _Half(
        slug(game), half, split, game, sample, f"{path}: sample {row} ({quoted(identity)})"
    )


def _first_video(sample: Any) -> dict:
    inputs = _of(sample, "inputs", [])
    return next((entry for entry in inputs if _of(entry, "type", "") == "video"), {})


def _video(
    sample: dict, media: Path, match: str, half: int
) -> tuple[str | None, float | None, list[Problem]]:
    """Return the path of a sample's video and its seconds, or None twice and why not."""
    name = _of(_first_video(sample), "path", "")
    path = media / name
    if not name or not path.is_file():
        what = f"no video '{quoted(name)}' in {media}." if name else "no video."
        remedy = "Name the folder of the videos with --media, or write duration_s into the sheet."
        return None, None, [Problem(match, "sheet", what, remedy, half=half)]
    probed, problems = probe_half(str(path), match, half)
    return str(path), probed.duration_s if probed else None, problems


def _annotations(half: _Half) -> list[dict] | None:
    """Return a sample's events as annotations of SoccerNet's labels, None without `events`."""
    if half.sample.get("events") is None:
        return None
    annotations = []
    for number, event in enumerate(_entries(half.sample, "events", half.where), start=1):
        where = f"{half.where}: event {number}"
        time_s, label = _position_s(event, where), event.get("label")
        if not isinstance(label, str) or not label.strip():
            raise InputError(f"{where}: has no label, a text. Correct it.")
        annotation = {
            "gameTime": game_time(half.half, time_s),
            "label": label,
            "position": str(round(1000 * time_s)),
        }
        for name in ("team", "visibility"):
            value = event.get(name, _of(event, "metadata", {}).get(name))
            annotation |= {name: value} if isinstance(value, str) else {}
        annotations.append(annotation)
    return annotations


def _entries(sample: dict, name: str, where: str) -> list:
    """Return a list of a sample, which may lack it; raise `InputError` for something else."""
    entries = sample.get(name)
    if entries is not None and not isinstance(entries, list):
        raise InputError(f"{where}: its '{name}' is no list. Correct it.")
    return entries or []


def _lines(sample: dict, where: str) -> dict[str, tuple[float, float, str]]:
    """Return a sample's dense captions as segments of SoccerNet-Echoes."""
    captions = []
    for number, caption in enumerate(_entries(sample, "dense_captions", where), start=1):
        start_s, text = _position_s(caption, f"{where}: caption {number}"), caption.get("text")
        if not isinstance(text, str):
            raise InputError(f"{where}: caption {number}: has no text. Correct it.")
        captions.append((start_s, text))
    captions.sort()
    starts = [*sorted({start for start, _ in captions}), MAX_HALF_S]
    ends = dict(itertools.pairwise(starts))  # captions of one moment last equally long
    return {
        str(number): (start, min(ends[start], start + CAPTION_S), text)
        for number, (start, text) in enumerate(captions)
    }


def _position_s(entry: Any, where: str) -> float:
    """Return the seconds of an entry's `position_ms`; raise `InputError` where it has none."""
    try:
        time_s = float(entry["position_ms"]) / 1000
    except (TypeError, KeyError, ValueError, OverflowError):
        time_s = -1.0
    if not 0 <= time_s <= MAX_HALF_S:
        raise InputError(
            f"{where}: has no position_ms, a number of milliseconds from the video's start. Correct it."
        )
    return time_s


def write_osl(
    path: Path, moments: Mapping[str, pl.DataFrame], labels: Iterable[str], kind: str
) -> None:
    """Write the moments of games as OSL JSON, one sample for each half.

    `moments` maps a game's folder to its moments (half, time_s, label, and confidence or
    visibility). `kind` is "predictions" or "annotations". The media path of a half is that of
    SoccerNet's 224p video in the game's folder. Of the predictions of a label in one bin of the
    evaluator, the last one counts, so the most confident one is last. The recommended `date` is left
    out, so that equal answers give equal bytes.
    """
    data = []
    for game, table in moments.items():
        order = [pl.col("time_s")]
        if "confidence" in table.columns:
            order = [pl.col("time_s") // (1 / FPS), pl.col("confidence"), *order]
        for half in (1, 2):
            events = [
                {"head": HEAD, "position_ms": round(1000 * row["time_s"])}
                | {"gameTime": game_time(half, row["time_s"])}
                | {name: value for name, value in row.items() if name not in ("half", "time_s")}
                for row in table.filter(half=half).sort(order).iter_rows(named=True)
            ]
            video = {"type": "video", "path": f"{game}/{half}_224p.mkv", "fps": FPS}
            data.append({"id": f"{game}/half{half}", "inputs": [video], "events": events})
    content = {
        "version": "2.0",
        "task": "action_spotting",
        "modalities": ["video"],
        "metadata": {"type": kind, "created_by": "touchline"},
        "labels": {HEAD: {"type": "single_label", "labels": list(labels)}},
        "data": data,
    }
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))

"""OSL JSON, the format of opensportslib: its samples as a sheet's matches, and answers written in it.

The format is described in opensportslib's documentation (docs/data/osl-json-format.md). A sample is
one video with events and dense captions, whose `position_ms` counts from the start of the video.
Here a sample is a half: the half of a match where its id ends in one (`…/half2`, `…_half2`, or
SoccerNet's `…/2_224p`), else the only half of a match of its own.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from touchline.core.clock import game_time
from touchline.core.files import write_text
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import InputError, Problem, quoted
from touchline.core.text_files import UnreadableError, read_json
from touchline.data.matches import SHEET, SPLITS, probe_half, slug

HEAD = "action"  # the annotation head of events, as in the format's examples
CAPTION_S = 10.0  # a caption is a moment: its line lasts until the next one, and at most so long
FPS = 2.0  # of the evaluator's bins, as SoccerNet's evaluator has them
_HALF_OF_ID = re.compile(r"(?P<match>.+?)(?:[/_-]half[_-]?|/)(?P<half>[1-4])(?:_\d+p|_HQ)?")
_SPLIT_NAMES = {"val": "valid", "validation": "valid", "training": "train"}


def read_osl(
    path: Path, media: Path, folder: Path, split: str | None
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the sheet (columns `SHEET`) of the samples of an OSL JSON, and problems.

    Videos are looked for in `media`. Events and captions are written into `folder`, as
    `<match>/Labels-v2.json` and `<match>/<half>_asr.json`, which the sheet names. `split` replaces
    that of the file's metadata. Raises `InputError` for a file that is not OSL JSON.
    """
    try:
        content = read_json(path)
        samples = content.get("data") if isinstance(content, dict) else None
        if not isinstance(samples, list):
            raise UnreadableError("it has no list 'data'")
        named = split or _of(_of(content, "metadata", {}), "split", "")
        split = _SPLIT_NAMES.get(named, named)
        halves = [_half(sample, row, path) for row, sample in enumerate(samples, start=1)]
    except UnreadableError as error:
        raise InputError(f"{path}: is not OSL JSON ({error}). Write it again.") from error
    if split not in SPLITS:
        raise InputError(
            f"{path}: names no split, but '{quoted(split)}'. Give one of {', '.join(SPLITS)} with "
            "--split."
        )
    rows: list[tuple] = []
    problems: list[Problem] = []
    labels: dict[str, list[dict]] = {}
    for match, half, sample, where in halves:
        if any(row[:2] == (match, half) for row in rows):
            raise InputError(f"{where}: is half {half} of {match} again. Give samples other ids.")
        video, duration_s, video_problems = _video(sample, media, match, half)
        problems += video_problems
        labels.setdefault(match, []).extend(_annotations(sample, half, where))
        lines = _lines(sample, where)
        commentary = folder / match / f"{half}_asr.json"
        if lines:
            write_text(commentary, json.dumps({"segments": lines}, ensure_ascii=False))
        label_file = str(folder / match / "Labels-v2.json")
        rows.append(
            (match, half, split, video, duration_s, label_file, str(commentary) if lines else None)
        )
    for match, annotations in labels.items():
        content = {"annotations": annotations}
        write_text(folder / match / "Labels-v2.json", json.dumps(content, ensure_ascii=False))
    return pl.DataFrame(rows, schema=SHEET, orient="row").sort("match", "half"), problems


def _of(value: Any, name: str, default: Any) -> Any:
    """Return a member of a JSON object that has the type of `default`, else `default`."""
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, type(default)) else default


def _half(sample: Any, row: int, path: Path) -> tuple[str, int, dict, str]:
    """Return the match and half that a sample is, the sample, and how messages name it."""
    identity = _of(sample, "id", "") or _of(_first_video(sample), "path", "")
    if not slug(identity):
        raise InputError(f"{path}: sample {row}: has no id. Give it one that is its own.")
    found = _HALF_OF_ID.fullmatch(identity)
    name, half = (found["match"], int(found["half"])) if found else (identity, 1)
    return slug(name), half, sample, f"{path}: sample {row} ({quoted(identity)})"


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


def _annotations(sample: dict, half: int, where: str) -> list[dict]:
    """Return a sample's events as annotations of SoccerNet's labels."""
    annotations = []
    for number, event in enumerate(_of(sample, "events", []), start=1):
        time_s = _position_s(event, f"{where}: event {number}")
        annotation = {
            "gameTime": game_time(half, time_s),
            "label": str(event.get("label")),
            "position": str(round(1000 * time_s)),
        }
        for name in ("team", "visibility"):
            value = event.get(name, _of(event, "metadata", {}).get(name))
            annotation |= {name: value} if isinstance(value, str) else {}
        annotations.append(annotation)
    return annotations


def _lines(sample: dict, where: str) -> dict[str, tuple[float, float, str]]:
    """Return a sample's dense captions as segments of SoccerNet-Echoes."""
    captions = sorted(
        (_position_s(caption, f"{where}: caption {number}"), str(caption.get("text", "")))
        for number, caption in enumerate(_of(sample, "dense_captions", []), start=1)
    )
    starts = [start for start, _ in captions] + [MAX_HALF_S]
    return {
        str(number): (start, min(starts[number + 1], start + CAPTION_S), text)
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

"""Predictions as lists of frames: the JSON of E2E-Spot and T-DEED, and a CSV of the same content.

The JSON is a list of videos, `{"video": "<league>/<season>/<game>/half1", "fps": 2.0, "events":
[{"label": "Goal", "frame": 73, "score": 0.9}, …]}`, also compressed (`.json.gz`). T-DEED names a half
`half1`, E2E-Spot `1`. `fps` is the rate of the frames that are counted, after any stride; so an
event is at frame / fps seconds. The CSV has the columns video, label, frame, and score or confidence.
"""

import csv
import functools
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import InputError, quoted
from touchline.core.text_files import UnreadableError, check_regular, parse_json
from touchline.data.matches import slug
from touchline.data.spotting_json import SPOTS

SUFFIXES = (".json", ".json.gz", ".csv", ".csv.gz")
LARGEST_BYTES = 512 * 2**20  # the unsuppressed predictions of 100 games take some 200 MB
_VIDEO = re.compile(r"(?P<game>.+)/(?:half)?(?P<half>[1-4])(?:_\d+p|_HQ)?(?:\.\w{2,4})?")
_Event = tuple[float, str, float]  # time_s, label, confidence


def is_list(path: Path) -> bool:
    """Say whether a path of predictions is a list of frames, by its name and kind."""
    return path.name.lower().endswith(SUFFIXES) and not path.is_dir()


def read_spots(path: Path, match: str, fps: float | None) -> pl.DataFrame:
    """Return the spots of a match (columns `SPOTS`) from a list of frames.

    `fps` replaces the rate that the file gives. A video belongs to the match that `slug` makes of
    its game's folder. Raises `InputError` for a file that cannot be read, one without this match,
    one that has a half twice, and one without a rate.
    """
    halves = _halves(path, match, fps)
    if not halves:
        raise InputError(
            f"{path}: no video of {match}. It needs both halves of every match that is scored, and of "
            "those of the valid split with `threshold: tuned`; without these, set a number instead."
        )
    rows = [(half, *event) for half, events in halves.items() for event in events]
    return pl.DataFrame(rows, schema=SPOTS, orient="row")


def halves_of(path: Path, match: str, fps: float | None) -> set[int] | None:
    """Return the halves of a match that a list has; None for a CSV, where a half may have no rows."""
    return None if _is_csv(path) else set(_halves(path, match, fps))


def _is_csv(path: Path) -> bool:
    return ".csv" in path.name.lower()


def _halves(path: Path, match: str, fps: float | None) -> dict[int, list[_Event]]:
    status = path.stat() if path.exists() else None
    state = (status.st_mtime_ns, status.st_size) if status else (0, 0)
    return _by_match(path.absolute(), state, fps).get(match, {})


@functools.lru_cache(maxsize=2)
def _by_match(
    path: Path, state: tuple[int, int], fps: float | None
) -> dict[str, dict[int, list[_Event]]]:
    """Return the events of each half of each match in a file in a certain state."""
    videos: dict[tuple[str, int], str] = {}
    spots: dict[str, dict[int, list[_Event]]] = {}
    try:
        raw = _read(path)
        rows = _csv_rows(raw) if _is_csv(path) else _json_rows(parse_json(raw))
        for where, video, event, rate in rows:
            found = _VIDEO.fullmatch(str(video).replace("\\", "/"))
            if not found:
                raise InputError(
                    f"{path}: {where}: the video '{quoted(video)}' names no half. Write "
                    "<game>/half1 or <game>/1."
                )
            match, half = slug(found["game"]), int(found["half"])
            is_new = (match, half) not in videos
            first = videos.setdefault((match, half), video)
            if first != video or (event is None and not is_new):
                raise InputError(
                    f"{path}: {where}: the video '{quoted(video)}' is half {half} of {match}, which "
                    "the file has already. Keep one."
                )
            moments = spots.setdefault(match, {}).setdefault(half, [])
            if event is not None:
                moments.append(_event(event, fps or rate, f"{path}: {where}"))
    except (UnreadableError, csv.Error) as error:
        raise InputError(
            f"{path}: is no list of frames of E2E-Spot or T-DEED ({error}). Write it again."
        ) from error
    return spots


def _read(path: Path) -> bytes:
    check_regular(path)
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(str(error)) from error
    if len(raw) > LARGEST_BYTES:
        raise UnreadableError(f"it is over {LARGEST_BYTES} bytes; leave out improbable events")
    return raw


def _json_rows(content: Any) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield (where, video, event, fps) of each event, and a row without event for each video."""
    if not isinstance(content, list):
        raise UnreadableError("it is no list of videos")
    for number, video in enumerate(content, start=1):
        events = video.get("events") if isinstance(video, dict) else None
        if not isinstance(events, list):
            raise UnreadableError(f"video {number} has no list 'events'")
        yield f"video {number}", video.get("video"), None, None
        for place, event in enumerate(events, start=1):
            yield f"video {number}: event {place}", video.get("video"), event, video.get("fps")


def _csv_rows(raw: bytes) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield (where, video, event, fps) of each row of a CSV; `fps` may be a column."""
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8") from error
    if missing := {"video", "label", "frame"} - set(reader.fieldnames or ()):
        raise UnreadableError(f"it has no column {', '.join(sorted(missing))}")
    for row in reader:
        yield f"row {reader.line_num}", row["video"], row, row.get("fps")


def _event(event: Any, rate: Any, where: str) -> tuple[float, str, float]:
    """Return (time_s, label, confidence) of an event, which may be any JSON value."""
    try:
        fps = float(rate)
    except (TypeError, ValueError):
        fps = math.nan
    if not 0 < fps < math.inf:
        raise InputError(
            f"{where}: has no fps, the rate of the frames that are counted. Set `fps` of the model."
        )
    try:
        time_s, label = float(event["frame"]) / fps, event["label"]
        confidence = event["score"] if event.get("score") is not None else event["confidence"]
        confidence = float(confidence)
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(
            f"{where}: {quoted(repr(error))}. It needs label, frame, and score or confidence."
        ) from error
    is_text = isinstance(label, str) and label.isprintable()
    if not (is_text and 0 <= time_s <= MAX_HALF_S and 0 <= confidence <= 1):
        raise InputError(
            f"{where}: label '{quoted(label)}', {time_s} s, confidence {confidence}. Labels are text, "
            "times from 0 on, confidences from 0 to 1."
        )
    return time_s, label, confidence

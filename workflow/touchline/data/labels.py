"""Convert the labels of a match from SoccerNet's JSON to a table of events."""

import argparse
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from touchline.core import cli, schema
from touchline.core.problems import ROW_LEFT_OUT, Problem, quoted, raise_problems
from touchline.core.text_files import UnreadableError, read_json

_GAME_TIME = re.compile(r"\d{1,3} - (\d{1,3}):(\d{2})")


def read_labels(
    path: Path | str, match: str, durations_s: dict[int, float], actions: dict[str, str]
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the events of the halves in `durations_s` (columns `schema.LABELS`), and the problems.

    `durations_s` maps a half to the seconds of its video, `actions` SoccerNet's label to the
    study's action; any other label is a problem. An event's time is its `position`, in milliseconds
    from the start of the half's video. An event after the end of the video is in no chunk, so it is
    left out with a problem. A file whose positions are in seconds is not used.
    """
    unusable = partial(schema.unusable_file, schema.LABELS, match, "labels", path)
    try:
        annotations = _annotations(read_json(path))
    except UnreadableError as error:
        return unusable(
            f"is not SoccerNet's label JSON ({error}).",
            "Fetch or write the file again, or leave the cell empty to answer the match unscored.",
        )
    if 2 * sum(map(_is_in_seconds, annotations)) > len(annotations):
        return unusable(
            "the positions are those of gameTime in seconds.", "Write positions in milliseconds."
        )
    events, problems = [], []
    for row, annotation in enumerate(annotations, start=1):
        try:
            event = _event(annotation, durations_s, actions)
        except ValueError as error:
            text, remedy = error.args
            problems.append(
                Problem(match, "labels", text, remedy, ROW_LEFT_OUT, file=str(path), row=row)
            )
        else:
            events += [event] if event else []
    frame = pl.DataFrame(events, schema=schema.LABELS, orient="row")
    return frame.sort("half", "time_s", "label", maintain_order=True), problems


def _annotations(content: Any) -> list[dict]:
    """Return the annotations of a label file; raise `UnreadableError` where it has no list of them."""
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list):
        raise UnreadableError("it has no list 'annotations'")
    if not all(isinstance(annotation, dict) for annotation in annotations):
        raise UnreadableError("an annotation is no object")
    return annotations


def _is_in_seconds(annotation: dict) -> bool:
    """Return whether the position of a label is its gameTime in seconds, and not milliseconds."""
    time = _GAME_TIME.fullmatch(str(annotation.get("gameTime", "")))
    seconds = int(time[1]) * 60 + int(time[2]) if time else 0
    return seconds > 0 and str(annotation.get("position")) == str(seconds)


def _event(
    annotation: dict, durations_s: dict[int, float], actions: dict[str, str]
) -> tuple[int, float, str, str, str | None, str | None] | None:
    """Return an annotation as a row of `schema.LABELS`, or None if its half is not in the study.

    Raises ValueError with two arguments: the problem and the remedy.
    """
    try:
        json.dumps(annotation, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError(
            "it contains a lone surrogate (half a character).", "Correct it."
        ) from None
    except RecursionError:
        raise ValueError("it is nested too deeply.", "Correct it.") from None
    half_text = str(annotation.get("gameTime", "")).split(" - ")[0]
    if not (half_text.isdecimal() and len(half_text) <= 3):
        raise ValueError(
            f"gameTime '{quoted(annotation.get('gameTime'))}' names no half.",
            "Write it as '1 - 05:30'.",
        )
    half = int(half_text)
    if half not in durations_s:
        return None
    label = str(annotation.get("label", ""))
    if label not in actions:
        raise ValueError(
            f"unknown label '{quoted(label)}'.",
            "Correct it, or add it under labels: in the configuration.",
        )
    try:
        time_s = int(annotation["position"]) / 1000
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ValueError(
            f"position '{quoted(annotation.get('position'))}' is no whole number of milliseconds.",
            "Correct it.",
        ) from None
    if time_s < 0:
        raise ValueError(f"position {time_s} s is negative.", "Correct it.")
    if time_s > durations_s[half]:
        raise ValueError(
            f"{label} at {time_s} s is past the end of half {half} ({durations_s[half]} s).",
            "Correct the position, or the half's duration_s in the sheet.",
        )
    for name in ("team", "visibility"):
        if not isinstance(annotation.get(name), str | None):
            raise ValueError(f"{name} '{quoted(annotation[name])}' is no text.", "Correct it.")
    return half, time_s, actions[label], label, annotation.get("team"), annotation.get("visibility")


def main(argv: list[str]) -> None:
    """Write the events of one match."""
    parser = argparse.ArgumentParser(prog="touchline labels", description=__doc__)
    parser.add_argument("--match", required=True, help="the match's name, for messages")
    parser.add_argument("--file", type=Path, help="Labels-v2.json; without it there are no events")
    parser.add_argument(
        "--durations", type=cli.half_durations, required=True, metavar="JSON",
        help='seconds of each half in the study, such as \'{"1": 2700.0, "2": 2745.5}\'',
    )  # fmt: skip
    parser.add_argument(
        "--actions", type=cli.json_object({"type": "string"}), required=True, metavar="JSON",
        help='label → action, such as \'{"Corner": "corner"}\'',
    )  # fmt: skip
    parser.add_argument("--on-problem", choices=["set-aside", "stop"], default="set-aside")
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    args = parser.parse_args(argv)
    events = pl.DataFrame(schema=schema.LABELS)
    problems: list[Problem] = []
    if args.file:
        events, problems = read_labels(args.file, args.match, args.durations, args.actions)
    cli.report(problems)
    if args.on_problem == "stop":
        raise_problems(problems)
    schema.write(args.out, events, schema.LABELS, problems)

"""What the score bug of a video says: halves, goals, names and place; stored beside its readings.

The file is a Parquet table of the readings (columns `schema.READINGS`); halves, goals, names and place
are a JSON text in its metadata. Times are seconds of the video, whose first picture is time 0.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from touchline.core import schema
from touchline.core.clock import format_time, show
from touchline.core.problems import InputError, Problem
from touchline.video.grid import Box

Side = Literal["left", "right"]
SEEN_S = 25.0  # a change between readings this close was seen


@dataclass(frozen=True)
class HalfClock:
    """A half (1 or 2; 3 and 4 are extra time) as its match clock defines it.

    `start_s` is the kick-off: the time of the video at which the clock showed the start of the half
    (0:00, 45:00, 90:00, 105:00), or would have: it is negative where the video starts later. `end_s` is
    the last time at which the clock of this half was read. `slope` is seconds of the clock per second
    of the video, `readings` how many frames agree, `residual_s` the median of their distances.
    """

    half: int
    start_s: float
    end_s: float
    slope: float
    readings: int
    residual_s: float

    def describe(self) -> str:
        """Return one line on it, for people."""
        kick_off = format_time(self.start_s)
        if self.start_s < 0:
            kick_off = f"{format_time(-self.start_s)} before the video"
        return (
            f"half {self.half}: kick-off {kick_off}, clock last read at {format_time(self.end_s)} of the "
            f"video; {self.readings} readings, typically {self.residual_s:.1f} s off"
        )


@dataclass(frozen=True)
class ScoreGoal:
    """A change of the score by one: a goal of the team on one side of the score bug.

    `time_s` is the first frame with the new score, `earliest_s` the last frame before it with the old
    one; the change lies between them. `left` and `right` are the score after the goal; for stacked
    names the upper one is left. `confidence` (0 to 1) is low where few readings show the new score,
    or the change was not seen.
    """

    half: int
    time_s: float
    earliest_s: float
    side: Side
    left: int
    right: int
    confidence: float

    @property
    def before(self) -> tuple[int, int]:
        """The score, left and right, before the goal."""
        is_left = self.side == "left"
        return self.left - is_left, self.right - (not is_left)

    @property
    def was_seen(self) -> bool:
        """Whether the score bug was read all the time around the change."""
        return self.time_s - self.earliest_s < SEEN_S


@dataclass(frozen=True)
class Scoreboard:
    """What the score bug of a video says.

    `names` are the texts beside the score, left and right; `box` is the place of the score bug in
    pixels of the upright source picture. Both are None where they were not found.
    """

    halves: tuple[HalfClock, ...] = ()
    goals: tuple[ScoreGoal, ...] = ()
    names: tuple[str | None, str | None] = (None, None)
    box: Box | None = None
    problems: tuple[Problem, ...] = ()

    def describe(self) -> str:
        """Return what was found, for people: lines on the score bug, the halves and the goals."""
        lines = []
        if self.box is not None:
            x, y, width, height = self.box
            names = " and ".join(name for name in self.names if name)
            lines.append(
                f"score bug: {width} x {height} px, {x} px from the left and {y} px from the top"
                + (f"; names {names}" if names else "; no names were read")
            )
        starts_s = {half.half: half.start_s for half in self.halves}
        lines += [half.describe() for half in self.halves]
        for goal in self.goals:
            clock = show(goal.time_s - starts_s[goal.half], "match", goal.half, 0.0)
            name = self.names[goal.side == "right"] or f"the team on the {goal.side}"
            at = f"shown from {format_time(goal.time_s)} of the video (match clock {clock})"
            if not goal.was_seen:
                at += f", not yet at {format_time(goal.earliest_s)}, and not read between"
            lines.append(
                f"goal: {goal.left}-{goal.right}, {name}, {at}; confidence {goal.confidence:.2f}"
            )
        if self.halves and not self.goals:
            lines.append("no goal")
        return "\n".join(lines or ["nothing was found"])


def save(
    path: Path | str, readings: pl.DataFrame, board: Scoreboard, problems: Sequence[Problem] = ()
) -> None:
    """Write the readings (columns `schema.READINGS`) and what they say."""
    summary = {
        "halves": [dataclasses.asdict(half) for half in board.halves],
        "goals": [dataclasses.asdict(goal) for goal in board.goals],
        "names": list(board.names),
        "box": board.box and board.box._asdict(),
    }
    entry = {schema.SCOREBOARD_KEY: json.dumps(summary, sort_keys=True)}
    schema.write(path, readings, schema.READINGS, [*board.problems, *problems], entry)


def load(path: Path | str) -> Scoreboard:
    """Return what the score bug of a video says; raise `InputError` for a file of another kind."""
    problems = tuple(schema.read_problems(path))
    try:
        summary = json.loads(schema.read_metadata(path)[schema.SCOREBOARD_KEY])
        return Scoreboard(
            tuple(HalfClock(**half) for half in summary["halves"]),
            tuple(ScoreGoal(**goal) for goal in summary["goals"]),
            (summary["names"][0], summary["names"][1]),
            summary["box"] and Box(**summary["box"]),
            problems,
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: it is not what `touchline scoreboard` writes. Delete it; it is made again."
        ) from error

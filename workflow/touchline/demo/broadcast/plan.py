"""Who does what, where and when in a half: the script's events turned into ball and player paths.

Pitch coordinates in metres: x from the left goal line (0) to the right one (105), y from the far
touchline (0) to the near one (68), z up. Players are numbered 0-10 (home), 11-21 (away) and 22
(referee). Home plays to the right in the first half. Plays are written in the frame of a side:
`u` metres from its own goal line, `v` from its left touchline.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from touchline.demo.broadcast.script import AWAY, HOME, Event, Script, opponent

LENGTH_M, WIDTH_M = 105.0, 68.0
GOAL_V = WIDTH_M / 2
CENTRE = (LENGTH_M / 2, WIDTH_M / 2)
REFEREE = 22
NOBODY = -1

Point = tuple[float, float]


@dataclass(frozen=True)
class Knot:
    """The ball is at (x, y, z) at this time, `holder` beside it.

    On its way to the next knot it rises by `lift` metres in a parabola. `dead` says that nobody
    plays it before the next event's knots.
    """

    time_s: float
    x: float
    y: float
    z: float = 0.0
    lift: float = 0.0
    holder: int = NOBODY
    dead: bool = False


@dataclass(frozen=True)
class Move:
    """The players are at these points from `start_s` until `end_s`.

    They leave their formation as early as the way needs, but not before `leave_s`.
    """

    start_s: float
    end_s: float
    players: tuple[int, ...]
    points: tuple[Point, ...]
    leave_s: float = 0.0


@dataclass(frozen=True)
class Pose:
    """A player stands, lies or dives in this way instead of running."""

    start_s: float
    end_s: float
    player: int
    name: str


@dataclass(frozen=True)
class Cut:
    """The broadcast shows something else than the wide picture.

    `kind` is "close" (near `focus`), "board" (the fourth official) or "replay" (of `event`).
    """

    start_s: float
    end_s: float
    kind: str
    event: Event
    focus: Point = CENTRE


@dataclass
class Plan:
    """Everything that happens in a half, each list in order of time."""

    knots: list[Knot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)


def direction(side: str, half: int) -> int:
    """Return 1 where the side plays to the right, -1 where it plays to the left."""
    return 1 if (side == HOME) == (half % 2 == 1) else -1


def to_pitch(u: float, v: float, facing: int) -> Point:
    """Turn a point of a side's own frame into pitch coordinates."""
    return (u, v) if facing > 0 else (LENGTH_M - u, WIDTH_M - v)


def outfield(side: str) -> tuple[int, ...]:
    """Return the ten players of a side without its keeper."""
    return tuple(range(1, 11)) if side == HOME else tuple(range(12, 22))


def keeper(side: str) -> int:
    return 0 if side == HOME else 11


# A 4-4-2 in a side's own frame (u, v) with the ball in the middle of the pitch; the keeper first.
FORMATION: tuple[Point, ...] = (
    (6, 34), (27, 10), (25, 26), (25, 42), (27, 58), (46, 8), (43, 26), (43, 42), (46, 60),
    (61, 27), (59, 41),
)  # fmt: skip


def in_formation(place: int, ball_u: float, ball_v: float) -> Point:
    """Return where a side's player of this place stands when the ball is there (side's frame).

    Works on arrays of ball positions too.
    """
    u, v = FORMATION[place]
    drift_u, drift_v = (0.13, 0.1) if place == 0 else (0.55, 0.4)
    return u + drift_u * (ball_u - LENGTH_M / 2), v + drift_v * (ball_v - WIDTH_M / 2)


class Stage:
    """What a play needs to know: the event, its neighbours, places and players."""

    def __init__(self, script: Script, half: int):
        self.script, self.half = script, half
        self.rng = random.Random(f"plan {script.seed} {half}")
        self.playing = {side: list(script.team(side).players[:11]) for side in (HOME, AWAY)}
        self.events = script.of_half(half)
        self.spot: Point = CENTRE  # where the ball was last dead
        self.number = 0
        for event in script.events:
            if event.half < half:
                self._change(event)

    def enter(self, number: int) -> None:
        self.number = number
        self.event = self.events[number]
        self.time_s = self.event.time_s

    def leave(self) -> None:
        self._change(self.event)

    def _change(self, event: Event) -> None:
        if event.label == "Substitution":
            playing = self.playing[event.team]
            playing[playing.index(event.player)] = event.other

    def next(self, labels: Sequence[str], within_s: float) -> Event | None:
        """Return the first of these events that follows soon."""
        for event in self.events[self.number + 1 :]:
            if event.label in labels and event.time_s <= self.time_s + within_s:
                return event
        return None

    def previous(self, label: str, within_s: float) -> Event | None:
        """Return the event just before, where it has this label and was a moment ago."""
        before = self.events[self.number - 1] if self.number else None
        close = before and before.label == label and self.time_s - before.time_s <= within_s
        return before if close else None

    def at(self, u: float, v: float, side: str = "") -> Point:
        """Return pitch coordinates of a point in the frame of the event's side, or of `side`."""
        return to_pitch(u, v, direction(side or self.event.team, self.half))

    def frame(self, point: Point) -> Point:
        """Return a point of the pitch in the frame of the event's side; `at` turns it back."""
        return to_pitch(*point, direction(self.event.team, self.half))

    @property
    def actor(self) -> int:
        """Return the player who does it."""
        return self._player(self.event.team, self.event.player)

    @property
    def victim(self) -> int:
        """Return the event's other player, who plays for the other side."""
        return self._player(opponent(self.event.team), self.event.other)

    def _player(self, side: str, name: str) -> int:
        return self.playing[side].index(name) + keeper(side)

    def knot(self, after_s: float, point: Point, **how: float | bool) -> Knot:
        return Knot(self.time_s + after_s, *point, **how)

    def move(
        self,
        start_s: float,
        end_s: float,
        players: Sequence[int],
        points: Sequence[Point],
        leave_s: float = -30.0,
    ) -> Move:
        start_s, end_s, leave_s = (self.time_s + after_s for after_s in (start_s, end_s, leave_s))
        return Move(start_s, end_s, tuple(players), tuple(points), leave_s)

    def pose(self, start_s: float, end_s: float, player: int, name: str) -> Pose:
        return Pose(self.time_s + start_s, self.time_s + end_s, player, name)

    def cut(self, start_s: float, end_s: float, kind: str, focus: Point | None = None) -> Cut:
        shown = Cut(self.time_s + start_s, self.time_s + end_s, kind, self.event)
        return replace(shown, focus=focus) if focus else shown

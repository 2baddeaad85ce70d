"""Choreography of a half: key positions of ball and players, poses and camera cuts.

Pitch coordinates in metres: x from the left goal line (0) to the right one (105), y from the far
touchline (0) to the near one (68), z up. Players are numbered 0-10 (home), 11-21 (away) and 22
(referee). Home plays to the right in the first half. Plays use a side's own coordinates: `u` metres
from its own goal line, `v` from its left touchline.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from touchline.demo.broadcast.script import AWAY, HOME, Event, Script, opponent

LENGTH_M, WIDTH_M = 105.0, 68.0
GOAL_V = WIDTH_M / 2
CENTRE = (LENGTH_M / 2, WIDTH_M / 2)
REFEREE = 22
NOBODY = -1

Point = tuple[float, float]


@dataclass(frozen=True)
class Knot:
    """A key position of the ball: at (x, y, z) at this time, the player `holder` beside it.

    On its way to the next knot it rises by `lift` metres in a parabola. If `dead`, nobody plays it
    before the next event's knots.
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
    """Players who are at given points from `start_s` until `end_s`.

    They leave their formation as early as the distance requires, but not before `leave_s`.
    """

    start_s: float
    end_s: float
    players: tuple[int, ...]
    points: tuple[Point, ...]
    leave_s: float = 0.0


@dataclass(frozen=True)
class Pose:
    """A player's posture from `start_s` until `end_s`, where it is not running or standing.

    `name` is "dive", "down", "cheer" or "card".
    """

    start_s: float
    end_s: float
    player: int
    name: str


@dataclass(frozen=True)
class Cut:
    """A span in which the broadcast does not show the wide picture.

    `kind` is "close" (near `focus`), "board" (the fourth official) or "replay" (of `event`).
    """

    start_s: float
    end_s: float
    kind: str
    event: Event
    focus: Point = CENTRE


@dataclass
class Choreography:
    """All movements, poses and camera cuts of a half or of one play, each list in order of time."""

    knots: list[Knot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)


def direction(side: str, half: int) -> int:
    """Return 1 if the side plays to the right in this half, else -1."""
    return 1 if (side == HOME) == (half % 2 == 1) else -1


def to_pitch(u: float, v: float, facing: int) -> Point:
    """Convert a point between a side's own coordinates and those of the pitch, either way."""
    return (u, v) if facing > 0 else (LENGTH_M - u, WIDTH_M - v)


def outfield(side: str) -> tuple[int, ...]:
    """Return the ten players of a side without its keeper."""
    return tuple(range(1, 11)) if side == HOME else tuple(range(12, 22))


def keeper(side: str) -> int:
    """Return the number of a side's goalkeeper."""
    return 0 if side == HOME else 11


# A 4-4-2 in a side's own coordinates with the ball on the centre spot; the goalkeeper first.
FORMATION: tuple[Point, ...] = (
    (6, 34), (27, 10), (25, 26), (25, 42), (27, 58), (46, 8), (43, 26), (43, 42), (46, 60),
    (61, 27), (59, 41),
)  # fmt: skip


@overload
def in_formation(place: int, ball_u: float, ball_v: float) -> Point: ...
@overload
def in_formation(
    place: int, ball_u: np.ndarray, ball_v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]: ...
def in_formation(
    place: int, ball_u: float | np.ndarray, ball_v: float | np.ndarray
) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Return a player's position (u, v) in the formation, which shifts with the ball.

    `place` is the player's index in `FORMATION`; the ball's position is in the side's coordinates.
    """
    u, v = FORMATION[place]
    shift_u, shift_v = (0.13, 0.1) if place == 0 else (0.55, 0.4)
    return u + shift_u * (ball_u - LENGTH_M / 2), v + shift_v * (ball_v - WIDTH_M / 2)


class Stage:
    """The state from which a play is choreographed: the current event, its neighbours, the players.

    `spot` is where the ball was last dead, `playing` the names of who is on the pitch. The methods
    that make knots, moves, poses and cuts take times in seconds from the event.
    """

    def __init__(self, script: Script, half: int) -> None:
        self.script, self.half = script, half
        self.rng = random.Random(f"plan {script.seed} {half}")
        self.playing = {side: list(script.team(side).players[:11]) for side in (HOME, AWAY)}
        self.events = script.of_half(half)
        self.spot: Point = CENTRE
        self.number = 0
        for event in script.events:
            if event.half < half:
                self._substitute(event)

    def enter(self, number: int) -> None:
        """Make an event of the half the current one."""
        self.number = number
        self.event = self.events[number]
        self.time_s = self.event.time_s

    def leave(self) -> None:
        """End the current event: after a substitution, the new player is on the pitch."""
        self._substitute(self.event)

    def _substitute(self, event: Event) -> None:
        if event.label == "Substitution":
            playing = self.playing[event.team]
            playing[playing.index(event.player)] = event.other

    def next(self, labels: Sequence[str], within_s: float) -> Event | None:
        """Return the first event with one of these labels in the next `within_s` seconds."""
        for event in self.events[self.number + 1 :]:
            if event.label in labels and event.time_s <= self.time_s + within_s:
                return event
        return None

    def previous(self, label: str, within_s: float) -> Event | None:
        """Return the event just before if it has this label and is at most `within_s` s ago."""
        if not self.number:
            return None
        before = self.events[self.number - 1]
        is_close = before.label == label and self.time_s - before.time_s <= within_s
        return before if is_close else None

    def at(self, u: float, v: float, side: str = "") -> Point:
        """Return the pitch coordinates of a point (u, v) of the event's side, or of `side`."""
        return to_pitch(u, v, direction(side or self.event.team, self.half))

    def frame(self, point: Point) -> Point:
        """Return the (u, v) of a point of the pitch for the event's side; the inverse of `at`."""
        return to_pitch(*point, direction(self.event.team, self.half))

    @property
    def actor(self) -> int:
        """The number of the event's player."""
        return self._player(self.event.team, self.event.player)

    @property
    def victim(self) -> int:
        """The number of the event's other player, who plays for the other side."""
        return self._player(opponent(self.event.team), self.event.other)

    def _player(self, side: str, name: str) -> int:
        return self.playing[side].index(name) + keeper(side)

    def knot(
        self,
        after_s: float,
        point: Point,
        z: float = 0.0,
        lift: float = 0.0,
        holder: int = NOBODY,
        dead: bool = False,
    ) -> Knot:
        """Return a key position of the ball."""
        return Knot(self.time_s + after_s, *point, z, lift, holder, dead)

    def move(
        self,
        start_s: float,
        end_s: float,
        players: Sequence[int],
        points: Sequence[Point],
        leave_s: float = -30.0,
    ) -> Move:
        """Return a move of players to one point each."""
        start_s, end_s, leave_s = (self.time_s + after_s for after_s in (start_s, end_s, leave_s))
        return Move(start_s, end_s, tuple(players), tuple(points), leave_s)

    def pose(self, start_s: float, end_s: float, player: int, name: str) -> Pose:
        """Return a pose of a player."""
        return Pose(self.time_s + start_s, self.time_s + end_s, player, name)

    def cut(self, start_s: float, end_s: float, kind: str, focus: Point = CENTRE) -> Cut:
        """Return a camera cut that belongs to the current event."""
        return Cut(self.time_s + start_s, self.time_s + end_s, kind, self.event, focus)

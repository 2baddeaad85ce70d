"""Who does what, where and when in a half: the script's events turned into ball and player paths.

Pitch coordinates in metres: x from the left goal line (0) to the right one (105), y from the far
touchline (0) to the near one (68), z up. Players are numbered 0-10 (home), 11-21 (away) and 22
(referee). Home plays to the right in the first half. Plays are written in the frame of a side:
`u` metres from its own goal line, `v` from its left touchline.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from touchline.broadcast.script import AWAY, HOME, Event, Script, opponent

LENGTH_M, WIDTH_M = 105.0, 68.0
GOAL_V = WIDTH_M / 2
CENTRE = (LENGTH_M / 2, WIDTH_M / 2)
REFEREE = 22
NOBODY = -1
_FASTEST_M_S = 35.0  # how fast a ball flies
_CARRY_M_S = 8.0  # how fast it is carried back
_APART_S = 0.4  # between the knots of two plays

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

    def knot(self, after_s: float, point: Point, **how: float) -> Knot:
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


def make_plan(script: Script, half: int, plays: dict[str, Callable[[Stage], Plan]]) -> Plan:
    """Plan a half: each event's play, and passes in the open play between them."""
    stage = Stage(script, half)
    parts = []
    for number, event in enumerate(stage.events):
        stage.enter(number)
        parts.append(plays[event.label](stage))
        stage.leave()
    whole = Plan()
    for number, (event, part) in enumerate(zip(stage.events, parts, strict=True)):
        earliest = stage.events[number - 1].time_s + 0.05 if number else 0.0
        latest = script.half_s
        if number + 1 < len(parts):
            following_s = _first_time(parts[number + 1], event.time_s)
            latest = max(following_s - _APART_S, event.time_s + 0.01)
        kept = [knot for knot in part.knots if earliest <= knot.time_s < latest]
        kept = _reachable(whole.knots, kept, event.time_s)
        whole.knots += _open_play(stage, whole.knots, kept) + kept
        whole.moves += part.moves
        whole.poses += part.poses
        whole.cuts += _uncrowded(part.cuts, stage.events[number + 1 :])
    end = [Knot(script.half_s + 1, *CENTRE)]
    whole.knots += _open_play(stage, whole.knots, end) + end
    return whole


def _reachable(before: list[Knot], kept: list[Knot], event_s: float) -> list[Knot]:
    """Leave out knots that lead up to an event where the ball cannot come in time."""
    while before and kept and kept[0].time_s < event_s:
        way_m = math.hypot(kept[0].x - before[-1].x, kept[0].y - before[-1].y)
        if way_m <= _FASTEST_M_S * (kept[0].time_s - before[-1].time_s):
            break
        kept = kept[1:]
    return kept


def _first_time(part: Plan, after_s: float) -> float:
    return min(knot.time_s for knot in part.knots if knot.time_s > after_s)


def _uncrowded(cuts: list[Cut], later: Sequence[Event]) -> list[Cut]:
    """Shorten cuts that would hide the next event; leave out what is then too short to see."""
    until_s = min(
        (event.time_s - 1.2 for event in later if event.visibility == "visible"), default=1e9
    )
    shortened = [replace(cut, end_s=min(cut.end_s, max(until_s, cut.event.time_s))) for cut in cuts]
    return [cut for cut in shortened if cut.end_s - cut.start_s >= 1]


def _open_play(stage: Stage, before: list[Knot], after: list[Knot]) -> list[Knot]:
    """Pass the ball about from the last knot before to the first one after."""
    if not before or not after:
        return []
    if before[-1].dead:
        return [_left_lying(before[-1], after[0])]
    rng = stage.rng
    now, goal = before[-1], after[0]
    side = rng.choice((HOME, AWAY))
    knots: list[Knot] = []
    while goal.time_s - now.time_s > 4.5:
        if rng.random() < 0.2:
            side = opponent(side)
        flight_s, dribble_s = rng.uniform(0.7, 1.3), rng.uniform(0.5, 1.6)
        left = max(1.0, (goal.time_s - now.time_s) / (flight_s + dribble_s))
        ahead = direction(side, stage.half) * rng.uniform(-6, 13)
        x = _between(now.x + ahead + (goal.x - now.x) / left, 8, LENGTH_M - 8)
        y = _between(now.y + rng.uniform(-16, 16) + (goal.y - now.y) / left, 4, WIDTH_M - 4)
        far = abs(x - now.x) + abs(y - now.y) > 26
        if knots:
            knots[-1] = replace(knots[-1], lift=4.0 if far else 0.0)
        holder = _nearest(stage, side, x, y, now.holder)
        received = Knot(now.time_s + flight_s, x, y, holder=holder)
        x = _between(x + direction(side, stage.half) * rng.uniform(-1, 5), 8, LENGTH_M - 8)
        now = Knot(received.time_s + dribble_s, x, y, holder=holder)
        knots += [received, now]
    return knots


def _left_lying(dead: Knot, after: Knot) -> Knot:
    """Return the knot until which a dead ball lies, before someone carries it to the next one."""
    carry_s = math.hypot(after.x - dead.x, after.y - dead.y) / _CARRY_M_S
    return replace(dead, time_s=max(dead.time_s, after.time_s - carry_s))


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


def _nearest(stage: Stage, side: str, x: float, y: float, not_this: int) -> int:
    """Return the outfield player of the side whose place in the formation is nearest to (x, y)."""
    u, v = to_pitch(x, y, direction(side, stage.half))

    def distance(player: int) -> float:
        place_u, place_v = in_formation(player - keeper(side), u, v)
        return (place_u - u) ** 2 + (place_v - v) ** 2

    return min((player for player in outfield(side) if player != not_this), key=distance)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)

"""Choreography of a whole half: the plays of its events in sequence, and passes between them."""

import math
from collections.abc import Sequence
from dataclasses import replace

from touchline.demo.broadcast.plan import (
    CENTRE,
    LENGTH_M,
    WIDTH_M,
    Choreography,
    Cut,
    Knot,
    Stage,
    direction,
    in_formation,
    keeper,
    outfield,
    to_pitch,
)
from touchline.demo.broadcast.plays import PLAYS
from touchline.demo.broadcast.script import AWAY, HOME, Event, Script, opponent

_FASTEST_M_S = 35.0  # speed of a kicked ball
_CARRY_M_S = 8.0  # speed at which a dead ball is carried
_PLAY_GAP_S = 0.4  # between the knots of two plays


def choreograph(script: Script, half: int) -> Choreography:
    """Choreograph a half: each event's play, and passes in the open play between them."""
    stage = Stage(script, half)
    parts = []
    for number, event in enumerate(stage.events):
        stage.enter(number)
        parts.append(PLAYS[event.label](stage))
        stage.leave()
    whole = Choreography()
    for number, (event, part) in enumerate(zip(stage.events, parts, strict=True)):
        earliest = stage.events[number - 1].time_s + 0.05 if number else 0.0
        latest = script.half_s
        if number + 1 < len(parts):
            following_s = _first_time(parts[number + 1], event.time_s)
            latest = max(following_s - _PLAY_GAP_S, event.time_s + 0.01)
        kept = [knot for knot in part.knots if earliest <= knot.time_s < latest]
        kept = _reachable(whole.knots, kept, event.time_s)
        whole.knots += _open_play(stage, whole.knots, kept) + kept
        whole.moves += part.moves
        whole.poses += part.poses
        whole.cuts += _shorten_cuts(part.cuts, stage.events[number + 1 :])
    end = [Knot(script.half_s + 1, *CENTRE)]
    whole.knots += _open_play(stage, whole.knots, end) + end
    return whole


def _reachable(before: list[Knot], kept: list[Knot], event_s: float) -> list[Knot]:
    """Drop the first knots before an event to which the ball cannot get in time."""
    while before and kept and kept[0].time_s < event_s:
        way_m = math.hypot(kept[0].x - before[-1].x, kept[0].y - before[-1].y)
        if way_m <= _FASTEST_M_S * (kept[0].time_s - before[-1].time_s):
            break
        kept = kept[1:]
    return kept


def _first_time(part: Choreography, after_s: float) -> float:
    """Return the time of a play's first knot after `after_s`."""
    return min(knot.time_s for knot in part.knots if knot.time_s > after_s)


def _shorten_cuts(cuts: list[Cut], later: Sequence[Event]) -> list[Cut]:
    """Shorten cuts that would hide the next event; drop those that are then shorter than 1 s."""
    visible_s = (event.time_s - 1.2 for event in later if event.visibility == "visible")
    until_s = next(visible_s, math.inf)
    shortened = [replace(cut, end_s=min(cut.end_s, max(until_s, cut.event.time_s))) for cut in cuts]
    return [cut for cut in shortened if cut.end_s - cut.start_s >= 1]


def _open_play(stage: Stage, before: list[Knot], after: list[Knot]) -> list[Knot]:
    """Return the knots of passes and dribbles from the last knot before to the first one after."""
    if not before or not after:
        return []
    if before[-1].dead:
        return [_extend_dead_ball(before[-1], after[0])]
    rng = stage.rng
    now, target = before[-1], after[0]
    side = rng.choice((HOME, AWAY))
    knots: list[Knot] = []
    while target.time_s - now.time_s > 4.5:
        if rng.random() < 0.2:
            side = opponent(side)
        flight_s, dribble_s = rng.uniform(0.7, 1.3), rng.uniform(0.5, 1.6)
        left = max(1.0, (target.time_s - now.time_s) / (flight_s + dribble_s))
        ahead = direction(side, stage.half) * rng.uniform(-6, 13)
        x = _clamp(now.x + ahead + (target.x - now.x) / left, 8, LENGTH_M - 8)
        y = _clamp(now.y + rng.uniform(-16, 16) + (target.y - now.y) / left, 4, WIDTH_M - 4)
        far = abs(x - now.x) + abs(y - now.y) > 26
        if knots:
            knots[-1] = replace(knots[-1], lift=4.0 if far else 0.0)
        holder = _nearest(stage, side, x, y, now.holder)
        received = Knot(now.time_s + flight_s, x, y, holder=holder)
        x = _clamp(x + direction(side, stage.half) * rng.uniform(-1, 5), 8, LENGTH_M - 8)
        now = Knot(received.time_s + dribble_s, x, y, holder=holder)
        knots += [received, now]
    return knots


def _extend_dead_ball(dead: Knot, after: Knot) -> Knot:
    """Return the last knot of a dead ball: it lies until someone must carry it to the next knot."""
    carry_s = math.hypot(after.x - dead.x, after.y - dead.y) / _CARRY_M_S
    return replace(dead, time_s=max(dead.time_s, after.time_s - carry_s))


def _nearest(stage: Stage, side: str, x: float, y: float, excluded: int) -> int:
    """Return the outfield player, not `excluded`, with the formation position nearest to (x, y)."""
    u, v = to_pitch(x, y, direction(side, stage.half))

    def distance(player: int) -> float:
        place_u, place_v = in_formation(player - keeper(side), u, v)
        return (place_u - u) ** 2 + (place_v - v) ** 2

    return min((player for player in outfield(side) if player != excluded), key=distance)


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)

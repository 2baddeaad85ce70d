"""When the score bug of an invented match is on the screen, and which score it shows.

An advertisement that moves the bug, and a black-out, lie where no event is shown.
"""

import itertools
import random
from functools import lru_cache
from typing import NamedTuple

from touchline.demo.broadcast.motion import motion
from touchline.demo.broadcast.script import HOME, Event, Script
from touchline.demo.drawing.looks import Look
from touchline.demo.drawing.overlays import WIPE_S

_SLIDE_S = 0.5  # in which an advertisement comes and goes
# Seconds after an event and before the next in which the pictures show neither of them.
_AFTER_S, _BEFORE_S, _SHORTEST_S = 6.0, 5.0, 2.0

Span = tuple[float, float]  # start and end, seconds of the half


class BugState(NamedTuple):
    """The score that the bug shows, its opacity, how far an advertisement is in, a black-out."""

    score: tuple[int, int]
    opacity: float
    advert: float
    is_black: bool


def state_at(script: Script, look: Look, half: int, time_s: float) -> BugState:
    """Return the state of the bug at a time of a half."""
    opacity = presence((look.appears_s, float("inf")), time_s, look.fade_s)
    for span in () if look.in_replays else replays(script, half):
        opacity = min(opacity, 1 - presence(span, time_s, look.fade_s))
    adverts, black_outs = interruptions(script, look, half)
    return BugState(
        _score(script, look, half, time_s),
        opacity,
        max((presence(span, time_s, _SLIDE_S) for span in adverts), default=0.0),
        any(start_s <= time_s < end_s for start_s, end_s in black_outs),
    )


def changes_s(script: Script, look: Look, goal: Event) -> float:
    """Return when the bug's score changes after a goal, in seconds of the half."""
    rng = random.Random(f"score {script.seed} {goal.half} {goal.time_ms}")
    return goal.time_s + rng.uniform(*look.score_delay_s)


def first_shown_s(script: Script, look: Look, goal: Event) -> float:
    """Return when the changed score is first on the screen, in seconds of the half."""
    time_s = changes_s(script, look, goal)
    edges_s = [edge_s for span in replays(script, goal.half) for edge_s in span]
    while state_at(script, look, goal.half, time_s).opacity < 1 or any(
        abs(time_s - edge_s) < WIPE_S for edge_s in edges_s
    ):
        time_s += 0.1
    return time_s


@lru_cache(maxsize=64)
def replays(script: Script, half: int) -> tuple[Span, ...]:
    """Return the spans of a half in which replays are shown."""
    cuts = motion(script, half).choreography.cuts
    return tuple((cut.start_s, cut.end_s) for cut in cuts if cut.kind == "replay")


@lru_cache(maxsize=64)
def interruptions(
    script: Script, look: Look, half: int
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return the spans of a half with an advertisement, and those that are black.

    They are in the middles of the longest spans without an event, as far as those are long enough.
    """
    free = _eventless(script, half)
    spans: list[tuple[Span, ...]] = []
    for length_s in (look.advert_s, look.black_out_s):
        start_s, end_s = free.pop(0) if length_s and free else (0.0, 0.0)
        spare_s = max(0.0, end_s - start_s - length_s) / 2
        span = (start_s + spare_s, end_s - spare_s)
        spans.append((span,) if span[1] - span[0] >= _SHORTEST_S else ())
    return spans[0], spans[1]


def _eventless(script: Script, half: int) -> list[Span]:
    """Return the spans in which no event, and nothing that follows a goal, is shown; longest first."""
    events = script.of_half(half)
    spans = [
        (event.time_s + _AFTER_S, following.time_s - _BEFORE_S)
        for event, following in itertools.pairwise(events)
        if event.label != "Goal"
    ]
    return sorted(spans, key=lambda span: span[0] - span[1])


def presence(span: Span, time_s: float, slide_s: float) -> float:
    """Return 1 in a span, and less in the `slide_s` before and after it, down to 0."""
    away_s = max(span[0] - time_s, time_s - span[1])
    if away_s <= 0:
        return 1.0
    return max(0.0, 1 - away_s / slide_s) if slide_s else 0.0


@lru_cache(maxsize=64)
def _changes(script: Script, look: Look, half: int) -> tuple[tuple[float, str], ...]:
    goals = [event for event in script.of_half(half) if event.label == "Goal"]
    return tuple((changes_s(script, look, goal), goal.team) for goal in goals)


def _score(script: Script, look: Look, half: int, time_s: float) -> tuple[int, int]:
    """Return the goals (home, away) that the bug shows."""
    sides = [side for change_s, side in _changes(script, look, half) if change_s <= time_s]
    before = script.score(half - 1) if half > 1 else (0, 0)
    home = sides.count(HOME)
    return before[0] + home, before[1] + len(sides) - home

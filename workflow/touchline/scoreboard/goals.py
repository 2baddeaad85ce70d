"""Goals from readings of the score: the most probable course of each side's number, and its rises.

A number rises by one at a goal and falls where a goal is taken back (video assistant). The course is
the path of least cost (Viterbi) where a reading that differs costs its weight, and each change what
the constants say; so one misread digit, or two, change nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from touchline.scoreboard.result import SEEN_S, ScoreGoal, Side

MOST = 20  # goals of one side
# Costs of a rise by one, of each further one (where the score was not seen meanwhile), of each fall.
_RISE, _FURTHER, _FURTHER_UNSEEN, _FALL = 2.0, 2.5, 0.5, 3.0
_NOT_ZERO = 1.0  # cost of a score at the start that is not 0
_DOUBTFUL = 0.5  # weight of a reading that is worth a closer look
_SUPPORT = 6  # readings after a change that its confidence is computed from


class ScoreReading(NamedTuple):
    """The score in a frame: the number and its weight (0 to 1) of each side, None where not read."""

    time_s: float
    half: int
    left: int | None
    right: int | None
    left_weight: float = 1.0
    right_weight: float = 1.0


def find_course(
    values: Sequence[int | None],
    weights: Sequence[float],
    times_s: Sequence[float] | None = None,
) -> np.ndarray:
    """Return the most probable number at each reading, (N,) int.

    With `times_s`, a rise by two costs little more than one after a stretch without a reading.
    """
    unseen = _after_gaps(values, times_s) if times_s is not None else np.zeros(len(values), bool)
    states = np.arange(MOST + 1)
    steps = states[None, :] - states[:, None]  # (from, to)
    seen_change, unseen_change = (
        np.where(steps > 0, _RISE + further * (steps - 1), -_FALL * steps)
        for further in (_FURTHER, _FURTHER_UNSEEN)
    )
    cost = np.where(states == 0, 0.0, _NOT_ZERO)
    came_from = np.zeros((len(values), MOST + 1), int)
    for k, (value, weight) in enumerate(zip(values, weights, strict=True)):
        if k:
            total = cost[:, None] + (unseen_change if unseen[k] else seen_change)
            came_from[k] = total.argmin(axis=0)
            cost = total.min(axis=0)
        if value is not None:
            cost = cost + np.where(states == value, 0.0, weight)
    course = np.zeros(len(values), int)
    if len(values):
        course[-1] = int(cost.argmin())
        for k in range(len(values) - 1, 0, -1):
            course[k - 1] = came_from[k, course[k]]
    return course


def _after_gaps(values: Sequence[int | None], times_s: Sequence[float]) -> np.ndarray:
    """Return which readings are the first after a stretch without one, (N,) bool."""
    after, last_s = np.zeros(len(values), bool), None
    for k, value in enumerate(values):
        if value is not None:
            after[k] = last_s is not None and times_s[k] - last_s > SEEN_S
            last_s = times_s[k]
    return after


def changes(readings: Sequence[ScoreReading]) -> list[tuple[float, float]]:
    """Return the spans (last reading before, first after) of all changes of either number."""
    spans = set()
    for values, weights in _sides(readings):
        course = find_course(values, weights, [r.time_s for r in readings])
        for k in np.flatnonzero(np.diff(course)) + 1:
            spans.add(_span(readings, values, course, int(k)))
    return sorted(spans)


def doubts(readings: Sequence[ScoreReading]) -> list[tuple[float, float]]:
    """Return the spans around readings that differ from the course: misread, or of a short score."""
    spans = set()
    for values, weights in _sides(readings):
        course = find_course(values, weights, [r.time_s for r in readings])
        for k, (value, weight) in enumerate(zip(values, weights, strict=True)):
            if value is not None and value != course[k] and weight >= _DOUBTFUL:
                before, after = readings[max(0, k - 1)], readings[min(len(values) - 1, k + 1)]
                spans.add((before.time_s, after.time_s))
    return sorted(spans)


def find_goals(readings: Sequence[ScoreReading]) -> list[ScoreGoal]:
    """Return the goals of readings in the order of the match.

    A rise that is taken back later is no goal. A score that is there at the first reading is of goals
    before it, which are not returned.
    """
    found: list[tuple[int, int, Side, tuple[float, float], float]] = []
    courses = []
    sides: tuple[Side, Side] = ("left", "right")
    for side, (values, weights) in zip(sides, _sides(readings), strict=True):
        course = find_course(values, weights, [r.time_s for r in readings])
        courses.append(course)
        if not len(course):
            continue
        for number in range(course[0] + 1, course.max() + 1):
            below = np.flatnonzero(course < number)
            first = int(below[-1]) + 1
            if first == len(course):
                continue  # taken back
            rise = int(course[first] - course[first - 1])
            span = _span(readings, values, course, first)
            confidence = _confidence(values, weights, course, first, span) / rise
            found.append((first, number, side, span, confidence))
    goals = []
    for first, number, side, (earliest_s, time_s), confidence in sorted(
        found, key=lambda goal: (goal[3][1], goal[0], goal[1])
    ):
        index = {"left": 0, "right": 1}[side]
        score = [int(course[first]) for course in courses]
        score[index] = number
        half = next(r.half for r in readings if r.time_s == earliest_s)
        goals.append(ScoreGoal(half, time_s, earliest_s, side, score[0], score[1], confidence))
    return goals


def _sides(
    readings: Sequence[ScoreReading],
) -> list[tuple[list[int | None], list[float]]]:
    return [
        ([r.left for r in readings], [r.left_weight for r in readings]),
        ([r.right for r in readings], [r.right_weight for r in readings]),
    ]


def _span(
    readings: Sequence[ScoreReading], values: Sequence[int | None], course: np.ndarray, k: int
) -> tuple[float, float]:
    """Return the times of the last reading before the change at reading k and the first after it."""
    before = next((i for i in range(k - 1, -1, -1) if values[i] == course[i]), k - 1)
    after = next((i for i in range(k, len(values)) if values[i] == course[i]), k)
    return readings[before].time_s, readings[after].time_s


def _confidence(
    values: Sequence[int | None],
    weights: Sequence[float],
    course: np.ndarray,
    first: int,
    span: tuple[float, float],
) -> float:
    """Return how sure a change is: the share of readings near it that agree, less where unseen."""
    near = [
        k
        for k in (*range(max(0, first - _SUPPORT), first), *range(first, first + 2 * _SUPPORT))
        if k < len(values) and values[k] is not None
    ]
    weight = sum(weights[k] for k in near) + 0.3
    agreeing = sum(weights[k] for k in near if values[k] == course[k])
    seen = 1.0 if span[1] - span[0] <= SEEN_S else 0.9
    return float(min(1.0, agreeing / weight * seen))

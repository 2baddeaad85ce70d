"""Joining of the goals that the score shows with a model's answers.

The score decides whether there was a goal: a score that changes and stays is one, and where the score
was read before and after a moment without a change, an answer "goal" is none. When it was is told by
the model's answer before the change, as the score bug is changed some seconds after the ball is in the
net; without such an answer the moment is estimated from the change alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from touchline.core import schema
from touchline.core.clock import show
from touchline.core.intervals import INTERVAL_S
from touchline.models.scoreboard import GOAL, LAG_S
from touchline.reels.hits import written_score

# The score bug showed the goals of a broadcast of 2014 3 to 18 s after the ball was in the net.
LEAST_LAG_S, MOST_LAG_S = 3.0, 18.0
# An answer tells when a goal was from this confidence on, and if it is at most this much outside of the
# time that these lags leave (benchmarks/goal_moments.py has the errors).
LEAST_CONFIDENCE, SLACK_S = 0.1, 5.0
# A goal whose time is not known better than this may be outside of its clip.
LONG_UNSEEN_S = 30.0


@dataclass(frozen=True)
class SeenGoal:
    """A goal that the score shows, in seconds of its half.

    The old score was last seen at `earliest_s`, the new one first at `time_s`. `team` is home or
    away; `before` and `after` are the scores, home first.
    """

    half: int
    earliest_s: float
    time_s: float
    team: str
    before: tuple[int, int]
    after: tuple[int, int]
    confidence: float


@dataclass(frozen=True)
class Covered:
    """A stretch of a half, in seconds of it, in which a change of the score would have been seen."""

    half: int
    start_s: float
    end_s: float


# Those of answers, and what the score tells of a goal (`hits.EVIDENCE_COLUMNS`).
JOINED = pl.Schema(
    {name: kind for name, kind in schema.ANSWERS.items() if name != "counted"}
    | dict.fromkeys(("score_before", "score_after", "team"), pl.String())
)


def join(
    answers: pl.DataFrame,
    goals: Sequence[SeenGoal],
    covered: Sequence[Covered],
    durations_s: Mapping[int, float],
    match: str,
    threshold: float = 0.0,
) -> tuple[pl.DataFrame, list[str]]:
    """Return the answers with the goals of the score (columns `JOINED`), and messages for the user.

    `answers` are a model's intervals of all actions (match, half, chunk, action, start_s, end_s,
    confidence), without a threshold. Those that say "goal" are used up by the goals of the score,
    left out where the score did not change, and kept elsewhere if they reach the `threshold`; others
    are kept.
    """
    rows = list(answers.iter_rows(named=True))
    spoken = [row for row in rows if row["action"] == GOAL]
    joined: list[dict[str, object]] = [row for row in rows if row["action"] != GOAL]
    used: set[int] = set()
    hidden: list[SeenGoal] = []
    for goal in goals:
        near = [
            number
            for number, row in enumerate(spoken)
            if number not in used and _tells_when(row, goal)
        ]
        best = max(near, key=lambda number: _confidence(spoken[number]), default=None)
        if best is not None:
            used.add(best)
        answer = None if best is None else spoken[best]
        if answer is None and goal.time_s - goal.earliest_s > LONG_UNSEEN_S:
            hidden.append(goal)
        joined.append(_goal_row(goal, answer, durations_s[goal.half], match))
    denied = 0
    for number, row in enumerate(spoken):
        if number in used:
            continue
        if any(_contains(stretch, row) for stretch in covered):
            denied += _confidence(row) >= threshold
        elif _confidence(row) >= threshold:
            joined.append(row)
    table = pl.DataFrame(joined, schema=JOINED).sort("half", "start_s", "action")
    return table, _messages(goals, hidden, len(used), denied)


def _messages(
    goals: Sequence[SeenGoal], hidden: Sequence[SeenGoal], confirmed: int, denied: int
) -> list[str]:
    messages = []
    if goals:
        by_model = f"; the model confirms {confirmed}" if confirmed else ""
        halves = Counter(goal.half for goal in goals)
        each = ", ".join(f"{count} in half {half}" for half, count in sorted(halves.items()))
        messages.append(f"Goals that the score shows: {each}{by_model}.")
    for goal in hidden:
        first, last = (
            show(time_s, "match", goal.half, 0.0) for time_s in (goal.earliest_s, goal.time_s)
        )
        messages.append(
            f"The goal to {written_score(goal.after)} was between {first} and {last}, while the "
            "score could not be read: its clip may not show it."
        )
    if denied:
        messages.append(
            f"Answers of the model that are no goals by the score, and are left out: {denied}."
        )
    return messages


def _middle(row: Mapping[str, Any]) -> float:
    return (row["start_s"] + row["end_s"]) / 2


def _confidence(row: Mapping[str, Any]) -> float:
    """Return the confidence of an answer; one without any is certain, as in reels."""
    return 1.0 if row["confidence"] is None else row["confidence"]


def _tells_when(row: Mapping[str, Any], goal: SeenGoal) -> bool:
    """Say whether an answer fits to a goal that the score shows, and is sure enough."""
    earliest_s, latest_s = goal.earliest_s - MOST_LAG_S - SLACK_S, goal.time_s + SLACK_S
    is_near = row["half"] == goal.half and earliest_s <= _middle(row) <= latest_s
    return is_near and _confidence(row) >= LEAST_CONFIDENCE


def _contains(stretch: Covered, row: Mapping[str, Any]) -> bool:
    return row["half"] == stretch.half and stretch.start_s <= _middle(row) <= stretch.end_s


def _goal_row(
    goal: SeenGoal, answer: Mapping[str, Any] | None, duration_s: float, match: str
) -> dict[str, object]:
    """Return the row of a goal: its moment from the answer where there is one.

    Its confidence is that of two independent witnesses: 1 - (1 - p)(1 - q).
    """
    latest_s = goal.time_s - LEAST_LAG_S
    if answer is None:
        moment_s, confidence = goal.time_s - LAG_S, goal.confidence
        # Unseen for a while: the interval is as long as the time in which the goal may be.
        start_s = min(moment_s - INTERVAL_S / 2, goal.earliest_s - LAG_S)
        end_s = moment_s + INTERVAL_S / 2
    else:
        moment_s = min(_middle(answer), latest_s)
        start_s, end_s = moment_s - INTERVAL_S / 2, moment_s + INTERVAL_S / 2
        confidence = 1 - (1 - goal.confidence) * (1 - _confidence(answer))
    start_s = max(0.0, start_s)
    return {
        "match": match,
        "half": goal.half,
        "chunk": None,
        "action": GOAL,
        "start_s": start_s,
        "end_s": max(start_s + 1.0, min(end_s, duration_s)),
        "confidence": confidence,
        "score_before": written_score(goal.before),
        "score_after": written_score(goal.after),
        "team": goal.team,
    }

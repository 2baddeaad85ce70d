"""What `touchline scoreboard` says against what is true about an invented broadcast."""

from typing import NamedTuple

from touchline.demo.broadcast.script import HOME
from touchline.demo.drawing.broadcast_film import Truth
from touchline.scoreboard.result import Scoreboard

_LATE_S = 2.0  # of the first frame with a new score that was read, from when it was shown


class Comparison(NamedTuple):
    """Largest error of a kick-off (s; None where halves differ), goals: true, found, false."""

    kick_off_error_s: float | None
    goals: int
    found: int
    false: int


def compare(board: Scoreboard, truth: Truth) -> Comparison:
    """Return how a scoreboard differs from the truth.

    A goal is found where half, side and score are right, and the new score is seen after the ball is
    in the net and soon after it is fully shown: it may be seen while the score bug fades.
    """
    starts_s = {half.half: half.start_s for half in board.halves}
    error_s = None
    if starts_s.keys() == truth.starts_s.keys():
        error_s = max((abs(starts_s[half] - s) for half, s in truth.starts_s.items()), default=0.0)
    wanted = [
        (goal.half, "left" if goal.side == HOME else "right", goal.score, goal.time_s, goal.shown_s)
        for goal in truth.goals
    ]
    seen = [(goal.half, goal.side, (goal.left, goal.right), goal.time_s) for goal in board.goals]
    found = 0
    for goal in seen:
        match = next(
            (w for w in wanted if w[:3] == goal[:3] and w[3] < goal[3] <= w[4] + _LATE_S), None
        )
        if match:
            wanted.remove(match)
            found += 1
    return Comparison(error_s, len(truth.goals), found, len(seen) - found)

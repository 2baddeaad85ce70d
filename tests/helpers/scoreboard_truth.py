"""What `touchline scoreboard` says against what is true about an invented broadcast."""

from typing import NamedTuple

from touchline.demo.broadcast.script import HOME
from touchline.demo.drawing.broadcast_film import Truth
from touchline.scoreboard.result import Scoreboard

# The last frame with the old score, and the first with the new one, from when that is shown.
_LATE_S, _AWAY_S = 2.0, 12.0


class Comparison(NamedTuple):
    """Largest error of a kick-off (s; None where halves differ), goals: true, found, false."""

    kick_off_error_s: float | None
    goals: int
    found: int
    false: int


def compare(board: Scoreboard, truth: Truth) -> Comparison:
    """Return how a scoreboard differs from the truth.

    A goal is found where half, side and score are right, and the new score is seen after the ball is
    in the net, the old one not long after the new one is shown. The new one may be seen while the
    score bug fades, and where it is away again at once, as in a replay, when it comes back.
    """
    starts_s = {half.half: half.start_s for half in board.halves}
    error_s = None
    if starts_s.keys() == truth.starts_s.keys():
        error_s = max((abs(starts_s[half] - s) for half, s in truth.starts_s.items()), default=0.0)
    wanted = [
        (goal.half, "left" if goal.side == HOME else "right", goal.score, goal.time_s, goal.shown_s)
        for goal in truth.goals
    ]
    seen = [
        (goal.half, goal.side, (goal.left, goal.right), goal.time_s, goal.earliest_s)
        for goal in board.goals
    ]
    found = 0
    for goal in seen:
        match = next(
            (
                w
                for w in wanted
                if w[:3] == goal[:3]
                and w[3] < goal[3] <= w[4] + _AWAY_S
                and goal[4] <= w[4] + _LATE_S
            ),
            None,
        )
        if match:
            wanted.remove(match)
            found += 1
    return Comparison(error_s, len(truth.goals), found, len(seen) - found)

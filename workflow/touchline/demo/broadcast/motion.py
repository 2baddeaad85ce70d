"""Motion of a half: positions of ball, players and referee at any time.

The paths of the choreography are sampled `RATE` times a second once, smoothed, and interpolated, so
the positions at a time depend on the script and the time alone.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from touchline.demo.broadcast.plan import (
    LENGTH_M,
    NOBODY,
    REFEREE,
    WIDTH_M,
    Choreography,
    Knot,
    direction,
    in_formation,
    keeper,
)
from touchline.demo.broadcast.script import AWAY, HOME, Script
from touchline.demo.broadcast.sequence import choreograph

RATE = 5  # samples per second
BODIES = 23  # 22 players and the referee
_PULL_S = 3.0  # time before a player meets the ball from which the path may bend to it
_RUN_M_S = 6.5  # speed at which a player leaves the formation for a move


@dataclass(frozen=True)
class Moment:
    """Positions at one time.

    `bodies` (23, 2) in m, their velocities `speeds` (23, 2) in m/s, the distances `strides` (23,) in
    m that they have run, `ball` (3,) in m, and `view` (2,) in m: where the wide camera points.
    """

    bodies: np.ndarray
    speeds: np.ndarray
    strides: np.ndarray
    ball: tuple[float, float, float]
    view: np.ndarray


class Motion:
    """The paths of a half; `choreography` is what they were computed from."""

    def __init__(self, script: Script, half: int) -> None:
        self.choreography = choreograph(script, half)
        self._knots = _knot_table(self.choreography.knots)
        times_s = np.arange(0, script.half_s + 1, 1 / RATE)
        ball = np.stack([self.ball(time_s)[:2] for time_s in times_s])  # (T, 2)
        seed = [half, *script.seed.encode()]
        self._bodies = _paths(self.choreography, half, times_s, ball, np.random.default_rng(seed))
        steps = np.diff(self._bodies, axis=0, append=self._bodies[-1:])  # (T, 23, 2)
        self._speeds = steps * RATE
        self._strides = np.cumsum(np.hypot(*np.moveaxis(steps, 2, 0)), axis=0)
        self._view = _smooth(ball, 0.9)

    def ball(self, time_s: float) -> tuple[float, float, float]:
        """Return the ball's (x, y, z) in metres."""
        times, x, y, z, lift = self._knots
        right = int(np.searchsorted(times, time_s, side="right"))
        left = max(right - 1, 0)
        right = min(right, len(times) - 1)
        span = times[right] - times[left]
        share = min(max((time_s - times[left]) / span, 0.0), 1.0) if span > 0 else 0.0
        height = z[left] + share * (z[right] - z[left]) + 4 * lift[left] * share * (1 - share)
        return (
            x[left] + share * (x[right] - x[left]),
            y[left] + share * (y[right] - y[left]),
            height,
        )

    def at(self, time_s: float) -> Moment:
        """Return the positions at a time, which is clamped to the half."""
        place = min(max(time_s * RATE, 0.0), len(self._bodies) - 1.001)
        row, share = int(place), place % 1

        def interpolate(path: np.ndarray) -> np.ndarray:
            return (1 - share) * path[row] + share * path[row + 1]

        return Moment(
            bodies=interpolate(self._bodies),
            speeds=interpolate(self._speeds),
            strides=interpolate(self._strides),
            ball=self.ball(time_s),
            view=interpolate(self._view),
        )


@lru_cache(maxsize=64)
def motion(script: Script, half: int) -> Motion:
    """Return the half's paths, which are computed once per process."""
    return Motion(script, half)


def _knot_table(knots: list[Knot]) -> tuple[list[float], ...]:
    """Return (times, x, y, z, lift), each in order of time."""
    rows = [(knot.time_s, knot.x, knot.y, knot.z, knot.lift) for knot in knots]
    return tuple(map(list, zip(*rows, strict=True)))


def _paths(
    choreography: Choreography,
    half: int,
    times_s: np.ndarray,
    ball: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the paths of all bodies, (T, 23, 2) m."""
    paths = np.empty((len(times_s), BODIES, 2))
    slow = _smooth(ball, 1.6)
    for side in (HOME, AWAY):
        facing = direction(side, half)
        mirror = (0, 0) if facing > 0 else (LENGTH_M, WIDTH_M)
        u, v = (np.abs(slow - mirror)).T
        for place in range(11):
            path = np.stack(in_formation(place, u, v), axis=1)  # (T, 2)
            paths[:, keeper(side) + place] = path if facing > 0 else mirror - path
    paths[:, REFEREE] = slow + np.where(slow[:, :1] > LENGTH_M / 2, (-10, 5), (10, 5))
    paths = np.clip(paths, 4, (LENGTH_M - 4, WIDTH_M - 4))
    paths += _wander(times_s, rng)
    for move in choreography.moves:
        for player, point in zip(move.players, move.points, strict=True):
            _bend(
                paths[:, player], times_s, np.array(point), move.start_s, move.end_s, move.leave_s
            )
    paths = _smooth(paths.reshape(len(times_s), -1), 0.5).reshape(paths.shape)
    _pull_to_ball(paths, choreography.knots, times_s)
    return _smooth(paths.reshape(len(times_s), -1), 0.2).reshape(paths.shape)


def _wander(times_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return small, slow movements around the formation, (T, 23, 2) m."""
    periods = rng.uniform(6, 14, (2, BODIES, 2))
    phases = rng.uniform(0, 2 * np.pi, (2, BODIES, 2))
    angles = 2 * np.pi * times_s[:, None, None, None] / periods + phases  # (T, 2, 23, 2)
    steps = 1.3 * np.sin(angles).sum(axis=1)
    steps[:, [keeper(HOME), keeper(AWAY)]] *= 0.3
    return steps


def _pull_to_ball(paths: np.ndarray, knots: list[Knot], times_s: np.ndarray) -> None:
    """Bend the path of each holder so that it meets the ball, in place."""
    for knot in knots:
        if knot.holder != NOBODY:
            beside = np.array((knot.x - 0.4, knot.y - 0.2))
            turn_s = knot.time_s - _PULL_S
            _bend(paths[:, knot.holder], times_s, beside, knot.time_s, knot.time_s, turn_s)


def _bend(
    path: np.ndarray,
    times_s: np.ndarray,
    point: np.ndarray,
    start_s: float,
    end_s: float,
    leave_s: float = 0.0,
) -> None:
    """Bend a path (T, 2) in place so that it is at the point from `start_s` until `end_s`.

    The greater the distance, the earlier it leaves (but not before `leave_s`) and the later it
    returns.
    """
    first, last = np.searchsorted(times_s, (start_s, end_s)).clip(0, len(path) - 1)
    way_m = max(np.hypot(*(point - path[first])), np.hypot(*(point - path[last])))
    ease_s = 0.6 + 1.5 * way_m / _RUN_M_S
    leave_s = max(leave_s, start_s - ease_s)
    near = slice(*np.searchsorted(times_s, (leave_s, end_s + ease_s)))
    before = (start_s - times_s[near]) / max(start_s - leave_s, 0.1)
    after = (times_s[near] - end_s) / ease_s
    share = np.clip(1 - np.maximum(before, after), 0, 1)
    weight = share * share * (3 - 2 * share)
    path[near] += weight[:, None] * (point - path[near])


def _smooth(paths: np.ndarray, sigma_s: float) -> np.ndarray:
    """Smooth the columns of (T, N) with a Gaussian of this width in seconds."""
    reach = max(1, round(3 * sigma_s * RATE))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma_s * RATE)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(paths, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0)  # (T, N, K)
    return windows @ kernel

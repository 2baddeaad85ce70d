"""Fit of the match clock: straight lines through readings, of which many may be wrong.

A reading c of a clock that counts in units u says that the true clock is in [c, c + u). A line is
clock = slope * (time - middle) + offset, with a slope within ±0.2 % of 1: broadcasts are slower or faster
than the match by 0.1 % where 24 or 25 pictures of film or video per second were converted.
"""

from dataclasses import dataclass

import numpy as np

STEEPEST = 0.002  # deviation of the slope from 1
_SLOPES = 1 + np.linspace(-STEEPEST, STEEPEST, 41)
_TOLERANCE_S = 0.3  # of a reading: a clock may change some frames late
_PRIOR_SLOPE = 0.001  # typical deviation of the slope
_NEARBY = np.linspace(-0.0012, 0.0012, 49)  # slopes around that of least squares
LEAST_READINGS = 5
_LEAST_SPAN_S = 20.0
_FAR_S = 240.0  # without readings, after which fewer than `LEAST_READINGS` are none of a clock


@dataclass(frozen=True)
class ClockLine:
    """A clock that runs: `slope`, its value `offset_s` at the time `middle_s`, and its readings.

    `used` are the indices of the readings that agree with it, in the order of their times.
    """

    slope: float
    middle_s: float
    offset_s: float
    used: np.ndarray

    def clock_s(self, time_s: float | np.ndarray) -> float | np.ndarray:
        """Return what the clock shows at a time of the video."""
        return self.slope * (time_s - self.middle_s) + self.offset_s

    def time_s(self, clock_s: float) -> float:
        """Return the time of the video at which the clock shows `clock_s`."""
        return (clock_s - self.offset_s) / self.slope + self.middle_s


def fit_lines(
    times_s: np.ndarray, clocks_s: np.ndarray, units_s: np.ndarray, frames: np.ndarray
) -> list[ClockLine]:
    """Return the lines through readings (all (N,)), the one with most readings first.

    `frames` numbers the frames: of the readings of one frame, a line has one at most.
    """
    lines = []
    alive = np.ones(len(times_s), bool)
    while alive.sum() >= LEAST_READINGS:
        line = _best_line(times_s, clocks_s, units_s, frames, np.flatnonzero(alive))
        if line is None:
            break
        lines.append(line)
        alive[line.used] = False
    return lines


def _best_line(
    times_s: np.ndarray,
    clocks_s: np.ndarray,
    units_s: np.ndarray,
    frames: np.ndarray,
    chosen: np.ndarray,
) -> ClockLine | None:
    times, clocks, units = times_s[chosen], clocks_s[chosen], units_s[chosen]
    middle_s = float(np.median(times))
    best: tuple[int, float, float, float] | None = None
    for slope in _SLOPES:
        lows = clocks - slope * (times - middle_s) - _TOLERANCE_S
        offset, number = _deepest(lows, lows + units + 2 * _TOLERANCE_S)
        rank = number, -abs(slope - 1.0)
        if best is None or rank > best[:2]:
            best = *rank, float(slope), offset
    assert best is not None, "there are readings"
    _, _, slope, offset = best
    error = slope * (times - middle_s) + offset - clocks
    fits = (error >= -_TOLERANCE_S) & (error < units + _TOLERANCE_S)
    _, first = np.unique(frames[chosen][fits], return_index=True)
    used = np.flatnonzero(fits)[first]
    used = used[np.argsort(times[used], kind="stable")]
    used = used[_without_strays(times[used])]
    if len(used) < LEAST_READINGS or np.ptp(times[used]) < _LEAST_SPAN_S:
        return None
    if len(np.unique(clocks[used])) < 3:
        return None
    return _refine(times[used], clocks[used], units[used], chosen[used], slope, offset, middle_s)


def _without_strays(times: np.ndarray) -> slice:
    """Return the part of rising times, (N,), without a few at its ends that are far from the others.

    A misread clock may fit to a line minutes before the half that shows it.
    """
    steps_s = np.diff(times)
    far_s = max(_FAR_S, 10 * float(np.median(steps_s)) if len(steps_s) else 0.0)
    ends = [*(np.flatnonzero(steps_s > far_s) + 1).tolist(), len(times)]
    starts = [0, *ends[:-1]]
    while len(starts) > 1 and ends[0] - starts[0] < LEAST_READINGS:
        starts, ends = starts[1:], ends[1:]
    while len(ends) > 1 and ends[-1] - starts[-1] < LEAST_READINGS:
        starts, ends = starts[:-1], ends[:-1]
    return slice(starts[0], ends[-1])


def _deepest(lows: np.ndarray, highs: np.ndarray) -> tuple[float, int]:
    """Return the middle of where most of the intervals [low, high) overlap, and how many do."""
    edges = np.concatenate([lows, highs])
    steps = np.concatenate([np.ones(len(lows)), -np.ones(len(highs))])
    order = np.lexsort((steps, edges))
    depth = np.cumsum(steps[order])
    deepest = int(np.argmax(depth))
    end = edges[order][min(deepest + 1, len(edges) - 1)]
    return float((edges[order][deepest] + end) / 2), int(depth[deepest])


def _refine(
    times: np.ndarray,
    clocks: np.ndarray,
    units: np.ndarray,
    used: np.ndarray,
    slope: float,
    offset: float,
    middle_s: float,
) -> ClockLine:
    """Return the line near that of least squares which agrees with most readings.

    The slope has a normal prior around 1, which matters for short stretches.
    """
    if np.median(units) > 1:
        return ClockLine(slope, middle_s, offset, used)
    x, y = times - times.mean(), clocks + units / 2
    noise = units.mean() / np.sqrt(12)
    spread = (x**2).sum() + (noise / _PRIOR_SLOPE) ** 2
    slope = float(1 + np.clip((x * (y - times)).sum() / spread, -STEEPEST, STEEPEST))
    # Near that slope, the middle of the lines that agree with most readings to the unit: where the
    # frames are whole seconds apart, the mean of the readings may be off by half a unit.
    near = []
    for candidate in np.clip(slope + _NEARBY, 1 - STEEPEST, 1 + STEEPEST):
        lows = clocks - candidate * x
        offset, number = _deepest(lows, lows + units)
        near.append((number, float(candidate), offset))
    most = max(number for number, _, _ in near)
    slope, offset = np.mean([line for number, *line in near if number == most], axis=0)
    return ClockLine(float(slope), float(times.mean()), float(offset), used)


def counts_down(times_s: np.ndarray, clocks_s: np.ndarray, frames: np.ndarray) -> bool:
    """Say whether the readings are those of a clock that counts down."""
    lines = fit_lines(-times_s, clocks_s, np.ones(len(times_s)), frames)
    return bool(lines) and len(lines[0].used) >= 2 * LEAST_READINGS

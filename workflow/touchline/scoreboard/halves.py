"""Halves from the lines of the match clock: numbers, kick-offs and ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from touchline.scoreboard.clock_fit import ClockLine

STARTS_S = {1: 0.0, 2: 2700.0, 3: 5400.0, 4: 6300.0}  # what the clock shows at the kick-offs
_LEAST_SHARE = 0.08  # readings of a half's clock, by those of the clock with most
_SIMULTANEOUS = 0.3  # share of the readings of a line at the time of another that drops it
_REPEATED_S = 240.0  # two halves that show this much of the same minutes restart the clock
_STEP_S = 2.0  # jump of the clock within a half that is worth a sentence


@dataclass(frozen=True)
class Half:
    """A half: its number, what its clock shows at the kick-off, and its lines in their order."""

    number: int
    zero_s: float
    lines: tuple[ClockLine, ...]

    @property
    def main(self) -> ClockLine:
        """The line with most readings."""
        return max(self.lines, key=lambda line: len(line.used))


def find_halves(
    lines: Sequence[ClockLine], times_s: np.ndarray, half: int | None
) -> tuple[list[Half], list[str]]:
    """Return the halves of a video in the order of their times, and what is odd about them.

    `times_s` are the times of the readings. With `half`, the video shows that half alone.
    """
    if not lines:
        return [], []
    least = _LEAST_SHARE * len(lines[0].used)
    chosen: list[ClockLine] = []
    for line in lines:  # the one with most readings first
        if len(line.used) >= least and not any(_overlap(line, c, times_s) for c in chosen):
            chosen.append(line)
    chosen.sort(key=lambda line: times_s[line.used[0]])
    found: list[tuple[int, float, ClockLine]] = []
    for line in chosen:
        first_s, last_s = (float(line.clock_s(times_s[line.used[k]])) for k in (0, -1))
        number = max(n for n, start_s in STARTS_S.items() if n == 1 or first_s > start_s - 5)
        zero_s = STARTS_S[number]
        if half is not None:
            number, zero_s = (
                half,
                (STARTS_S.get(half, 0.0) if first_s > STARTS_S.get(half, 0.0) - 5 else 0.0),
            )
        elif repeated := _repeats(found, number, zero_s, line, first_s, last_s, times_s):
            number, zero_s = repeated, 0.0
        found.append((number, zero_s, line))
    halves = [
        Half(number, zero_s, tuple(line for n, _, line in found if n == number))
        for number, zero_s in {n: z for n, z, _ in found}.items()
    ]
    halves.sort(key=lambda one: times_s[one.lines[0].used[0]])
    return halves, _oddities(halves, times_s, half)


def _overlap(line: ClockLine, other: ClockLine, times_s: np.ndarray) -> bool:
    """Say whether much of a line is at the time of another, as that of a second clock would be."""
    inside = (times_s[line.used] > times_s[other.used[0]]) & (
        times_s[line.used] < times_s[other.used[-1]]
    )
    return bool(inside.mean() > _SIMULTANEOUS)


def _repeats(
    found: list[tuple[int, float, ClockLine]],
    number: int,
    zero_s: float,
    line: ClockLine,
    first_s: float,
    last_s: float,
    times_s: np.ndarray,
) -> int | None:
    """Return the number of a half whose clock restarts at 0:00, or None for one that does not."""
    for other_number, _, other in found:
        if other_number != number:
            continue
        start_s, end_s = (float(other.clock_s(times_s[other.used[k]])) for k in (0, -1))
        shared_s = min(last_s, end_s) - max(first_s, start_s)
        kicks_off_later = line.time_s(zero_s) > times_s[other.used[-1]]
        if kicks_off_later and shared_s > min(_REPEATED_S, 0.5 * (end_s - start_s)):
            return max(n for n, _, _ in found) + 1
    return None


def _oddities(halves: list[Half], times_s: np.ndarray, half: int | None) -> list[str]:
    """Return sentences about halves in another order, in parts, or with a clock of their own."""
    texts = []
    numbers = [one.number for one in halves]
    if numbers != sorted(numbers):
        texts.append(f"the halves come in the order {', '.join(map(str, numbers))}.")
    for one in halves:
        jumps = [
            abs(b.clock_s(times_s[b.used[0]]) - a.clock_s(times_s[b.used[0]]))
            for a, b in pairwise(one.lines)
        ]
        if jumps and max(jumps) > _STEP_S:
            texts.append(
                f"the clock of half {one.number} jumps by {max(jumps):.0f} s: a part of it is missing "
                "or shown twice."
            )
        if one.zero_s != STARTS_S.get(one.number):
            texts.append(f"the clock of half {one.number} starts at 0:00.")
        first = one.lines[0]
        kick_off_s = first.time_s(one.zero_s)
        if kick_off_s < -5:
            minutes, seconds = divmod(int(first.clock_s(0.0) - one.zero_s), 60)
            texts.append(
                f"the video starts {minutes}:{seconds:02d} after the kick-off of half {one.number}; "
                "goals before that are not in it."
            )
    return texts

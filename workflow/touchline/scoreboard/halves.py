"""Halves from the lines of the match clock: numbers, kick-offs and ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from touchline.scoreboard import texts
from touchline.scoreboard.clock_fit import LEAST_READINGS, ClockLine, counts_down, fit_lines
from touchline.scoreboard.readings import FrameText
from touchline.scoreboard.texts import ClockText

STARTS_S = {1: 0.0, 2: 2700.0, 3: 5400.0, 4: 6300.0}  # what the clock shows at the kick-offs
_LEAST_SHARE = 0.08  # readings of a half's clock, by those of the clock with most
_SIMULTANEOUS = 0.3  # share of the readings of a line at the time of another that drops it
_REPEATED_S = 240.0  # two halves that show this much of the same minutes restart the clock
_STEP_S = 2.0  # jump of the clock within a half that is worth a sentence
_TRUSTED = 0.5  # of a reading of a clock of seconds
_FEWER = 3  # times the frames that a clock of minutes needs to be taken instead of one of seconds
_COLUMN, _MOVED = 1.2, 8.0  # heights of a clock to the side, and up or down, that it may be moved
_MOST_PLACES = 8
_ELSEWHERE = 0.3  # of the readings of the clock with most that a clock in another place needs


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


def fit_clock(
    frames: Sequence[FrameText],
) -> tuple[list[ClockLine], float, ClockText | None]:
    """Return the lines of the clock, the unit that it counts in, and its place.

    The indices that a line has are those of frames. The place is None for a clock of seconds, which
    needs none; numbers that may be minutes are in many places, of which that with the best lines is
    the clock.
    """
    seconds = _lines_of(_candidates(frames, 1.0, _TRUSTED))
    best, place, most = seconds, None, 0.0
    minutes = _candidates(frames, texts.MINUTE_S, 0.0)
    for one in _places(minutes):
        there = [found for found in minutes if _is_near(found[2], one, 1.0)]
        lines = _lines_of(there)
        used = {int(k) for line in lines for k in line.used}
        trust = sum(max(clock.trust for k, _, clock in there if k == frame) for frame in used)
        enough = not seconds or len(used) > _FEWER * len(seconds[0].used)
        if lines and enough and trust > most:
            best, place, most = lines, one, trust
    return best, 1.0 if place is None else texts.MINUTE_S, place


def is_above_or_below(clock: ClockText, place: ClockText) -> bool:
    """Say whether a clock is where one at a place may be moved to by an advertisement."""
    return _is_near(clock, place, _MOVED)


def has_countdown(frames: Sequence[FrameText]) -> bool:
    """Say whether the clock of the frames counts down."""
    found = _candidates(frames, 1.0, _TRUSTED)
    if not found:
        return False
    times_s, clocks_s, _, numbers = _columns(found)
    return counts_down(times_s, clocks_s, numbers)


_Found = tuple[int, float, ClockText]  # number and time of a frame, and what may be its clock


def _candidates(frames: Sequence[FrameText], unit_s: float, least: float) -> list[_Found]:
    """Return the readings that may be a clock of a unit; `least` is the trust that they need."""
    return [
        (k, frame.time_s, clock)
        for k, frame in enumerate(frames)
        for clock in frame.clocks
        if clock.trust >= least and (clock.unit_s == unit_s or clock.added_s is not None)
    ]


def _columns(found: list[_Found]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return times, clocks, units (s) and frames of readings, each (N,)."""
    return (
        np.array([time_s for _, time_s, _ in found]),
        np.array([clock.clock_s for _, _, clock in found]),
        np.array([clock.unit_s for _, _, clock in found]),
        np.array([k for k, _, _ in found], int),
    )


def _lines_of(found: list[_Found]) -> list[ClockLine]:
    if len(found) < LEAST_READINGS:
        return []
    times_s, clocks_s, units_s, numbers = _columns(found)
    lines = fit_lines(times_s, clocks_s, units_s, numbers)
    places = [_middle_place([found[k][2] for k in line.used]) for line in lines]
    return [
        ClockLine(line.slope, line.middle_s, line.offset_s, numbers[line.used])
        for line, place in zip(lines, places, strict=True)
        if len(line.used) > _ELSEWHERE * len(lines[0].used) or _is_near(place, places[0], _MOVED)
    ]


def _middle_place(clocks: list[ClockText]) -> ClockText:
    """Return a clock at the median of the places of several."""
    x, y, w, h = np.median([clock[-4:] for clock in clocks], axis=0)
    return clocks[0]._replace(x=float(x), y=float(y), w=float(w), h=float(h))


def _places(found: list[_Found]) -> list[ClockText]:
    """Return the places in which most readings are, one reading of each."""
    left = list(found)
    places: list[ClockText] = []
    while len(left) >= LEAST_READINGS and len(places) < _MOST_PLACES:
        # The place of a trusted reading is better than that of a bare number.
        sample = sorted(left, key=lambda one: -one[2].trust)[:: max(1, len(left) // 20)]
        best = max(sample, key=lambda one: sum(_is_near(o[2], one[2], 1.0) for o in left))
        places.append(best[2])
        left = [one for one in left if not _is_near(one[2], best[2], 1.0)]
    return places


def _is_near(clock: ClockText, place: ClockText, rows: float) -> bool:
    """Say whether a clock is in the column of a place, and at most so many heights from it."""
    dx = clock.x + clock.w / 2 - place.x - place.w / 2
    dy = clock.y + clock.h / 2 - place.y - place.h / 2
    return abs(dx) < _COLUMN * place.h and abs(dy) < rows * place.h


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

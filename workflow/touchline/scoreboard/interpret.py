"""From the texts of the frames to the halves, and to the score in each frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.scoreboard import texts
from touchline.scoreboard.find_bug import (
    Bug,
    Cell,
    find_cells,
    read_cell,
    shift_of,
    usual_place,
)
from touchline.scoreboard.frames import Frames
from touchline.scoreboard.goals import MOST, ScoreReading
from touchline.scoreboard.halves import STARTS_S, Half, find_halves, fit_clock, is_above_or_below
from touchline.scoreboard.ocr import TextReader
from touchline.scoreboard.readings import FrameText
from touchline.scoreboard.texts import ClockText

_TRUSTED = 0.5
_SLACK_S = 0.6  # of a reading from the clock of its half
_AFTER_LAST_S = 90.0  # that a half's clock may be read after the readings it was fitted to
_LONGEST_ADDED_S = 1500.0  # of a clock that stands still at the end of a half
_CERTAIN = 3.0  # weight of the score at the kick-off
_PERSISTENT = 0.4  # share of frames in which a text of the score bug is


@dataclass
class Interpretation:
    """What frames say together.

    `chosen` has the clock of each frame, `half_of` its half's index in `halves` (None: no half). The
    frames are in the order of their times.
    """

    frames: list[FrameText]
    halves: list[Half] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    chosen: list[ClockText | None] = field(default_factory=list)
    half_of: list[int | None] = field(default_factory=list)
    bug: Bug | None = None

    def in_halves(self) -> list[int]:
        """Return the indices of the frames whose clock is that of a half."""
        return [k for k, half in enumerate(self.half_of) if half is not None]

    def in_half(self, number: int) -> list[int]:
        """Return the indices of the frames whose clock is that of one half, by its index."""
        return [k for k, half in enumerate(self.half_of) if half == number]

    def usual_clock(self) -> ClockText | None:
        """Return the clock of a frame in which it is at its usual place."""
        assert self.bug is not None, "the score bug was found"
        for k in self.in_halves():
            clock = self.chosen[k]
            if clock and shift_of(clock, self.bug.clock, self.bug.height) == (0.0, 0.0):
                return clock
        return None

    def residual_s(self, k: int) -> float | None:
        """Return the distance of a frame's clock from that of its half; None for a stopped clock."""
        half, clock = self.half_of[k], self.chosen[k]
        if half is None or clock is None:
            return None
        time_s = self.frames[k].time_s
        expected_s = self.halves[half].main.clock_s(time_s)
        error_s = float(clock.clock_s + clock.unit_s / 2 - expected_s)
        if abs(error_s) > clock.unit_s / 2 + 2 * _SLACK_S:
            return None
        beyond_s = max(0.0, abs(error_s) - (clock.unit_s - 1) / 2)  # a minute has no error inside
        return float(np.copysign(beyond_s, error_s))


def interpret(
    frames: Sequence[FrameText], half: int | None, bug: Bug | None = None
) -> Interpretation:
    """Return the halves of a video, the frames in them, and where its score bug is.

    `half` says that the video shows that half alone; `bug` is the score bug where it is known.
    """
    result = Interpretation(sorted(frames, key=lambda frame: frame.time_s))
    times_s = np.array([frame.time_s for frame in result.frames])
    lines, unit_s, place = fit_clock(result.frames)
    result.halves, result.oddities = find_halves(lines, times_s, half)
    result.chosen = [None] * len(times_s)
    result.half_of = [None] * len(times_s)
    for k, frame in enumerate(result.frames):
        result.half_of[k], result.chosen[k] = _place_in_half(
            frame, result.halves, times_s, unit_s, place
        )
    _add_stopped(result)
    inside = result.in_halves()
    if inside and bug is None:
        clocks = [clock for k in inside if (clock := result.chosen[k])]
        usual, height = usual_place(clocks)
        cells = find_cells([result.frames[k] for k in inside], clocks, usual, height)
        result.bug = Bug(height, usual, *(cells or (None, None)))
    else:
        result.bug = bug
    return result


def _place_in_half(
    frame: FrameText,
    halves: Sequence[Half],
    times_s: np.ndarray,
    unit_s: float,
    place: ClockText | None,
) -> tuple[int | None, ClockText | None]:
    """Return the half that a frame's clock belongs to, and that clock."""
    best: tuple[float, int, ClockText] | None = None
    for number, half in enumerate(halves):
        for line in half.lines:
            first_s, last_s = times_s[line.used[0]], times_s[line.used[-1]]
            if not first_s - _AFTER_LAST_S <= frame.time_s <= last_s + _AFTER_LAST_S:
                continue
            for clock in frame.clocks:
                if clock.unit_s != unit_s and clock.added_s is None:
                    continue
                if place is not None and not is_above_or_below(clock, place):
                    continue
                error_s = float(line.clock_s(frame.time_s)) - clock.clock_s
                distance = abs(error_s - clock.unit_s / 2)
                if distance <= clock.unit_s / 2 + _SLACK_S:
                    rank = distance + 10 * (1 - clock.trust) + 0.1 * (clock.unit_s > 1)
                    if best is None or rank < best[0]:
                        best = rank, number, clock
    return (best[1], best[2]) if best else (None, None)


def _add_stopped(result: Interpretation) -> None:
    """Add the frames at the end of a half whose clock stands still at 45:00 and the like."""
    times_s = [frame.time_s for frame in result.frames]
    for number, half in enumerate(result.halves):
        mine = result.in_half(number)
        if not mine:
            continue
        stop_s = next((s for s in (*STARTS_S.values(), 7200.0) if s > half.zero_s), 7200.0)
        usual, height = usual_place([c for k in mine if (c := result.chosen[k])])
        last = mine[-1]
        if float(half.lines[-1].clock_s(times_s[last])) < stop_s - 60:
            continue
        for k in range(last + 1, len(times_s)):
            if result.half_of[k] is not None or times_s[k] > times_s[last] + _LONGEST_ADDED_S:
                break
            for clock in result.frames[k].clocks:
                dx, dy = shift_of(clock, usual, height)
                if clock.clock_s == stop_s and dx == dy == 0 and clock.trust >= _TRUSTED:
                    result.half_of[k], result.chosen[k] = number, clock


def find_box(
    found: Interpretation, bug: Bug, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return the box (x, y, w, h) of the score bug in pictures of a size (width, height), px.

    It contains the clock, the cells of the score and the texts that many frames have there.
    """
    counts = np.zeros(size[::-1])
    number = 0
    for k in found.in_halves():
        clock = found.chosen[k]
        if clock is None or shift_of(clock, bug.clock, bug.height) != (0.0, 0.0):
            continue
        number += 1
        shown = np.zeros(counts.shape, bool)
        for line in found.frames[k].lines:
            shown[int(line.y) : int(line.y + line.h), int(line.x) : int(line.x + line.w)] = True
        counts += shown
    down, across = np.nonzero(counts >= max(1.0, _PERSISTENT * number))
    half = bug.height / 2
    points = [(bug.clock[0] - 2 * half, bug.clock[1] - half)]
    points += [(bug.clock[0] + 2 * half, bug.clock[1] + half)]
    for cell in (bug.left, bug.right):
        if cell is not None:
            points += [(cell.x - half, cell.y - half), (cell.x + half, cell.y + half)]
    x = np.concatenate([[point[0] for point in points], across])
    y = np.concatenate([[point[1] for point in points], down])
    left, top = float(x.min()), float(y.min())
    return left, top, float(x.max()) - left, float(y.max()) - top


class ScoreReader:
    """Reads the score in frames: as part of the texts, and each cell by itself."""

    def __init__(self, reader: TextReader, bug: Bug) -> None:
        """Take the networks that read and the place of the score."""
        self._reader, self._bug = reader, bug
        self._known: dict[float, tuple[tuple[int | None, float], ...]] = {}

    def read(self, frame: FrameText, clock: ClockText) -> tuple[tuple[int | None, float], ...]:
        """Return the number and its weight (0 to 1) on the left and on the right."""
        if frame.time_s not in self._known:
            self._known[frame.time_s] = tuple(
                self._read_side(frame, clock, cell) if cell else (None, 0.0)
                for cell in (self._bug.left, self._bug.right)
            )
        return self._known[frame.time_s]

    def _read_side(
        self, frame: FrameText, clock: ClockText, cell: Cell
    ) -> tuple[int | None, float]:
        shift = shift_of(clock, self._bug.clock, self._bug.height)
        votes: dict[int, float] = {}
        for line in (*frame.rows, *frame.lines):
            value = read_cell(line, cell, shift, clock)
            if value is not None:
                votes[value] = votes.get(value, 0.0) + line.score
        band = frame.picture()
        if band is not None:
            picture, left, top = band
            half_w, half_h = min(cell.reach, 0.75 * clock.h), 0.55 * clock.h
            box = (
                round(cell.x + shift[0] - left - half_w),
                round(cell.y + shift[1] - top - half_h),
                round(2 * half_w),
                round(2 * half_h),
            )
            line = self._reader.read_line(picture, box)
            value = texts.to_number(line.text)
            if value is not None and value <= MOST:
                votes[value] = votes.get(value, 0.0) + line.score
        if not votes:
            return None, 0.0
        value = max(votes, key=lambda value: votes[value])
        return value, float(min(1.0, votes[value]) * votes[value] / sum(votes.values()))


def read_scores(result: Interpretation, reader: ScoreReader) -> list[ScoreReading]:
    """Return the score of each frame in a half, in the order of the match.

    A kick-off of half 1 in the video is a reading too: the score is 0-0 then.
    """
    readings = []
    for half_one in result.halves:
        kick_off_s = half_one.lines[0].time_s(half_one.zero_s)
        if half_one.number == 1 and kick_off_s >= 0:
            readings.append(ScoreReading(kick_off_s, 1, 0, 0, _CERTAIN, _CERTAIN))
    order = sorted(
        result.in_halves(),
        key=lambda k: (result.halves[result.half_of[k] or 0].number, result.frames[k].time_s),
    )
    for k in order:
        clock, half = result.chosen[k], result.half_of[k]
        if clock is None or half is None:
            continue
        (left, left_weight), (right, right_weight) = reader.read(result.frames[k], clock)
        readings.append(
            ScoreReading(
                result.frames[k].time_s, result.halves[half].number,
                left, right, left_weight, right_weight,
            )
        )  # fmt: skip
    return readings


def readings_table(
    found: Interpretation, scores: Sequence[ScoreReading], frames: Frames
) -> pl.DataFrame:
    """Return what was read in each frame, and what it was used for (columns `schema.READINGS`)."""
    by_time = {score.time_s: score for score in scores}
    rows = []
    for k, frame in enumerate(found.frames):
        half, clock, score = found.half_of[k], found.chosen[k], by_time.get(frame.time_s)
        box = clock and frames.in_source(clock.x, clock.y, clock.w, clock.h)
        if half is not None and clock is not None:
            decision = "used" if found.residual_s(k) is not None else "the clock stands still"
        else:
            decision = "no half has this clock" if frame.clocks else "no clock"
        rows.append(
            {
                "time_s": frame.time_s,
                "text": frame.text,
                **(box._asdict() if box else dict.fromkeys("xywh")),
                "clock_s": clock.clock_s if clock else None,
                "added_s": clock.added_s if clock else None,
                "left": score.left if score else None,
                "right": score.right if score else None,
                "half": found.halves[half].number if half is not None else None,
                "residual_s": found.residual_s(k),
                "decision": decision,
            }
        )
    return pl.DataFrame(rows, schema_overrides=schema.READINGS, schema=list(schema.READINGS))

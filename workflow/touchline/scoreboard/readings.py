"""Reading of one frame: texts near the match clock, and what may be the clock.

The whole picture is searched until some readings agree on a clock; then a band around it, and the
whole picture again where the band does not show what the clock should say.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from PIL import Image

from touchline.scoreboard import texts
from touchline.scoreboard.ocr import Line, TextReader

BAND = 3.2  # heights of the clock above and below it that belong to the band
REACH = 20.0  # heights of the clock to its left and right
_MARGIN = 4.0  # heights that a row is read beyond its texts, where a digit may stand alone
_LINK = 4.0  # heights between texts of one row
# Readings of other frames that must agree with a clock before it is followed.
_AGREEING = {1.0: 2, texts.MINUTE_S: 4}
_REMEMBERED = 40  # readings
_LEAST_TRUST = 0.5


class ClockText(NamedTuple):
    """A text that may be the clock, and its box in the picture, px; `clock_s` has `added_s`."""

    clock_s: float
    added_s: float | None
    unit_s: float
    trust: float
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class FrameText:
    """What was read in a frame at `time_s`.

    `lines` are the lines of text near the clock as they were found, `rows` whole rows of the score
    bug read at once; `clocks` are all texts that may be the clock. `band` is the picture around the
    clock as JPEG, and its corner (x, y).
    """

    time_s: float
    lines: tuple[Line, ...] = ()
    rows: tuple[Line, ...] = ()
    clocks: tuple[ClockText, ...] = ()
    band: tuple[bytes, int, int] | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """All that was read, from top to bottom and left to right."""
        lines = sorted(self.lines, key=lambda line: (round(line.y / max(1.0, line.h)), line.x))
        return " / ".join(line.text for line in lines)

    def picture(self) -> tuple[np.ndarray, int, int] | None:
        """Return the picture around the clock, (H, W, 3) uint8 blue, green, red, and its corner."""
        if self.band is None:
            return None
        data, x, y = self.band
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[..., ::-1], x, y


class FrameReader:
    """Reads the frames of a video in any order; remembers which clock it follows."""

    def __init__(self, reader: TextReader) -> None:
        """Take the networks that read."""
        self._reader = reader
        self._seen: list[tuple[float, ClockText]] = []
        self._followed: tuple[float, ClockText] | None = None
        self._predict: Callable[[float], float] | None = None
        self._edges: tuple[int, int] | None = None

    def follow(
        self, place: ClockText, predict: Callable[[float], float], bug: tuple[float, float]
    ) -> None:
        """Look at one place from now on, for the clock that `predict` gives for a time of the video.

        `bug` is the left and the right edge of the score bug, px.
        """
        self._followed, self._predict = (0.0, place), predict
        margin = _MARGIN * place.h
        self._edges = int(bug[0] - margin), int(bug[1] + margin)

    def read(self, time_s: float, picture: np.ndarray) -> FrameText:
        """Return what a picture, (H, W, 3) uint8 blue, green, red, says."""
        if self._followed is not None:
            x, y, w, h = _band_around(self._followed[1], picture.shape)
            if self._edges is not None:
                left, right = max(x, self._edges[0]), min(x + w, self._edges[1])
                x, w = left, max(1, right - left)
            lines = self._lines(picture, (x, y, w, h))
            clocks = clock_texts(lines)
            if clock := self._expected(time_s, clocks):
                return self._with_rows(time_s, picture, lines, clocks, clock)
        lines = self._lines(picture, (0, 0, picture.shape[1], picture.shape[0]))
        clocks = clock_texts(lines)
        if clock := self._expected(time_s, clocks) or self._agreeing(time_s, clocks):
            return self._with_rows(time_s, picture, lines, clocks, clock)
        self._remember(time_s, clocks)
        return FrameText(time_s, tuple(lines), (), tuple(clocks))

    def _lines(self, picture: np.ndarray, box: tuple[int, int, int, int]) -> list[Line]:
        left, top, width, height = box
        part = np.ascontiguousarray(picture[top : top + height, left : left + width])
        found = [
            self._reader.read_line(picture, (left + x, top + y, w, h))
            for x, y, w, h in self._reader.find_lines(part)
            if h <= 1.3 * w  # a stack of digits is no line
        ]
        return [line for line in found if line.text.strip()]

    def _expected(self, time_s: float, clocks: list[ClockText]) -> ClockText | None:
        """Return the clock that shows what the clock that is followed should, or None."""
        if self._followed is None:
            return None
        then_s, followed = self._followed
        if self._predict is not None:
            then_s, followed = time_s, followed._replace(clock_s=self._predict(time_s))
        fitting = [c for c in clocks if _agree(then_s, followed, time_s, c, strict=False)]
        return max(fitting, key=lambda clock: clock.trust, default=None)

    def _agreeing(self, time_s: float, clocks: list[ClockText]) -> ClockText | None:
        """Return a clock that enough other readings agree with, or None."""
        for clock in sorted(clocks, key=lambda clock: -clock.trust):
            agreeing = {
                other.clock_s
                for then_s, other in self._seen
                if other.clock_s != clock.clock_s
                and _agree(then_s, other, time_s, clock, strict=True)
            }
            if len(agreeing) >= _AGREEING[clock.unit_s]:
                return clock
        return None

    def _remember(self, time_s: float, clocks: list[ClockText]) -> None:
        self._seen = [*self._seen, *((time_s, clock) for clock in clocks)][-4 * _REMEMBERED :]

    def _with_rows(
        self,
        time_s: float,
        picture: np.ndarray,
        lines: list[Line],
        clocks: list[ClockText],
        clock: ClockText,
    ) -> FrameText:
        """Return the reading of a frame whose clock is known, with the rows of the score bug."""
        if self._predict is None:
            self._followed = time_s, clock
        self._remember(time_s, [clock])
        x, y, w, h = _band_around(clock, picture.shape)
        lines = [line for line in lines if y <= line.y + line.h / 2 < y + h and _meets(line, x, w)]
        rows = tuple(self._reader.read_line(picture, box) for box in _rows(lines, clock))
        data = io.BytesIO()
        Image.fromarray(picture[y : y + h, x : x + w, ::-1]).save(data, "JPEG", quality=95)
        return FrameText(time_s, tuple(lines), rows, tuple(clocks), (data.getvalue(), x, y))


def clock_texts(lines: list[Line]) -> list[ClockText]:
    """Return the texts in lines that may be the clock, added time included."""
    found: list[ClockText] = []
    for line in lines:
        for clock in texts.find_clocks(line.text):
            first, last = line.at[clock.start], line.at[clock.end - 1]
            pitch = (last - first) / max(1, clock.end - clock.start - 1) or line.h / 2
            box = first - pitch / 2, line.y, last - first + pitch, line.h
            found.append(ClockText(clock.clock_s, None, clock.unit_s, clock.trust, *box))
    stopped = [clock for clock in found if clock.clock_s in (2700.0, 5400.0, 6300.0, 7200.0)]
    for stop in stopped:
        for line in lines:
            added_s = texts.find_added_s(line.text)
            if added_s is not None and _is_near(line, stop):
                found.append(
                    stop._replace(clock_s=stop.clock_s + added_s, added_s=added_s, unit_s=1.0)
                )
    return found


def _is_near(line: Line, clock: ClockText) -> bool:
    reach = 3 * clock.h
    return (
        abs(line.y + line.h / 2 - clock.y - clock.h / 2) < reach
        and line.x < clock.x + clock.w + reach
        and line.x + line.w > clock.x - reach
    )


def _agree(then_s: float, then: ClockText, now_s: float, now: ClockText, *, strict: bool) -> bool:
    """Say whether two readings may be of one clock; `strict`: at one place, without assumptions."""
    if then.unit_s != now.unit_s and not (then.added_s or now.added_s):
        return False
    error_s = abs((now.clock_s - then.clock_s) - (now_s - then_s))
    slack_s = max(then.unit_s, now.unit_s) + 0.6 + 0.002 * abs(now_s - then_s)
    near = abs(then.y - now.y) < 1.2 * then.h and abs(then.x - now.x) < 3 * then.h
    if strict:
        return error_s <= slack_s and near and now.trust * then.trust > 0.08
    return error_s <= slack_s and (near or now.trust >= _LEAST_TRUST)


def _band_around(clock: ClockText, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the band (x, y, w, h) around a clock, cut to the picture."""
    left = max(0, int(clock.x - REACH * clock.h))
    top = max(0, int(clock.y - BAND * clock.h))
    right = min(shape[1], int(clock.x + clock.w + REACH * clock.h))
    bottom = min(shape[0], int(clock.y + (1 + BAND) * clock.h))
    return left, top, max(1, right - left), max(1, bottom - top)


def _meets(line: Line, x: float, w: float) -> bool:
    return line.x < x + w and line.x + line.w > x


def _rows(lines: list[Line], clock: ClockText) -> list[tuple[int, int, int, int]]:
    """Return the boxes of the rows of the score bug: lines side by side that belong to the clock."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.x):
        middle = line.y + line.h / 2
        for row in rows:
            last = row[-1]
            beside = abs(last.y + last.h / 2 - middle) < 0.5 * min(last.h, line.h)
            if beside and line.x - (last.x + last.w) < _LINK * clock.h:
                row.append(line)
                break
        else:
            rows.append([line])
    boxes = []
    for row in rows:
        left, right = min(line.x for line in row), max(line.x + line.w for line in row)
        top = float(np.median([line.y for line in row]))
        height = float(np.median([line.h for line in row]))
        far = max(left - clock.x - clock.w, clock.x - right) > _LINK * clock.h
        if far or abs(top + height / 2 - clock.y - clock.h / 2) > 2.8 * clock.h:
            continue
        if not 0.6 * clock.h < height < 1.7 * clock.h:
            continue
        margin = _MARGIN * height
        boxes.append((int(left - margin), int(top), int(right - left + 2 * margin), int(height)))
    return boxes

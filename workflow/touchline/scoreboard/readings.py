"""Reading of one frame: texts near the match clock, and what may be the clock.

The whole picture is searched until some readings agree on a clock; then a band around it, and the
whole picture again where the band does not show what the clock should say.
"""

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from touchline.jobs.kept_parts import KeptParts
from touchline.scoreboard import texts
from touchline.scoreboard.ocr import Line, TextReader
from touchline.scoreboard.texts import ClockText, clock_texts

BAND = 3.2  # heights of the clock above and below it that belong to the band
REACH = 20.0  # heights of the clock to its left and right
_MARGIN = 4.0  # heights that a row is read beyond its texts, where a digit may stand alone
_LINK = 4.0  # heights between texts of one row
# Readings of other frames that must agree with a clock before it is followed.
_AGREEING = {1.0: 2, texts.MINUTE_S: 4}
_REMEMBERED = 40  # readings
_LEAST_TRUST = 0.5
_KEPT = 20  # frames of a part that is kept: some seconds of work


@dataclass(frozen=True)
class FrameText:
    """What was read in a frame at `time_s`.

    `lines` are the lines of text near the clock as they were found, `rows` whole rows of the score
    bug read at once; `clocks` are all texts that may be the clock. `followed` is the one that was taken
    for the clock at first sight; `band` is the picture around it as JPEG, and its corner (x, y).
    """

    time_s: float
    lines: tuple[Line, ...] = ()
    rows: tuple[Line, ...] = ()
    clocks: tuple[ClockText, ...] = ()
    followed: ClockText | None = None
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

    def to_json(self) -> list[object]:
        """Return the same as values of JSON."""
        band = self.band and [base64.b64encode(self.band[0]).decode(), *self.band[1:]]
        return [self.time_s, self.lines, self.rows, self.clocks, self.followed, band]

    @classmethod
    def from_json(cls, values: list) -> "FrameText":
        """Return what `to_json` was called for."""
        time_s, lines, rows, clocks, followed, band = values
        found, whole = (
            tuple(Line(*line, tuple(at)) for *line, at in one)  # type: ignore[call-arg]
            for one in (lines, rows)
        )
        return cls(
            time_s, found, whole, tuple(ClockText(*clock) for clock in clocks),
            followed and ClockText(*followed), band and (base64.b64decode(band[0]), *band[1:]),
        )  # fmt: skip


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
        text = self._read(time_s, picture)
        self.learn(text)
        return text

    def learn(self, text: FrameText) -> None:
        """Take note of what a frame says, for the frames that are read after it."""
        if text.followed is not None and self._predict is None:
            self._followed = text.time_s, text.followed
        clocks = text.clocks if text.followed is None else (text.followed,)
        seen = [*self._seen, *((text.time_s, clock) for clock in clocks)]
        self._seen = seen[-4 * _REMEMBERED :]

    def _read(self, time_s: float, picture: np.ndarray) -> FrameText:
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

    def _with_rows(
        self,
        time_s: float,
        picture: np.ndarray,
        lines: list[Line],
        clocks: list[ClockText],
        clock: ClockText,
    ) -> FrameText:
        """Return the reading of a frame whose clock is known, with the rows of the score bug."""
        x, y, w, h = _band_around(clock, picture.shape)
        lines = [line for line in lines if y <= line.y + line.h / 2 < y + h and _meets(line, x, w)]
        rows = tuple(self._reader.read_line(picture, box) for box in _rows(lines, clock))
        data = io.BytesIO()
        Image.fromarray(picture[y : y + h, x : x + w, ::-1]).save(data, "JPEG", quality=95)
        band = data.getvalue(), x, y
        return FrameText(time_s, tuple(lines), rows, tuple(clocks), clock, band)


class VideoTexts:
    """The frames of a video that are read, by their times; new ones are kept on the disk in parts."""

    def __init__(
        self,
        reader: FrameReader,
        kept: KeptParts | None,
        progress: Callable[[float], object] | None,
    ) -> None:
        """Take what reads, and what was kept of an earlier call (see `read_video`)."""
        self.reader, self._kept, self._progress = reader, kept, progress
        self.texts: dict[float, FrameText] = {}
        values = [value for part in (kept.parts if kept else ()) for value in part]
        self._known = {text.time_s: text for text in map(FrameText.from_json, values)}
        self._new: list[FrameText] = []

    def add(self, pictures: Iterable[tuple[float, np.ndarray]]) -> None:
        """Read pictures, but for those whose time was read before."""
        for time_s, picture in pictures:
            if time_s in self._known and time_s not in self.texts:
                self.texts[time_s] = self._known[time_s]
                self.reader.learn(self._known[time_s])
            elif time_s not in self.texts:
                self.texts[time_s] = self.reader.read(time_s, picture)
                self._new.append(self.texts[time_s])
                if self._kept and len(self._new) == _KEPT:
                    self._kept.add([text.to_json() for text in self._new])
                    self._new = []
            if self._progress is not None:
                self._progress(time_s)


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

"""The score bug: what it says at a time of a half, and its picture.

The clock of a frame is that of its time. Sizes are (width, height) of the frame in px; the bug scales
with the frame's height.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw

from touchline.core.clock import zero_s
from touchline.demo.broadcast.names import Team
from touchline.demo.drawing.fonts import font
from touchline.demo.drawing.looks import Cell, Look
from touchline.demo.drawing.stadium import Size

REGULAR_S = {1: 45 * 60, 2: 45 * 60, 3: 15 * 60, 4: 15 * 60}  # of each half; 3, 4: extra time
_MARGIN = 0.05  # between the bug and the edges of the frame, in frame heights
_ROW_EM, _PADDING_EM = 1.5, 0.45


class Reading(NamedTuple):
    """What a score bug says: `clock`, the time `added` to the half ("+2:13" or nothing), goals."""

    clock: str
    added: str
    score: tuple[int, int]


def clock(half: int, time_s: float) -> str:
    """Return the match clock with seconds; the second half starts at 45:00."""
    return _minutes_seconds(time_s - zero_s("match", half, 0.0))


def read(look: Look, half: int, time_s: float, score: tuple[int, int]) -> Reading:
    """Return what the bug says at `time_s` of a half with this score."""
    added = ""
    if look.added_time_apart and time_s >= REGULAR_S[half]:
        added = f"+{_minutes_seconds(time_s - REGULAR_S[half], 1)}"
        time_s = REGULAR_S[half]
    now = clock(half, time_s)
    return Reading(now if look.with_seconds else f"{int(now.split(':')[0])}'", added, score)


def _minutes_seconds(time_s: float, digits: int = 2) -> str:
    minutes, seconds = divmod(int(time_s), 60)
    return f"{minutes:0{digits}d}:{seconds:02d}"


# --- drawing ---


@lru_cache(maxsize=256)
def box(size: Size, look: Look, home: Team, away: Team) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of the bug in a frame, px, without the added time."""
    em, margin = _em(size, look), round(size[1] * _MARGIN)
    width = round(em * max(_rows_em(look, home, away)))
    height = round(em * _ROW_EM) * len(look.rows)
    left = {
        "left": margin,
        "centre": (size[0] - width) // 2,
        "right": size[0] - margin - width,
    }[look.horizontal]
    top = margin if look.vertical == "top" else size[1] - margin - height
    return left, top, left + width, top + height


@lru_cache(maxsize=512)
def draw(size: Size, look: Look, home: Team, away: Team, reading: Reading) -> Image.Image:
    """Draw the bug (RGBA) without the added time."""
    em, letters = _em(size, look), font(look.font, _em(size, look))
    left, top, right, bottom = box(size, look, home, away)
    picture = Image.new("RGBA", (right - left, bottom - top), (0, 0, 0, 0))
    canvas = ImageDraw.Draw(picture)
    shirts = {"home shirt": home.shirt, "away shirt": away.shirt}
    height = round(em * _ROW_EM)
    for cell, start_em, end_em, row in _cells(look, home, away):
        start, end, above = int(start_em * em), int(end_em * em), row * height
        plate = shirts.get(cell.content, cell.plate)
        if end > start:  # a narrow gap has no pixel at a small size
            canvas.rectangle((start, above, end - 1, above + height - 1), fill=plate)
        text = _text(cell.content, look, home, away, reading)
        place = ((start_em + end_em) / 2 + cell.nudge_em) * em, above + height / 2
        canvas.text(place, text, fill=cell.ink, font=letters, anchor="mm")
    return picture


@lru_cache(maxsize=512)
def draw_added(size: Size, look: Look, added: str) -> Image.Image:
    """Draw the added time (RGBA), in the colours of the clock exchanged."""
    letters, height = font(look.font, _em(size, look)), round(_em(size, look) * _ROW_EM)
    [cell] = (cell for row in look.rows for cell in row if cell.content == "clock")
    width = round(letters.getlength(added) + 2 * _PADDING_EM * _em(size, look))
    picture = Image.new("RGBA", (width, height), cell.ink)
    middle = (width / 2, height / 2)
    ink = cell.plate[:3]
    ImageDraw.Draw(picture).text(middle, added, fill=ink, font=letters, anchor="mm")
    return picture


def paste(
    frame: Image.Image,
    look: Look,
    home: Team,
    away: Team,
    reading: Reading,
    opacity: float = 1.0,
    shift: float = 0.0,
) -> None:
    """Paste the bug onto a frame, `shift` frame heights nearer to its middle."""
    if opacity <= 0:
        return
    left, top, _, _ = box(frame.size, look, home, away)
    down = round(shift * frame.size[1]) * (1 if look.vertical == "top" else -1)
    parts = [(draw(frame.size, look, home, away, reading), (left, top + down))]
    if reading.added:
        picture = draw_added(frame.size, look, reading.added)
        parts.append((picture, _place_of_added(frame.size, look, home, away, picture, down)))
    for picture, place in parts:
        mask = picture.getchannel("A")
        if opacity < 1:
            mask = mask.point(lambda value: round(value * opacity))
        frame.paste(picture, place, mask)


def _place_of_added(
    size: Size, look: Look, home: Team, away: Team, picture: Image.Image, down: int
) -> tuple[int, int]:
    """Return (left, top) of the added time: right of a clock that ends its row, else over it."""
    em, (left, top, _, _) = _em(size, look), box(size, look, home, away)
    cells = list(_cells(look, home, away))
    [(_, start_em, end_em, row)] = (place for place in cells if place[0].content == "clock")
    top += down + row * picture.height
    if all(other[1] < end_em for other in cells if other[3] == row):
        return left + round(end_em * em), top
    return left + round(start_em * em), top - picture.height


def _em(size: Size, look: Look) -> int:
    return max(6, round(size[1] * look.letter_size))


def _text(content: str, look: Look, home: Team, away: Team, reading: Reading) -> str:
    texts = {
        "home": home.name if look.whole_names else home.code,
        "away": away.name if look.whole_names else away.code,
        "score": look.score.format(*reading.score),
        "home goals": str(reading.score[0]),
        "away goals": str(reading.score[1]),
        "clock": reading.clock,
    }
    return texts.get(content, "")


def _width_em(cell: Cell, look: Look, home: Team, away: Team) -> float:
    """Return the width of a cell, which does not depend on what the clock and the score say."""
    if cell.width_em:
        return cell.width_em
    zeros = Reading("00:00" if look.with_seconds else "00'", "", (0, 0))
    text = _text(cell.content, look, home, away, zeros)
    return font(look.font, 100).getlength(text) / 100 + 2 * _PADDING_EM


@lru_cache(maxsize=256)
def _rows_em(look: Look, home: Team, away: Team) -> tuple[float, ...]:
    """Return the width of each row."""
    return tuple(sum(_width_em(cell, look, home, away) for cell in row) for row in look.rows)


def _cells(look: Look, home: Team, away: Team) -> Iterator[tuple[Cell, float, float, int]]:
    """Yield each cell with its left and right edge (em) and row; rows are centred."""
    widths_em = _rows_em(look, home, away)
    for number, row in enumerate(look.rows):
        start_em = (max(widths_em) - widths_em[number]) / 2
        for cell in row:
            end_em = start_em + _width_em(cell, look, home, away)
            yield cell, start_em, end_em, number
            start_em = end_em

"""Looks of score bugs: where they stand, their letters, colours and order, and what they do.

A look says nothing about a match. Lengths are in ems, the size of the letters.
"""

import re
import zlib
from dataclasses import dataclass, replace
from typing import Literal

from touchline.demo.broadcast.names import Colour
from touchline.demo.broadcast.script import Script
from touchline.demo.drawing.fonts import Font

Content = Literal[
    "home", "away", "score", "home goals", "away goals", "clock", "home shirt", "away shirt", ""
]
Paint = tuple[int, int, int, int]  # red, green, blue, opacity (0 to 255)

_DARK, _LIGHT = (18, 22, 44), (244, 244, 248)


@dataclass(frozen=True)
class Cell:
    """A cell of a score bug: what is written in it (`content`), its colours and width.

    Without a width it is as wide as its text, with a margin. The text is centred, then moved by
    `nudge_em`. The contents "home shirt" and "away shirt" are stripes of the team's colour; an empty
    content is a gap.
    """

    content: Content
    plate: Paint
    ink: Colour = _LIGHT
    width_em: float = 0.0
    nudge_em: float = 0.0


@dataclass(frozen=True)
class Look:
    """The look of a broadcast's score bug.

    `rows` are its cells from top to bottom and from left to right. `letter_size` is in frame
    heights. `score` is the pattern of the score in a cell "score". Names are codes of three letters,
    or whole. After 45:00 of a half the clock runs on, or stands still and the added time is
    beside it (`added_time_apart`).

    The score changes `score_delay_s` (least, most) after the ball is in the net. The bug appears
    `appears_s` after the start of the half, is away in replays unless `in_replays`, and takes
    `fade_s` to come and go. For `advert_s` an advertisement at the edge of the frame moves it, and for
    `black_out_s` the picture is black, once in each half.
    """

    name: str
    horizontal: Literal["left", "centre", "right"]
    vertical: Literal["top", "bottom"]
    font: Font
    rows: tuple[tuple[Cell, ...], ...]
    score_delay_s: tuple[float, float]
    letter_size: float = 0.054
    score: str = "{}-{}"
    whole_names: bool = False
    with_seconds: bool = True
    added_time_apart: bool = False
    appears_s: float = 0.0
    in_replays: bool = True
    fade_s: float = 0.0
    advert_s: float = 0.0
    black_out_s: float = 0.0

    def __hash__(self) -> int:
        """Hash what nearly always differs; caches look a look up for every frame."""
        return hash(self.name)


def _paint(colour: Colour, opacity: int = 255) -> Paint:
    return (*colour, opacity)


_NAVY, _SLATE, _WINE, _GOLD = (18, 22, 44), (50, 56, 90), (110, 16, 40), (250, 214, 60)
_PAPER, _INK, _GREEN, _SMOKE = (240, 240, 236), (20, 20, 24), (12, 84, 62), (10, 10, 14)

LOOKS = (
    Look(
        "codes, score between them, clock on the right",
        "left", "top", "Pillow",
        ((
            Cell("home shirt", _paint(_NAVY), width_em=0.34),
            Cell("home", _paint(_NAVY), width_em=2.66, nudge_em=-0.07),
            Cell("score", _paint(_LIGHT), _DARK, width_em=2.2, nudge_em=-0.05),
            Cell("away", _paint(_NAVY), width_em=2.7, nudge_em=-0.05),
            Cell("away shirt", _paint(_NAVY), width_em=0.34),
            Cell("", _paint(_NAVY), width_em=0.06),
            Cell("clock", _paint(_SLATE), width_em=3.1, nudge_em=0.05),
        ),),
        score_delay_s=(3.0, 6.0),
    ),
    Look(
        "dark on light, clock on the left, goals behind the codes",
        "left", "top", "Sans-Bold",
        ((
            Cell("clock", _paint(_PAPER), _INK),
            Cell("home", _paint((206, 210, 216)), _INK),
            Cell("home goals", _paint(_PAPER), _INK, width_em=1.4),
            Cell("away", _paint((206, 210, 216)), _INK),
            Cell("away goals", _paint(_PAPER), _INK, width_em=1.4),
        ),),
        score_delay_s=(8.0, 18.0),
        appears_s=3.0,
        in_replays=False,
        fade_s=0.5,
    ),
    Look(
        "whole names in colour, clock below, added time apart",
        "centre", "top", "SansCondensed-Bold",
        (
            (
                Cell("home shirt", _paint(_WINE), width_em=0.4),
                Cell("home", _paint(_WINE)),
                Cell("score", _paint(_GOLD), _INK, width_em=3.0),
                Cell("away", _paint(_WINE)),
                Cell("away shirt", _paint(_WINE), width_em=0.4),
            ),
            (Cell("clock", _paint(_INK), _GOLD, width_em=4.0),),
        ),
        score_delay_s=(4.0, 9.0),
        score="{} : {}",
        whole_names=True,
        added_time_apart=True,
        advert_s=9.0,
    ),
    Look(
        "translucent, clock on the right, moved by an advertisement",
        "right", "top", "SansMono-Bold",
        ((
            Cell("home", _paint(_SMOKE, 165)),
            Cell("score", _paint(_SMOKE, 165), _GOLD, width_em=2.6),
            Cell("away", _paint(_SMOKE, 165)),
            Cell("clock", _paint(_SMOKE, 205), width_em=4.0),
        ),),
        score_delay_s=(5.0, 12.0),
        score="{}:{}",
        appears_s=5.0,
        in_replays=False,
        fade_s=0.8,
        advert_s=9.0,
    ),
    Look(
        "goals beside a bar at the bottom, added time apart, a black-out",
        "right", "bottom", "Serif-Bold",
        ((
            Cell("clock", _paint(_LIGHT), _GREEN),
            Cell("home", _paint(_GREEN)),
            Cell("home goals", _paint((6, 52, 38)), width_em=1.5),
            Cell("", _paint(_LIGHT), width_em=0.15),
            Cell("away goals", _paint((6, 52, 38)), width_em=1.5),
            Cell("away", _paint(_GREEN)),
        ),),
        score_delay_s=(3.0, 14.0),
        added_time_apart=True,
        in_replays=False,
        black_out_s=3.0,
    ),
    Look(
        "minutes without seconds, advertisement and fades",
        "left", "top", "SansCondensed-Bold",
        ((
            Cell("home", _paint((24, 60, 140))),
            Cell("score", _paint((24, 60, 140)), _GOLD, width_em=2.8),
            Cell("away", _paint((24, 60, 140))),
            Cell("clock", _paint(_LIGHT), (24, 60, 140), width_em=2.4),
        ),),
        score_delay_s=(6.0, 16.0),
        letter_size=0.06,
        score="{} - {}",
        with_seconds=False,
        in_replays=False,
        fade_s=0.5,
        advert_s=8.0,
    ),
)  # fmt: skip
# What the demo's video-language model was taught with: the score changes at once.
LESSONS = replace(LOOKS[0], score_delay_s=(1.5, 1.5))


def look_of(script: Script) -> Look:
    """Return the look of a match's broadcast.

    It follows from the number at the end of the seed, so that six matches in sequence differ.
    """
    number = re.search(r"\d+$", script.seed)
    return LOOKS[(int(number[0]) if number else zlib.crc32(script.seed.encode())) % len(LOOKS)]

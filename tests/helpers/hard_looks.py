"""Looks of score bugs that are harder to read than those of the demo: small, stacked, or without gaps."""

from dataclasses import replace

from touchline.demo.drawing.looks import Cell, Look

_NAVY, _SMOKE = (18, 22, 44, 255), (10, 10, 14, 170)
_PAPER, _LIGHT, _INK = (240, 240, 236, 255), (244, 244, 248, 255), (20, 20, 24)

_SMALL = Look(
    "small, flags between codes and score",
    "left", "top", "SansCondensed-Bold",
    ((
        Cell("home", _SMOKE),
        Cell("home shirt", _NAVY, width_em=0.5),
        Cell("score", _LIGHT, _INK, width_em=1.9),
        Cell("away shirt", _NAVY, width_em=0.5),
        Cell("away", _SMOKE),
        Cell("clock", _SMOKE, width_em=3.1),
    ),),
    score_delay_s=(3.0, 18.0),
    letter_size=0.036,
    appears_s=5.0,
    in_replays=False,
    fade_s=0.4,
    advert_s=9.0,
)  # fmt: skip
HARD_LOOKS = (
    _SMALL,
    replace(
        _SMALL,
        name="stacked, goals behind the codes",
        rows=(
            (Cell("clock", _LIGHT, _INK, width_em=4.6),),
            (Cell("home", _SMOKE), Cell("home goals", _LIGHT, _INK, width_em=1.4)),
            (Cell("away", _SMOKE), Cell("away goals", _LIGHT, _INK, width_em=1.4)),
        ),
        letter_size=0.04,
    ),
    replace(
        _SMALL,
        name="stacked on the right, goals below the clock",
        horizontal="right",
        rows=(
            (Cell("clock", _LIGHT, _INK, width_em=3.0),),
            (Cell("home goals", _LIGHT, _INK, width_em=1.4), Cell("home", _SMOKE)),
            (Cell("away goals", _LIGHT, _INK, width_em=1.4), Cell("away", _SMOKE)),
        ),
        letter_size=0.04,
    ),
    replace(
        _SMALL,
        name="goals as near to the codes as their letters",
        rows=(
            (
                Cell("clock", _NAVY, width_em=2.6),
                Cell("home", _PAPER, _INK, width_em=2.2),
                Cell("score", _PAPER, _INK, width_em=2.0),
                Cell("away", _PAPER, _INK, width_em=2.2),
            ),
        ),
        score="{}  {}",
        letter_size=0.04,
    ),
)

"""Broadcast graphics: captions, goal banner, replay wipe, substitution board, advertisements.

Sizes are (width, height) of the frame in px; all graphics scale with the frame's height.
"""

from functools import lru_cache

from PIL import Image, ImageDraw

from touchline.demo.broadcast.names import Colour, Team
from touchline.demo.drawing.stadium import ADVERTS, Size, blurred_stand
from touchline.reels.title_overlay import font

_DARK = (18, 22, 44)
_LIGHT = (244, 244, 248)
_AD_COLOURS = ((150, 30, 110), (20, 90, 150), (190, 90, 10))
WIPE_S = 0.35  # half the duration of the wipe before and after a replay
ADVERT_HEIGHT = 0.13  # of an advertisement at the edge of the frame, in frame heights


def _text_px(size: Size) -> int:
    """Return the height of a text in px."""
    return max(6, round(size[1] * 0.054))


@lru_cache(maxsize=256)
def caption(size: Size, team: Team, title: str, text: str) -> Image.Image:
    """Draw a caption for the lower third: a title, and a text with the players."""
    px = _text_px(size)
    width = max(
        round(size[1] * 0.8), *(round(font(px).getlength(line) + 2 * px) for line in (title, text))
    )
    picture = Image.new("RGB", (width, round(px * 2.7)), _DARK)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, px // 2, picture.height), fill=team.shirt)
    draw.text((px, px * 0.8), title, fill=(250, 214, 60), font=font(px), anchor="lm")
    draw.text((px, px * 1.95), text, fill=_LIGHT, font=font(px), anchor="lm")
    return picture


@lru_cache(maxsize=32)
def banner(size: Size, team: Team) -> Image.Image:
    """Draw the goal banner across the whole frame, in the team's colours."""
    width, height = size[0], round(size[1] * 0.26)
    picture = Image.new("RGB", (width, height), team.shirt)
    draw = ImageDraw.Draw(picture)
    rim = max(1, height // 12)
    draw.rectangle((0, 0, width, rim), fill=(250, 214, 60))
    draw.rectangle((0, height - rim - 1, width, height), fill=(250, 214, 60))
    ink = _DARK if sum(team.shirt) > 420 else _LIGHT
    middle = (width / 2, height / 2)
    draw.text(middle, "G O A L !", fill=ink, font=font(round(height * 0.6)), anchor="mm")
    return picture


@lru_cache(maxsize=32)
def wipe(size: Size, colours: tuple[Colour, Colour]) -> Image.Image:
    """Draw the slanted bars (RGBA) of the wipe before and after a replay."""
    width, height = size
    picture = Image.new("RGBA", (2 * width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    bar = width * 0.3
    for place, colour in enumerate((colours[0], _LIGHT, colours[1], _LIGHT, colours[0])):
        left = place * bar + width * 0.05
        corners = [(left + height / 3, 0), (left + bar + height / 3, 0), (left + bar, height)]
        draw.polygon([*corners, (left, height)], fill=colour)
    return picture


@lru_cache(maxsize=16)
def replay_mark(size: Size) -> Image.Image:
    """Draw the mark REPLAY."""
    px = _text_px(size)
    picture = Image.new("RGB", (px * 5, round(px * 1.5)), (200, 20, 40))
    middle = (picture.width / 2, picture.height / 2)
    ImageDraw.Draw(picture).text(middle, "REPLAY", fill=_LIGHT, font=font(px), anchor="mm")
    return picture


@lru_cache(maxsize=16)
def advert(size: Size, variant: int) -> Image.Image:
    """Draw the strip of an advertisement across the frame; the variants differ in brand and colour."""
    picture = Image.new("RGB", (size[0], round(size[1] * ADVERT_HEIGHT)), _AD_COLOURS[variant % 3])
    middle = (picture.width / 2, picture.height / 2)
    letters = font(round(picture.height * 0.6))
    brand = ADVERTS[variant % len(ADVERTS)]
    text = f"{brand}   {brand.lower().replace(' ', '')}.example"
    ImageDraw.Draw(picture).text(middle, text, fill=_LIGHT, font=letters, anchor="mm")
    return picture


@lru_cache(maxsize=32)
def board(size: Size, off: int, on: int, variant: int) -> Image.Image:
    """Draw the fourth official in close-up, holding up the substitution board.

    `off` and `on` are the shirt numbers; `variant` is the stadium's.
    """
    width, height = size
    picture = blurred_stand((width, height), variant).copy()
    draw = ImageDraw.Draw(picture)
    middle, unit = width / 2, height
    skin, coat = (214, 170, 136), (24, 24, 30)
    draw.polygon(
        [(middle - unit * 0.2, height), (middle - unit * 0.15, unit * 0.76),
         (middle + unit * 0.15, unit * 0.76), (middle + unit * 0.2, height)], fill=coat,
    )  # fmt: skip
    draw.ellipse(_around(middle, unit * 0.66, unit * 0.075, unit * 0.1), fill=skin)
    draw.pieslice(_around(middle, unit * 0.65, unit * 0.08, unit * 0.105), 180, 360, (40, 30, 24))
    arm = round(unit * 0.06)
    for side in (-1, 1):
        shoulder = (middle + side * unit * 0.15, unit * 0.79)
        elbow = (middle + side * unit * 0.27, unit * 0.68)
        draw.line([shoulder, elbow], fill=coat, width=arm)
        hand = (middle + side * unit * 0.23, unit * 0.5)
        draw.line([elbow, hand], fill=coat, width=arm)
        draw.ellipse(_around(*hand, unit * 0.035, unit * 0.035), fill=skin)
    left, top, right, bottom = (
        middle - unit * 0.36, unit * 0.16, middle + unit * 0.36, unit * 0.5
    )  # fmt: skip
    draw.rounded_rectangle(
        (left, top, right, bottom),
        unit * 0.04,
        fill=(8, 8, 10),
        outline=(190, 190, 196),
        width=max(1, round(unit * 0.012)),
    )
    digits = font(round(unit * 0.26))
    for side, number, colour in ((-1, off, (255, 50, 40)), (1, on, (60, 240, 80))):
        place = (middle + side * unit * 0.175, (top + bottom) / 2)
        draw.text(place, str(number), fill=colour, font=digits, anchor="mm")
    return picture


def _around(
    x: float, y: float, half_width: float, half_height: float
) -> tuple[float, float, float, float]:
    """Return the box (left, top, right, bottom) around a centre."""
    return x - half_width, y - half_height, x + half_width, y + half_height

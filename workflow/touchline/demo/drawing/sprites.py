"""Sprites of players and ball, drawn once for each appearance, pose and height."""

from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw

from touchline.demo.broadcast.names import Colour

_OVERSAMPLING = 4  # sprites are drawn this many times larger, then reduced
SKINS: tuple[Colour, ...] = ((236, 196, 160), (200, 150, 110), (140, 95, 65), (92, 62, 46))
HAIRS: tuple[Colour, ...] = ((40, 28, 20), (20, 18, 18), (110, 75, 40), (60, 40, 26))


class Appearance(NamedTuple):
    """The colours of a body."""

    shirt: Colour
    shorts: Colour
    skin: Colour
    hair: Colour


class Sprite(NamedTuple):
    """A picture (RGBA), and the point in it, in px, that is on the ground."""

    image: Image.Image
    foot: tuple[int, int]


# Feet and hands, each (forward, up), of a body of height 1 that faces right: its hips are at .48,
# its shoulders at .8.
_POSES = {
    "run0": (((0.24, 0.06), (-0.26, 0.16)), ((-0.16, 0.56), (0.2, 0.58))),
    "run1": (((0.08, 0.0), (-0.08, 0.14)), ((-0.06, 0.5), (0.1, 0.52))),
    "run2": (((-0.26, 0.16), (0.24, 0.06)), ((0.2, 0.58), (-0.16, 0.56))),
    "run3": (((-0.08, 0.14), (0.08, 0.0)), ((0.1, 0.52), (-0.06, 0.5))),
    "stand": (((0.07, 0.0), (-0.07, 0.0)), ((0.15, 0.46), (-0.15, 0.46))),
    "cheer": (((0.09, 0.0), (-0.09, 0.0)), ((0.26, 1.08), (-0.26, 1.08))),
    "card": (((0.07, 0.0), (-0.07, 0.0)), ((0.12, 1.16), (-0.15, 0.46))),
}
_LYING = ("dive", "down")


@lru_cache(maxsize=4096)
def body(appearance: Appearance, pose: str, right: bool, height_px: int) -> Sprite:
    """Return the sprite of a body in a pose; `height_px` is its height when upright."""
    upright = _upright(appearance, "cheer" if pose in _LYING else pose, height_px * _OVERSAMPLING)
    if pose in _LYING:
        upright = upright.rotate(-90 if pose == "dive" else 80, expand=True)
    if not right:
        upright = upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    box = upright.getbbox()
    upright = upright.crop(box)
    size = (max(1, upright.width // _OVERSAMPLING), max(1, upright.height // _OVERSAMPLING))
    figure = upright.resize(size, Image.Resampling.BOX)
    return _with_shadow(figure, height_px)


def _upright(appearance: Appearance, pose: str, unit: int) -> Image.Image:
    """Draw a body of height `unit` px, facing right, on a transparent square of twice that."""
    picture = Image.new("RGBA", (2 * unit, 2 * unit), (*appearance.shirt, 0))
    draw = ImageDraw.Draw(picture)
    feet, hands = _POSES[pose]
    limb = max(1, round(unit * 0.095))

    def place(forward: float, up: float) -> tuple[float, float]:
        return unit * (1 + forward), unit * (1.6 - up)

    def line(
        start: tuple[float, float], stop: tuple[float, float], colour: Colour, width: int = limb
    ) -> None:
        draw.line([place(*start), place(*stop)], fill=colour, width=width)

    for side, foot in zip((0.05, -0.05), feet, strict=True):
        knee = (foot[0] * 0.6 + 0.05, 0.26 + foot[1] * 0.5)
        line((side, 0.48), knee, appearance.skin)
        line(knee, foot, appearance.shirt)
        line(foot, (foot[0] + 0.09, foot[1]), (25, 25, 25), max(1, limb // 2))
    for side, hand in zip((0.15, -0.15), hands, strict=True):
        elbow = ((side * 1.5 + hand[0]) / 2, (0.76 + hand[1]) / 2)
        line((side, 0.78), elbow, appearance.shirt)
        line(elbow, hand, appearance.skin, max(1, round(limb * 0.8)))
    draw.polygon(
        [place(*p) for p in ((-0.13, 0.3), (0.13, 0.3), (0.12, 0.5), (-0.12, 0.5))],
        fill=appearance.shorts,
    )
    draw.polygon(
        [place(*p) for p in ((-0.12, 0.46), (0.12, 0.46), (0.19, 0.8), (-0.19, 0.8))],
        fill=appearance.shirt,
    )
    draw.ellipse((*place(-0.085, 1.02), *place(0.085, 0.82)), fill=appearance.skin)
    draw.pieslice((*place(-0.09, 1.03), *place(0.085, 0.83)), 160, 350, fill=appearance.hair)
    if pose == "card":
        draw.rectangle((*place(0.05, 1.38), *place(0.2, 1.16)), fill=(250, 220, 20))
    return picture


def _with_shadow(figure: Image.Image, height_px: int) -> Sprite:
    """Return the figure with a translucent shadow on the ground to its right."""
    reach, depth = max(1, round(height_px * 0.22)), max(1, round(height_px * 0.09))
    picture = Image.new("RGBA", (figure.width + reach, figure.height + depth), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    left = figure.width * 0.2
    draw.ellipse(
        (left, figure.height - depth, picture.width - 1, picture.height - 1), fill=(10, 30, 10, 95)
    )
    picture.alpha_composite(figure)
    return Sprite(picture, (figure.width // 2, figure.height))


@lru_cache(maxsize=256)
def ball(diameter_px: int) -> Sprite:
    """Return the sprite of the ball."""
    large = diameter_px * _OVERSAMPLING
    picture = Image.new("RGBA", (large, large), (255, 255, 255, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, large - 1, large - 1), fill=(255, 255, 255), outline=(120, 120, 120))
    draw.ellipse((large * 0.35, large * 0.35, large * 0.65, large * 0.65), fill=(60, 60, 60))
    small = picture.resize((diameter_px, diameter_px), Image.Resampling.BOX)
    return Sprite(small, (diameter_px // 2, diameter_px))


@lru_cache(maxsize=256)
def ball_shadow(width_px: int) -> Sprite:
    """Return the sprite of the ball's shadow."""
    height = max(1, width_px // 2)
    picture = Image.new("RGBA", (width_px, height), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((0, 0, width_px - 1, height - 1), fill=(10, 30, 10, 120))
    return Sprite(picture, (width_px // 2, height // 2 + 1))

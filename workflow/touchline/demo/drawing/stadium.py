"""Camera and empty stadium: one wide picture per frame size, from which frames are cropped.

The camera stands above the near stand and turns little, so its turns are approximated by moving the
frame over a fixed perspective picture. Sizes are (width, height) in px.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from touchline.demo.broadcast.names import Colour
from touchline.demo.broadcast.plan import LENGTH_M, WIDTH_M
from touchline.reels.title_overlay import font

Size = tuple[int, int]
Coordinate = TypeVar("Coordinate", float, np.ndarray)
Point = tuple[float, ...]  # (x, y) or (x, y, z) in metres

_CAMERA_HEIGHT_M = 30.0
_CAMERA_BACK_M = 60.0  # distance to the near touchline
_FOCAL = 3.26  # focal length in frame heights, for the wide picture
_TOP, _BOTTOM = 0.25, 1.85  # the picture's edges below the horizon, in frame heights
_MARGIN_M = 5.0  # beyond the goal lines
_STRIPE_M = 5.5  # width of a mown stripe
ADVERTS = ("VELMO", "ORTANI COLA", "DRAYCE", "NUVO BANK", "HALPIN AIR", "KESTRA", "BOLDT")

GRASS = ((62, 142, 60), (52, 126, 52))
LINE = (232, 240, 232)


@dataclass(frozen=True)
class Camera:
    """Projects pitch metres to pixels of the stadium's picture; `zoom` 1 is the wide picture."""

    size: Size
    zoom: float

    @property
    def focal_px(self) -> float:
        """The focal length."""
        return _FOCAL * self.size[1] * self.zoom

    @property
    def ground_px(self) -> Size:
        """The size of the stadium's picture."""
        half = (LENGTH_M / 2 + _MARGIN_M) * self.scale(WIDTH_M)
        height = (_BOTTOM - _TOP) * self.size[1] * self.zoom
        return 2 * round(half), round(height)

    def scale(self, y: Coordinate) -> Coordinate:
        """Return the pixels per metre at depth `y`."""
        return self.focal_px / (_CAMERA_BACK_M + WIDTH_M - y)

    def project(
        self, x: Coordinate, y: Coordinate, z: float = 0.0
    ) -> tuple[Coordinate, Coordinate]:
        """Return the column and row of a point in the stadium's picture."""
        scale = self.scale(y)
        column = self.ground_px[0] / 2 + (x - LENGTH_M / 2) * scale
        row = (_CAMERA_HEIGHT_M - z) * scale - _TOP * self.size[1] * self.zoom
        return column, row

    def corner_of_frame(self, x: float, y: float) -> tuple[int, int]:
        """Return the left column and top row of the frame when the camera points at (x, y)."""
        width, height = self.size
        ground_width, ground_height = self.ground_px
        if self.zoom == 1:  # the wide picture turns only a little up and down
            column = self.project(x, WIDTH_M / 2 + 0.75 * (y - WIDTH_M / 2))[0]
            row = self.project(x, WIDTH_M / 2 + 0.35 * (y - WIDTH_M / 2))[1] + 0.03 * height
        else:
            column, row = self.project(x, y, 0.8)
        left = min(max(round(column - width / 2), 0), ground_width - width)
        top = min(max(round(row - height / 2), 0), ground_height - height)
        return left, top


@lru_cache(maxsize=16)
def ground(camera: Camera, variant: int) -> Image.Image:
    """Draw the empty stadium from the camera; the variants differ in crowd and mowing pattern."""
    oversampling = (
        2 if camera.focal_px < 1000 else 1
    )  # small pictures are drawn larger, then reduced
    width, height = camera.size
    large = Camera((width * oversampling, height * oversampling), camera.zoom)
    picture = Image.new("RGB", large.ground_px, GRASS[1])
    draw = ImageDraw.Draw(picture)
    _draw_stripes(draw, large, variant)
    _draw_lines(draw, large)
    _draw_stands(picture, large, variant)
    _draw_adverts(draw, large, variant)
    for x in (0, LENGTH_M):
        _draw_goal(picture, large, x)
    return picture.resize(camera.ground_px, Image.Resampling.BOX)


def _draw_quad(
    draw: ImageDraw.ImageDraw, camera: Camera, corners: Sequence[Point], colour: Colour
) -> None:
    """Fill a quadrilateral."""
    draw.polygon([camera.project(*corner) for corner in corners], fill=colour)


def _draw_stripes(draw: ImageDraw.ImageDraw, camera: Camera, variant: int) -> None:
    """Draw the mowing pattern."""
    bands = int(LENGTH_M / _STRIPE_M) + 8
    for band in range(-4, bands - 3):
        left, right = band * _STRIPE_M, (band + 1) * _STRIPE_M
        corners = [(left, -6), (right, -6), (right, WIDTH_M + 9), (left, WIDTH_M + 9)]
        _draw_quad(draw, camera, corners, GRASS[(band + variant) % 2])


def _draw_lines(draw: ImageDraw.ImageDraw, camera: Camera) -> None:
    """Draw the pitch markings and the corner flags."""
    width = max(1, round(camera.scale(WIDTH_M / 2) * 0.16))

    def line(*points: Point) -> None:
        draw.line([camera.project(*point) for point in points], fill=LINE, width=width)

    def box(depth: float, reach: float) -> None:
        low, high = WIDTH_M / 2 - reach, WIDTH_M / 2 + reach
        for end, inner in ((0, depth), (LENGTH_M, LENGTH_M - depth)):
            line((end, low), (inner, low), (inner, high), (end, high))

    def arc(x: float, y: float, radius: float, start: float, stop: float) -> None:
        angles = np.radians(np.linspace(start, stop, 60))
        line(*zip(x + radius * np.cos(angles), y + radius * np.sin(angles), strict=True))

    right, low = LENGTH_M, WIDTH_M
    line((0, 0), (right, 0), (right, low), (0, low), (0, 0))
    line((right / 2, 0), (right / 2, low))
    arc(right / 2, low / 2, 9.15, 0, 360)
    box(16.5, 20.16)
    box(5.5, 9.16)
    arc(11, low / 2, 9.15, -53, 53)
    arc(right - 11, low / 2, 9.15, 127, 233)
    for x, y, start in ((0, 0, 0), (right, 0, 90), (right, low, 180), (0, low, 270)):
        arc(x, y, 1, start, start + 90)
        line((x, y, 0), (x, y, 1.5))
    for x in (11, right / 2, right - 11):
        arc(x, low / 2, 0.1, 0, 360)


def crowd(size: Size, grain_px: int, variant: int) -> Image.Image:
    """Draw a full stand: spectators as coloured grains of `grain_px` in rows."""
    rng = np.random.default_rng(variant)
    columns, rows = size[0] // grain_px + 1, size[1] // grain_px + 1
    shirts = np.array(
        [(70, 70, 86), (98, 90, 100), (150, 60, 60), (60, 80, 140), (170, 165, 160), (48, 48, 58)]
    )
    people = shirts[rng.integers(0, len(shirts), (rows, columns))]  # (rows, columns, 3)
    light = (
        rng.uniform(0.55, 1.0, (rows, columns, 1))
        * np.where(np.arange(rows) % 3, 1, 0.65)[:, None, None]
    )
    grains = Image.fromarray((people * light).astype(np.uint8))
    return grains.resize((columns * grain_px, rows * grain_px), Image.Resampling.BILINEAR).crop(
        (0, 0, *size)
    )


def _draw_stands(picture: Image.Image, camera: Camera, variant: int) -> None:
    """Draw the far stand with its crowd and gangways."""
    foot = round(camera.project(0, -7.0)[1])
    grain = max(1, round(camera.scale(0) * 0.42))
    picture.paste(crowd((picture.width, foot), grain, variant), (0, 0))
    draw = ImageDraw.Draw(picture)
    gangway = camera.scale(0) * 17
    for place in range(int(picture.width / gangway) + 1):
        left = place * gangway
        draw.line((left, 0, left + gangway * 0.06, foot), fill=(96, 96, 104), width=grain)


def _draw_adverts(draw: ImageDraw.ImageDraw, camera: Camera, variant: int) -> None:
    """Draw the advertising boards in front of the far stand."""
    colours = ((20, 40, 110), (235, 235, 235), (170, 20, 30), (15, 100, 70), (240, 190, 20))
    height = camera.scale(-5) * 1.1
    for place, left in enumerate(np.arange(-63, LENGTH_M + 63, 10.5)):
        colour = colours[(place + variant) % len(colours)]
        corners = [(left, -5, 0), (left + 10.5, -5, 0), (left + 10.5, -5, 1.1), (left, -5, 1.1)]
        _draw_quad(draw, camera, corners, colour)
        ink = (20, 20, 30) if sum(colour) > 380 else (240, 240, 240)
        text = ADVERTS[(place * 3 + variant) % len(ADVERTS)]
        middle = camera.project(left + 5.25, -5, 0.55)
        draw.text(middle, text, fill=ink, font=font(max(4, round(height * 0.8))), anchor="mm")


def _draw_goal(picture: Image.Image, camera: Camera, x: float) -> None:
    """Draw the posts, bar and net of the goal on the goal line `x`."""
    draw = ImageDraw.Draw(picture, "RGBA")
    back = x + (2.0 if x else -2.0)
    near, far, top = WIDTH_M / 2 + 3.66, WIDTH_M / 2 - 3.66, 2.44
    net = (235, 235, 240, 90)

    def line(colour: tuple[int, int, int, int], width: int, *points: Point) -> None:
        draw.line([camera.project(*point) for point in points], fill=colour, width=width)

    for y in np.linspace(far, near, 9):
        line(net, 1, (x, y, top), (back, y, top * 0.8), (back, y, 0))
    for z in np.linspace(0, top * 0.8, 5):
        line(net, 1, (x, far, z * 1.25), (back, far, z), (back, near, z), (x, near, z * 1.25))
    post = max(1, round(camera.scale(WIDTH_M / 2) * 0.16))
    line((255, 255, 255, 255), post, (x, far, 0), (x, far, top), (x, near, top), (x, near, 0))


@lru_cache(maxsize=8)
def blurred_stand(size: Size, variant: int) -> Image.Image:
    """Draw the stand as the background of a close-up: large, dark and out of focus."""
    grain = max(2, size[1] // 14)
    picture = crowd(size, grain, variant).filter(ImageFilter.GaussianBlur(grain * 0.7))
    return Image.eval(picture, lambda value: round(value * 0.6))

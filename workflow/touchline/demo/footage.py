"""Halves of invented matches as a video-language model sees them: small frames, two seconds apart.

They are drawn at a size at which all graphics have their proportions, then reduced, and never
encoded.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from touchline.demo.broadcast.names import Colour, Team
from touchline.demo.broadcast.script import HALVES, Event, Script, invent
from touchline.demo.drawing.looks import LESSONS
from touchline.demo.drawing.scene import draw
from touchline.demo.drawing.stadium import GRASS, Size

FRAME_S = 2.0  # seconds between frames
FRAME_SIZE: Size = (112, 56)  # (width, height) in px: whole patches
# The most px of a frame for which Qwen2-VL's processor reduces 16:9 frames of any size to FRAME_SIZE.
FRAME_PIXELS = 7100
DRAWN_SIZE: Size = (
    200,
    112,
)  # lettering has a least size, which smaller frames would show too large
HALF_S, GAP_S = 150.0, 2.0  # length of a half; mean open play between two passages, less than usual
LEAST_COLOUR_DISTANCE = 120.0  # between the shirts of two teams, and from the grass


@dataclass(frozen=True)
class Footage:
    """A half of an invented match: its script, and its frames, uint8 (T, height, width, 3)."""

    script: Script
    half: int
    frames: np.ndarray

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of the half."""
        return self.script.of_half(self.half)


def draw_frames(script: Script, half: int, times_s: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the frame at each time, uint8 (height, width, 3) of `FRAME_SIZE`."""
    for time_s in times_s.tolist():
        picture = Image.fromarray(draw(script, half, time_s, DRAWN_SIZE, LESSONS))
        yield np.asarray(picture.resize(FRAME_SIZE, Image.Resampling.BICUBIC))


def film(seed: str, matches: int, folder: Path) -> list[Footage]:
    """Invent matches in colours of their own and draw both halves of each.

    The frames lie in a file in `folder`, which the arrays are views of.
    """
    times_s = np.arange(0, HALF_S, FRAME_S)
    shape = (matches * len(HALVES), len(times_s), *FRAME_SIZE[::-1], 3)
    frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, shape)
    footage: list[Footage] = []
    for number in tqdm(range(matches), "drawing", unit="match"):
        script = recolour(invent(f"{seed} {number}", HALF_S, GAP_S))
        for half in HALVES:
            drawn = frames[len(footage)]
            for frame, picture in zip(drawn, draw_frames(script, half, times_s), strict=True):
                frame[:] = picture
            footage.append(Footage(script, half, drawn))
    return footage


def recolour(script: Script) -> Script:
    """Return the script with shirts of random colours, which differ clearly from each other."""
    rng = random.Random(f"shirts {script.seed}")
    home = _choose_colour(rng, GRASS)
    away = _choose_colour(rng, (*GRASS, home))
    return replace(script, home=_dress(script.home, home), away=_dress(script.away, away))


def _dress(team: Team, shirt: Colour) -> Team:
    return replace(team, shirt=shirt)


def _choose_colour(rng: random.Random, others: tuple[Colour, ...]) -> Colour:
    """Return a random colour that differs clearly from the others."""
    while True:
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        distances = [np.linalg.norm(np.subtract(colour, other)) for other in others]
        if min(distances) > LEAST_COLOUR_DISTANCE:
            return colour

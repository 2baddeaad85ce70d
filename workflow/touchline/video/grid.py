"""Time grid of a half: the exact start and frames of every chunk, by rational arithmetic.

A tick is a moment of the grid, which holds every chunk's start and every frame of every chunk.
"""

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from touchline.core.intervals import chunk_spans, exact_fraction
from touchline.core.problems import InputError

# Largest number of ticks per second: ffmpeg makes a picture for each of them.
MAX_RATE = 1000


class Box(NamedTuple):
    """A rectangle of the upright source picture, in pixels from its top left corner.

    It is cut down to even numbers, since the colours of a video are stored for every second pixel.
    """

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class ChunkSettings:
    """How a half is cut into chunks.

    `fps` is the frame rate of the chunks, `height` that of their pictures in pixels, `score_bug`
    the place of the score bug, which is then cut out as a second video. Raises `InputError` for
    settings that contradict each other or are out of range.
    """

    length_s: float = 60.0
    overlap_s: float = 0.0
    fps: float = 1.0
    height: int = 224
    score_bug: Box | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.overlap_s < self.length_s < math.inf:
            raise InputError(
                f"chunks of {self.length_s} s cannot overlap by {self.overlap_s} s. "
                "Set overlap_s to 0 or more and below length_s."
            )
        if self.height < 2 or self.height % 2:
            raise InputError(f"height is {self.height}. Set it to an even number of pixels.")
        if self.score_bug and (min(self.score_bug[:2]) < 0 or min(self.score_bug[2:]) < 2):
            raise InputError(
                f"score_bug is {self.score_bug._asdict()}. Set x and y to 0 or more, w and h to "
                "2 or more, in pixels of the source picture."
            )
        if not 0 < self.fps <= MAX_RATE or self.rate > MAX_RATE:
            raise InputError(
                f"{self.fps} frames/s with chunks that start every "
                f"{self.length_s - self.overlap_s:g} s need a grid finer than 1/{MAX_RATE} s. "
                "Lower fps, or let length_s - overlap_s be a whole number of frames."
            )

    @property
    def step(self) -> tuple[int, int]:
        """Return (p, q): chunks start every p ticks of the grid, and have a frame every q ticks."""
        step_s = exact_fraction(self.length_s) - exact_fraction(self.overlap_s)
        return (step_s * exact_fraction(self.fps)).as_integer_ratio()

    @property
    def rate(self) -> Fraction:
        """Return the ticks per second of the grid."""
        return exact_fraction(self.fps) * self.step[1]

    @property
    def tick_filter(self) -> str | None:
        """Return ffmpeg's expression for "tick n is a frame of a chunk"; None where every tick is.

        The latest chunk at tick n started mod(n, p) ticks before it, the one before that p more.
        """
        p, q = self.step
        if q == 1:
            return None
        overlapping = math.ceil(exact_fraction(self.length_s) * self.rate / p)
        return "+".join(f"not(mod(mod(n,{p})+{i * p},{q}))" for i in range(overlapping))

    def chunks_around(self, tick: int, count: int) -> range:
        """Return the numbers of the chunks, of `count`, that can have a frame at a tick."""
        per_step, _ = self.step
        length = exact_fraction(self.length_s) * self.rate
        return range(max(0, int((tick - length) // per_step)), min(tick // per_step, count - 1) + 1)


@dataclass(frozen=True)
class Chunk:
    """A chunk: its start and end in the half, in seconds, and the ticks that are its frames."""

    start_s: float
    end_s: float
    ticks: range


def even_width(width: float) -> int:
    """Return the even whole number that is nearest to a width, 2 at least; of two, the larger."""
    return 2 * max(1, math.floor(width / 2 + 0.5))


def plan_chunks(duration_s: float, settings: ChunkSettings) -> list[Chunk]:
    """Return the chunks of a half of `duration_s`, each with every frame before its end."""
    per_step, per_frame = settings.step
    length = exact_fraction(settings.length_s) * settings.rate  # ticks, not always a whole number
    end = exact_fraction(duration_s) * settings.rate
    spans = chunk_spans(duration_s, settings.length_s, settings.overlap_s)
    return [
        Chunk(start_s, end_s, range(first, math.ceil(min(first + length, end)), per_frame))
        for first, (start_s, end_s) in zip(itertools.count(0, per_step), spans, strict=False)
    ]

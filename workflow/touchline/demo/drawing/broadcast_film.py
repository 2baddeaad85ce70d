"""A whole match in one video, as it is broadcast: studio, half 1, advertisements, half 2, studio.

>>> broadcast = Broadcast(invent("1/0"))
>>> render(Path("match.mp4"), broadcast)
>>> truth(broadcast).starts_s  # of each half, in seconds of the video
{1: 24.0, 2: 224.0}

There is no score bug outside of the halves; in some studios hangs a clock.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageDraw

from touchline.demo.broadcast import sound
from touchline.demo.broadcast.script import Script
from touchline.demo.drawing import bug_schedule, film, scene, score_bug
from touchline.demo.drawing.looks import Look, look_of
from touchline.demo.drawing.stadium import ADVERTS, Size, blurred_stand
from touchline.reels.title_overlay import font

_ADVERT_S = 5.0  # length of one advertisement of the half-time
_STUDIO_CLOCK_S = 20 * 3600 + 15 * 60  # time of day at the start of the video
_GREY, _WHITE = (36, 40, 52), (240, 240, 244)
_HUES = ((150, 30, 110), (20, 90, 150), (190, 90, 10), (230, 230, 224))


@dataclass(frozen=True)
class Broadcast:
    """A match and what is sent around its halves: seconds before, between and after them."""

    script: Script
    look: Look | None = None  # of the score bug; None: the match's own
    before_s: float = 24.0
    between_s: float = 20.0
    after_s: float = 12.0

    @property
    def bug(self) -> Look:
        """The look of the score bug."""
        return self.look or look_of(self.script)


class Part(NamedTuple):
    """A span of the video: a half (1 or 2), or 0 for the studio or advertisements."""

    half: int
    is_advert: bool
    start_s: float
    end_s: float


class ShownGoal(NamedTuple):
    """A goal: its time in the video, and when the score bug first shows the score after it."""

    time_s: float
    shown_s: float
    half: int
    side: str
    score: tuple[int, int]


class Truth(NamedTuple):
    """What is known about a broadcast, in seconds of the video.

    `starts_s` and `ends_s` are those of each half; `box` is the (left, top, right, bottom) of the
    score bug in px, where nothing moves it.
    """

    starts_s: dict[int, float]
    ends_s: dict[int, float]
    goals: tuple[ShownGoal, ...]
    box: tuple[int, int, int, int] | None


def parts(broadcast: Broadcast) -> list[Part]:
    """Return the parts of the broadcast in order of time."""
    half_s = broadcast.script.half_s
    lengths = [
        (0, False, broadcast.before_s),
        (1, False, half_s),
        (0, True, broadcast.between_s),
        (2, False, half_s),
        (0, False, broadcast.after_s),
    ]
    found, now_s = [], 0.0
    for half, is_advert, length_s in lengths:
        found.append(Part(half, is_advert, now_s, now_s + length_s))
        now_s += length_s
    return found


def truth(broadcast: Broadcast, size: Size = film.SIZE) -> Truth:
    """Return what is true about the video that `render` writes."""
    script, look = broadcast.script, broadcast.bug
    halves = {part.half: part for part in parts(broadcast) if part.half}
    goals = tuple(
        ShownGoal(
            halves[event.half].start_s + event.time_s,
            halves[event.half].start_s + bug_schedule.first_shown_s(script, look, event),
            event.half,
            event.team,
            script.score(event.half, event.time_s),
        )
        for event in script.events
        if event.label == "Goal"
    )
    return Truth(
        {half: part.start_s for half, part in halves.items()},
        {half: part.end_s for half, part in halves.items()},
        goals,
        score_bug.box(size, look, script.home, script.away),
    )


def render(
    path: Path | str, broadcast: Broadcast, size: Size = film.SIZE, rate: int = film.FRAME_RATE
) -> None:
    """Write the video; `size` is (width, height) in px, both even; `rate` is in frames per second."""
    film.encode(path, _pictures(broadcast, size, rate), _samples(broadcast), size, rate)


def draw(broadcast: Broadcast, time_s: float, size: Size) -> np.ndarray:
    """Return the frame at a time of the video, uint8 (height, width, 3)."""
    part = next(part for part in reversed(parts(broadcast)) if part.start_s <= time_s)
    if part.half:
        return scene.draw(broadcast.script, part.half, time_s - part.start_s, size, broadcast.bug)
    if part.is_advert:
        return np.asarray(_advert(size, int((time_s - part.start_s) / _ADVERT_S)))
    return np.asarray(_studio(size, broadcast.script, int(time_s), part.start_s > 0))


def _pictures(broadcast: Broadcast, size: Size, rate: int) -> Iterator[av.VideoFrame]:
    for number in range(round(parts(broadcast)[-1].end_s * rate)):
        yield av.VideoFrame.from_ndarray(draw(broadcast, number / rate, size), "rgb24")


def _samples(broadcast: Broadcast) -> Iterator[np.ndarray]:
    """Yield the sound of each part; outside of the halves the crowd murmurs."""
    for part in parts(broadcast):
        if part.half:
            yield sound.sound(broadcast.script, part.half)
        else:
            rng = np.random.default_rng([round(part.start_s), *broadcast.script.seed.encode()])
            length = round((part.end_s - part.start_s) * sound.RATE)
            yield rng.normal(0, 0.01, length).astype(np.float32)


def has_studio_clock(script: Script) -> bool:
    """Return whether a clock hangs in the studio, as in every second match."""
    return zlib.crc32(script.seed.encode()) % 2 == 0


@lru_cache(maxsize=4)
def _studio(size: Size, script: Script, second: int, is_over: bool) -> Image.Image:
    """Draw two experts in front of the stadium and the teams' names; a clock in some studios."""
    width, height = size
    picture = blurred_stand(size, scene.variant(script)).copy()
    canvas = ImageDraw.Draw(picture)
    for place, coat in ((0.32, (30, 40, 90)), (0.68, (90, 30, 40))):
        x, y, unit = width * place, height * 0.52, height * 0.13
        canvas.pieslice((x - 2 * unit, y + unit, x + 2 * unit, y + 5 * unit), 180, 360, fill=coat)
        canvas.ellipse((x - unit * 0.8, y - unit, x + unit * 0.8, y + unit), fill=(214, 170, 136))
    canvas.rectangle((0, height * 0.8, width, height), fill=_GREY)
    px = max(6, round(height * 0.07))
    home, away = script.home.name, script.away.name
    text = (
        f"{home} {script.score()[0]} - {script.score()[1]} {away}"
        if is_over
        else f"{home} v {away}"
    )
    canvas.text((width / 2, height * 0.9), text, fill=_WHITE, font=font(px), anchor="mm")
    if has_studio_clock(script):
        hours, seconds = divmod(_STUDIO_CLOCK_S + second, 3600)
        now = f"{hours:02d}:{seconds // 60:02d}"
        canvas.rectangle((width * 0.42, height * 0.05, width * 0.58, height * 0.17), fill=_GREY)
        canvas.text((width / 2, height * 0.11), now, fill=_WHITE, font=font(px), anchor="mm")
    return picture


@lru_cache(maxsize=4)
def _advert(size: Size, number: int) -> Image.Image:
    """Draw an advertisement that fills the frame."""
    colour = _HUES[number % len(_HUES)]
    picture = Image.new("RGB", size, colour)
    ink = _GREY if sum(colour) > 400 else _WHITE
    letters = font(round(size[1] * 0.16))
    text = ADVERTS[number % len(ADVERTS)]
    middle = (size[0] / 2, size[1] / 2)
    ImageDraw.Draw(picture).text(middle, text, fill=ink, font=letters, anchor="mm")
    return picture

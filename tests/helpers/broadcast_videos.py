"""Videos of the broadcasts of `broadcasts`: the demo's score bugs over an empty stadium."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageDraw

from broadcasts import Broadcast, truth
from chunk_cutting import ffmpeg
from touchline.demo.broadcast import sound
from touchline.demo.drawing import film, overlays, score_bug
from touchline.demo.drawing.broadcast_film import Truth
from touchline.demo.drawing.stadium import Camera, Size, blurred_stand, ground
from touchline.reels.title_overlay import font

_FAST = {"preset": "ultrafast", "crf": "28", "threads": "1"}
_GRAINS = 16  # patterns of the grain, which take turns


def write(path: Path, broadcast: Broadcast) -> Truth:
    """Write the video as mp4 or mkv, with sound; return what is true about it."""
    pictures = _pictures(broadcast)
    film.encode(path, pictures, _samples(broadcast), broadcast.size, broadcast.rate, _FAST)
    return truth(broadcast)


def write_noisy_copy(source: Path, path: Path, blur_px: float = 1.0, kbit_s: int = 300) -> None:
    """Write a copy of a video with blurred pictures of a low bit rate, and the same sound."""
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", f"{kbit_s}k")
    limits = ("-maxrate", f"{kbit_s}k", "-bufsize", f"{2 * kbit_s}k", "-threads", "1")
    ffmpeg(
        "-y", "-i", source, "-vf", f"gblur=sigma={blur_px}", *codec, *limits, "-c:a", "copy", path
    )


def draw(broadcast: Broadcast, time_s: float) -> Image.Image:
    """Return the picture at a time of the video."""
    if not broadcast.is_portrait:
        return _draw(broadcast, time_s, broadcast.size)
    width, height = broadcast.size
    shown = _draw(broadcast, time_s, (width, round(width * 9 / 32) * 2))
    picture = Image.new("RGB", broadcast.size, (30, 26, 24))
    picture.paste(shown, (0, (height - shown.height) // 2))
    return picture


class _Shown(NamedTuple):
    """What is on the screen at a time of a half, but for the camera's place."""

    half: int
    reading: score_bug.Reading
    opacity: float
    is_replay: bool
    is_advert: bool
    is_black: bool


def _shown(broadcast: Broadcast, time_s: float) -> tuple[_Shown | None, float]:
    """Return what is shown in a half, None outside of them, and the seconds from its kick-off."""
    part = next(part for part in reversed(broadcast.parts) if part.start_s <= time_s)
    if not part.half:
        return None, time_s
    elapsed_s = time_s - broadcast.kick_offs_s[part.half]
    shown = _Shown(
        part.half,
        _read(broadcast, part.half, elapsed_s),
        broadcast.opacity(part.half, elapsed_s),
        any(start <= elapsed_s < end for start, end in broadcast.replays[part.half]),
        broadcast.is_advert(elapsed_s),
        broadcast.is_black(elapsed_s),
    )
    return shown, elapsed_s


def _draw(broadcast: Broadcast, time_s: float, size: Size) -> Image.Image:
    shown, elapsed_s = _shown(broadcast, time_s)
    if shown is None:
        return _studio(broadcast, time_s, size)
    if shown.is_black:
        return Image.new("RGB", size)
    frame = _pitch(broadcast, shown.half, elapsed_s, size, shown.is_replay)
    if shown.is_advert:
        strip = overlays.advert(size, int(elapsed_s / 240))
        is_top = broadcast.look.vertical == "top"
        frame.paste(strip, (0, 0 if is_top else size[1] - strip.height))
    shift = overlays.ADVERT_HEIGHT * shown.is_advert
    teams = broadcast.teams
    score_bug.paste(frame, broadcast.look, *teams, shown.reading, shown.opacity, shift)
    return frame


def _read(broadcast: Broadcast, half: int, elapsed_s: float) -> score_bug.Reading:
    """Return what the bug says."""
    clock_s = elapsed_s * broadcast.slope
    if broadcast.counts_down:
        clock_s = 45 * 60 - clock_s
    return score_bug.read(broadcast.look, half, clock_s, broadcast.score(half, elapsed_s))


def _pitch(
    broadcast: Broadcast, half: int, elapsed_s: float, size: Size, is_replay: bool
) -> Image.Image:
    """Return a part of the empty stadium, where the camera pans; a replay is nearer, and marked."""
    camera = Camera(size, 1.7 if is_replay else 1.0)
    x, y = 52 + 40 * np.sin(elapsed_s / 7), 34 + 25 * np.sin(elapsed_s / 11)
    left, top = camera.corner_of_frame(float(x), float(y))
    frame = ground(camera, broadcast.seed % 4).crop((left, top, left + size[0], top + size[1]))
    if is_replay:
        mark = overlays.replay_mark(size)
        frame.paste(mark, (size[0] - mark.width - size[1] // 20, size[1] // 20))
    elif broadcast.has_stadium_clock:
        now = score_bug.clock(half, max(0.0, elapsed_s - 7))
        column, row = camera.project(30.0, -6.0, 6.0)
        screen = _screen(now, round(size[1] * 0.07))
        frame.paste(screen, (round(column) - left, round(row) - top))
    return frame


@lru_cache(maxsize=16)
def _screen(text: str, letter_px: int) -> Image.Image:
    """Draw a screen or a clock on a wall."""
    picture = Image.new("RGB", (letter_px * 4, letter_px * 2), (14, 14, 20))
    middle = (picture.width / 2, picture.height / 2)
    ink = (250, 240, 200)
    ImageDraw.Draw(picture).text(middle, text, fill=ink, font=font(letter_px), anchor="mm")
    return picture


def _studio(broadcast: Broadcast, time_s: float, size: Size) -> Image.Image:
    """Draw what is sent outside of the halves, without a bug; a clock shows the time of day."""
    picture = blurred_stand(size, broadcast.seed % 4).copy()
    if broadcast.has_studio_clock:
        minutes = 20 * 60 + 15 + int(time_s / 60)
        screen = _screen(f"{minutes // 60 % 24:02d}:{minutes % 60:02d}", round(size[1] * 0.08))
        picture.paste(screen, (round(size[0] * 0.4), round(size[1] * 0.1)))
    return picture


def _pictures(broadcast: Broadcast) -> Iterator[av.VideoFrame]:
    """Yield each picture of the video; a new one whenever what is shown changes."""
    step = max(1, round(broadcast.picture_s * broadcast.rate))
    grains = _make_grains(broadcast)
    frame, before = None, None
    for number in range(round(broadcast.parts[-1].end_s * broadcast.rate)):
        now, _ = _shown(broadcast, number / broadcast.rate)
        if frame is None or now != before or number % step == 0:
            picture = np.asarray(draw(broadcast, number / broadcast.rate))
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            planes = frame.to_ndarray()  # (height * 3 / 2, width)
        before = now
        if grains is None:
            yield frame
        else:
            grained = planes.copy()
            luma = grained[: broadcast.size[1]]
            luma += np.minimum(grains[number % _GRAINS], 235 - luma)
            yield av.VideoFrame.from_ndarray(grained, "yuv420p")


def _make_grains(broadcast: Broadcast) -> np.ndarray | None:
    """Return patterns that are added to the brightness, uint8 (patterns, height, width)."""
    if not broadcast.grain:
        return None
    shape = (_GRAINS, *broadcast.size[::-1])
    noise = np.random.default_rng(0).normal(broadcast.grain, broadcast.grain, shape)
    return noise.clip(0, 60).astype(np.uint8)


def _samples(broadcast: Broadcast) -> Iterator[np.ndarray]:
    """Yield the murmur of the crowd, ten seconds at a time."""
    murmur = np.random.default_rng(0).normal(0, 0.02, 10 * sound.RATE).astype(np.float32)
    left_s = broadcast.parts[-1].end_s
    while left_s > 0:
        yield murmur[: round(left_s * sound.RATE)]
        left_s -= 10

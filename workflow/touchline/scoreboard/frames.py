"""The frames of a video that are read: key frames some seconds apart, and stretches in detail.

Pictures are upright, with square pixels, and scaled to at most `LONGEST_SIDE` px.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from touchline.video.frame_reader import VideoError
from touchline.video.grid import Box
from touchline.video.orientation import orientation_filters
from touchline.video.picture_fitter import shown_size
from touchline.video.source import Picture, Source

LONGEST_SIDE = 960  # px: letters of a broadcast of any size are legible in it
Stretch = tuple[float, float, float]  # start, end, and time between frames, s
Frame = tuple[float, np.ndarray]  # seconds of the video; (H, W, 3) uint8, blue, green, red
_TURNS = {
    "clock": lambda image: np.rot90(image, -1),
    "cclock": lambda image: np.rot90(image),
    "clock_flip": lambda image: np.rot90(image, -1)[::-1],
    "cclock_flip": lambda image: np.rot90(image)[::-1],
}


class Frames:
    """Reads frames of a video file; the file is opened once."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Open the file; raise `VideoError` for one without a picture."""
        self._source = Source(path, threads)
        first = self._source.first_picture
        upright = shown_size(first.frame, Fraction(1))
        shown = shown_size(first.frame, first.pixel_aspect)
        scale = min(1.0, LONGEST_SIDE / max(shown))
        # The size of the pictures that are read, and px of the source by px of these.
        self.size = max(32, round(shown[0] * scale)), max(32, round(shown[1] * scale))
        self._scale = upright[0] / self.size[0], upright[1] / self.size[1]
        self.source_size = upright

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    @property
    def duration_s(self) -> float:
        """The length of the video by its header, s; infinite where that does not say."""
        duration = self._source.file.duration
        return duration / av.time_base if duration else float("inf")

    def in_source(self, x: float, y: float, w: float, h: float) -> Box:
        """Return a box of the pictures that are read in px of the upright source picture."""
        across, down = self._scale
        left, top = max(0, int(x * across)), max(0, int(y * down))
        right = min(self.source_size[0], int(np.ceil((x + w) * across)))
        bottom = min(self.source_size[1], int(np.ceil((y + h) * down)))
        return Box(left, top, right - left, bottom - top)

    def key_frames(self, step_s: float) -> Iterator[Frame]:
        """Yield key frames at least `step_s` apart from the start of the video on.

        Where they are more than three steps apart, the frames between are added later, so that the
        times do not rise throughout.
        """
        wanted_s, last_s = 0.0, 0.0
        gaps: list[tuple[float, float]] = []
        with self._source.only_key_frames():
            for time_s, picture in self._source.pictures_from(Fraction(0)):
                if time_s >= wanted_s:
                    if time_s - last_s > 3 * step_s:
                        gaps.append((last_s + step_s, float(time_s) - step_s / 2))
                    yield float(time_s), self._upright_image(picture)
                    last_s, wanted_s = float(time_s), float(time_s) + step_s
        gaps.append((last_s + step_s, float("inf")))
        for start_s, end_s in gaps:
            yield from self.stretch(start_s, end_s, step_s)

    def stretch(self, start_s: float, end_s: float, step_s: float) -> Iterator[Frame]:
        """Yield the frames on screen from `start_s` to `end_s`, at least `step_s` apart."""
        wanted_s = start_s
        for exact_s, picture in self._source.pictures_from(Fraction(max(0.0, start_s))):
            time_s = float(exact_s)
            if time_s > end_s:
                return
            if time_s >= wanted_s:
                yield time_s, self._upright_image(picture)
                wanted_s = time_s + step_s

    def _upright_image(self, picture: Picture) -> np.ndarray:
        frame = picture.frame
        try:
            turns = orientation_filters(frame)
            sideways = any(name == "transpose" for name, _ in turns)
            width, height = self.size[::-1] if sideways else self.size
            image = _to_array(frame, width, height)
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                self._source.path, f"a picture in it cannot be read ({error}).",
                "Convert it to mkv or mp4.",
            ) from error  # fmt: skip
        for name, value in turns:
            if name == "transpose" and value in _TURNS:
                image = _TURNS[value](image)
            elif name in ("hflip", "vflip"):
                image = image[:, ::-1] if name == "hflip" else image[::-1]
        return np.ascontiguousarray(image)


def _to_array(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    """Return a picture scaled to a size; of an interlaced one, the lines of one field."""
    if not frame.interlaced_frame:
        return frame.reformat(width, height, "bgr24", interpolation="AREA").to_ndarray()
    field = np.ascontiguousarray(frame.to_ndarray(format="bgr24")[::2], np.uint8)
    return av.VideoFrame.from_ndarray(field, "bgr24").reformat(width, height).to_ndarray()


def is_read(stretch: Stretch, done: Sequence[Stretch]) -> bool:
    """Say whether a stretch was read as closely already, as part of another."""
    start_s, end_s, step_s = stretch
    return any(
        first_s <= start_s and end_s <= last_s and step <= max(1.0, 2 * step_s)
        for first_s, last_s, step in done
    )

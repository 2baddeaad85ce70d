"""Test videos whose frames show their index as black and white squares, which can be read."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

ROWS, COLUMNS = 3, 5  # 15 bits: indices up to 32,767


def draw_index(index: int, width: int, height: int) -> np.ndarray:
    """Return the (height, width, 3) uint8 picture of an index; the lowest bit is top left."""
    bits = (index >> np.arange(ROWS * COLUMNS)) & 1
    squares = np.where(bits.reshape(ROWS, COLUMNS), 235, 16).astype(np.uint8)
    rows = np.arange(height) * ROWS // height
    columns = np.arange(width) * COLUMNS // width
    return np.repeat(squares[rows[:, None], columns, None], 3, axis=2)


def read_index(picture: np.ndarray) -> int:
    """Return the index that an (H, W, 3) picture of any size shows."""
    height, width = picture.shape[:2]
    index = 0
    for bit in range(ROWS * COLUMNS):
        row, column = divmod(bit, COLUMNS)
        top, left = row * height // ROWS, column * width // COLUMNS
        h, w = height // ROWS, width // COLUMNS
        square = picture[top + h // 4 : top + h - h // 4, left + w // 4 : left + w - w // 4]
        index |= int(square.mean() > 128) << bit
    return index


def steady(fps: Fraction | int, duration_s: float) -> list[Fraction]:
    """Return the frame times of a video with a constant frame rate, in seconds."""
    return [Fraction(i) / fps for i in range(round(duration_s * fps))]


def make(
    path: Path,
    times: Sequence[Fraction],
    *,
    size: tuple[int, int] = (160, 90),
    start_s: Fraction | int = 0,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    pixels: str = "yuv420p",
    grain: int = 0,
    first: int = 0,
    unmixed: int = 0,
) -> Path:
    """Write a video with one frame at each of `times` (+ `start_s`); return its path.

    `size` is (width, height) of the upright picture. With a `rotation` (degrees, counterclockwise)
    the picture is stored turned back, and the file says how to turn it. The suffix gives the
    container. `grain` adds noise of that strength (0 to 255), so that the pictures have as many
    bytes as real ones. The index of the first picture is `first`. The first `unmixed` pictures are
    P-frames, coded in the order in which they are shown.
    """
    random = np.random.default_rng(0)
    suffix = path.suffix[1:]
    container_format = {"mkv": "matroska", "ts": "mpegts"}.get(suffix, suffix)
    # By default FFmpeg moves the start of the file that it writes to 0.
    keep_start = {"avoid_negative_ts": "disabled"}
    with av.open(f"file:{path}", "w", format=container_format, options=keep_start) as file:
        rate = 1 / (times[1] - times[0]) if len(times) > 1 else Fraction(25)
        stream = file.add_stream(
            "libx264", rate=rate, options={"preset": "veryfast", **(options or {})}
        )
        turns = rotation // 90
        stream.width, stream.height = size if turns % 2 == 0 else size[::-1]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 90_000)
        if rotation:
            stream.set_display_rotation(rotation)
        for index, time in enumerate(times):
            noise = random.integers(0, grain + 1, (size[1], size[0], 1), np.uint8)
            picture = np.rot90(
                np.where(draw_index(first + index, *size) > 128, 235 - noise, 16 + noise), -turns
            )
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = round((time + start_s) * 90_000)
            frame.time_base = Fraction(1, 90_000)
            frame.pict_type = PictureType.P if index < unmixed else PictureType.NONE
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path

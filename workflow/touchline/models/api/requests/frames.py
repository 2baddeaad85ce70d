"""Frames of a chunk for a server: JPEG images in data URLs, as images or as a video of JPEG images.

`frames`: each frame is a part `image_url`, which most servers of vision models take. `video_url`: the
frames of a video are one part `video_url` with a URL `data:video/jpeg;base64,FRAME,FRAME,...`, the
form of vLLM.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

FRAMES, VIDEO_URL = "frames", "video_url"


@dataclass(frozen=True)
class VideoOptions:
    """How video is sent. Raises ValueError for values that cannot be.

    `tokens_per_frame` is what the server counts for a frame, which estimates and budgets need.
    """

    form: str = FRAMES
    quality: int = 90  # of the JPEG images, 1 to 95
    tokens_per_frame: int | None = None

    def __post_init__(self) -> None:
        if self.form not in (FRAMES, VIDEO_URL):
            raise ValueError(f"video.form is {self.form!r:.50}: give {FRAMES} or {VIDEO_URL}.")
        if type(self.quality) is not int or not 1 <= self.quality <= 95:
            raise ValueError(f"video.quality is {self.quality!r:.50}: give 1 to 95.")
        tokens = self.tokens_per_frame
        if tokens is not None and (type(tokens) is not int or not 1 <= tokens <= 10**6):
            raise ValueError(f"video.tokens_per_frame is {tokens!r:.50}: give a whole number.")


class EncodedFrames(NamedTuple):
    """The frames of a chunk's sources as base64 of JPEG, and their times in the half in seconds."""

    images: dict[str, list[str]]
    times_s: list[float]


def encode(frames: dict[str, np.ndarray], times_s: Sequence[float], quality: int) -> EncodedFrames:
    """Return frames (source → (T, H, W, 3) uint8 RGB) as JPEG images of this quality."""
    images = {
        source: [_to_jpeg(frame, quality) for frame in frames_of_source]
        for source, frames_of_source in frames.items()
    }
    return EncodedFrames(images, list(times_s))


def _to_jpeg(frame: np.ndarray, quality: int) -> str:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode()


def to_parts(part: dict, encoded: EncodedFrames, form: str) -> list[dict]:
    """Return a prompt's part of type `video` (`prompt_text.build_prefix`) as parts of a message."""
    first, last = part.get("frames", (0, len(encoded.times_s)))
    images = encoded.images[part["source"]][first:last]
    if form == VIDEO_URL:
        url = f"data:video/jpeg;base64,{','.join(images)}"
        return [{"type": "video_url", "video_url": {"url": url}}]
    return [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{image}"}}
        for image in images
    ]

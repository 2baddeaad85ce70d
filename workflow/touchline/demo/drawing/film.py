"""Rendering of a half as a video file: H.264 at a constant frame rate, AAC sound."""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from touchline.core.files import atomic_file
from touchline.demo.broadcast import sound
from touchline.demo.broadcast.script import Script
from touchline.demo.drawing.scene import draw
from touchline.demo.drawing.stadium import Size

SIZE: Size = (398, 224)  # SoccerNet's low-quality files
FRAME_RATE = 25

_VIDEO = {"preset": "superfast", "crf": "26", "threads": "1"}
_BLOCK = 1024  # audio samples in a packet; also the encoder's delay


def render(
    path: Path | str, script: Script, half: int, size: Size = SIZE, rate: int = FRAME_RATE
) -> None:
    """Write the video of a half; frame n is drawn at n / rate seconds.

    `size` is (width, height) in px, both even; `rate` is in frames per second.
    """
    pictures = (
        av.VideoFrame.from_ndarray(draw(script, half, number / rate, size), "rgb24")
        for number in range(round(script.half_s * rate))
    )
    encode(path, pictures, [sound.sound(script, half)], size, rate)


def encode(
    path: Path | str,
    pictures: Iterable[av.VideoFrame],
    samples: Iterable[np.ndarray],
    size: Size,
    rate: int = FRAME_RATE,
    options: dict[str, str] = _VIDEO,
) -> None:
    """Write a video; its format follows from the suffix of its name.

    `pictures` are of `size`, `rate` a second; `samples` are pieces of the sound, float32 (samples,),
    `sound.RATE` a second; `options` are those of libx264.
    """
    with (
        atomic_file(path) as partial,
        av.open(str(partial), "w", options={"fflags": "+bitexact"}) as file,
    ):
        video = file.add_stream("libx264", rate=rate, options=options)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        voice = file.add_stream("aac", rate=sound.RATE, layout="mono")
        blocks = _blocks(samples)
        for number, frame in enumerate(pictures):
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(video.encode(frame))
            if number % rate == 0:
                for block in _take(blocks, sound.RATE // _BLOCK + 1):
                    file.mux(voice.encode(block))
        for block in blocks:
            file.mux(voice.encode(block))
        for stream in (video, voice):
            file.mux(stream.encode(None))


def _blocks(pieces: Iterable[np.ndarray]) -> Iterator[av.AudioFrame]:
    """Yield the sound in blocks of the encoder's size.

    The encoder gives its first packet a time one block early. To keep that from being negative,
    for which the muxer would shift every frame, the sound starts one block (64 ms) late. It ends
    three blocks early, so that it is not longer than the pictures.
    """
    rest, start = np.zeros(0, np.float32), 0
    for piece in pieces:
        samples = np.concatenate([rest, piece])
        whole = max(0, math.ceil(len(samples) / _BLOCK) - 3) * _BLOCK
        for first in range(0, whole, _BLOCK):
            block = av.AudioFrame.from_ndarray(
                samples[None, first : first + _BLOCK], "fltp", "mono"
            )
            block.sample_rate, block.pts = sound.RATE, start + first + _BLOCK
            block.time_base = Fraction(1, sound.RATE)
            yield block
        rest, start = samples[whole:], start + whole


def _take(blocks: Iterator[av.AudioFrame], count: int) -> Iterator[av.AudioFrame]:
    """Yield the next `count` blocks, or as many as there are."""
    for _, block in zip(range(count), blocks, strict=False):
        yield block

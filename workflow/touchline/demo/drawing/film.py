"""Rendering of a half as a video file: H.264 at a constant frame rate, AAC sound."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from touchline.core.files import atomic_file
from touchline.demo.broadcast import sound
from touchline.demo.broadcast.script import Script
from touchline.demo.drawing.scene import draw
from touchline.demo.drawing.stadium import Size

SIZE: Size = (398, 224)  # SoccerNet's low-quality files
FRAME_RATE = 25

_VIDEO = {"preset": "veryfast", "crf": "26", "threads": "1"}
_BLOCK = 1024  # audio samples in a packet; also the encoder's delay


def render(
    path: Path | str, script: Script, half: int, size: Size = SIZE, rate: int = FRAME_RATE
) -> None:
    """Write the video of a half; frame n is drawn at n / rate seconds.

    `size` is (width, height) in px, both even; `rate` is in frames per second.
    """
    with (
        atomic_file(path) as partial,
        av.open(str(partial), "w", options={"fflags": "+bitexact"}) as file,
    ):
        pictures = file.add_stream("libx264", rate=rate, options=_VIDEO)
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        voice = file.add_stream("aac", rate=sound.RATE, layout="mono")
        blocks = _blocks(script, half)
        for number in range(round(script.half_s * rate)):
            frame = av.VideoFrame.from_ndarray(draw(script, half, number / rate, size), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(pictures.encode(frame))
            if number % rate == 0:
                for block in _take(blocks, sound.RATE // _BLOCK + 1):
                    file.mux(voice.encode(block))
        for block in blocks:
            file.mux(voice.encode(block))
        for stream in (pictures, voice):
            file.mux(stream.encode(None))


def _blocks(script: Script, half: int) -> Iterator[av.AudioFrame]:
    """Yield the sound in blocks of the encoder's size.

    The encoder gives its first packet a time one block early. To keep that from being negative,
    for which the muxer would shift every frame, the sound starts one block (64 ms) late.
    """
    samples = sound.sound(script, half)[None, :]  # (1, samples)
    for start in range(0, samples.shape[1] - 3 * _BLOCK, _BLOCK):
        block = av.AudioFrame.from_ndarray(samples[:, start : start + _BLOCK], "fltp", "mono")
        block.sample_rate, block.pts = sound.RATE, start + _BLOCK
        block.time_base = Fraction(1, sound.RATE)
        yield block


def _take(blocks: Iterator[av.AudioFrame], count: int) -> Iterator[av.AudioFrame]:
    """Yield the next `count` blocks, or as many as there are."""
    for _, block in zip(range(count), blocks, strict=False):
        yield block

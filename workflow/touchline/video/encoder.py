"""Encoding of chunk files: H.264 in Matroska, reproducible to the byte; copies of them in MP4."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.video.frame import PictureType

from touchline.core.files import atomic_file
from touchline.video.frame_reader import local_url

# H.264, which all players and browsers show. One thread makes the same bytes each time; without
# B-frames, decoding order is display order. On frames a second apart, slower presets take three
# times as long and save nothing at the same quality (51 dB on the video of
# `benchmarks/chunks.py`).
ENCODER: Final = "libx264"
ENCODING = {"preset": "ultrafast", "crf": "23", "bf": "0", "threads": "1"}
_BT601, _LIMITED_RANGE = 6, 1  # AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG

Encode = Callable[[int, av.VideoFrame], None]


@contextmanager
def open_encoder(path: Path, fps: Fraction, like: av.VideoFrame) -> Iterator[Encode]:
    """Yield the function that encodes frame k of the chunk at `path`, at k / fps seconds.

    Size and pixel format are those of the frame `like`. The file appears when it is complete.
    """
    with (
        atomic_file(path) as partial,
        av.open(
            local_url(partial), "w", format="matroska", options={"fflags": "+bitexact"}
        ) as file,
    ):
        stream = file.add_stream(ENCODER, rate=fps, options=ENCODING)
        stream.width, stream.height, stream.pix_fmt = like.width, like.height, like.format.name
        context = stream.codec_context
        context.time_base, context.thread_count = 1 / fps, 1
        context.colorspace, context.color_range = _BT601, _LIMITED_RANGE

        def encode(k: int, frame: av.VideoFrame) -> None:
            frame.pts, frame.time_base, frame.pict_type = k, 1 / fps, PictureType.NONE
            file.mux(stream.encode(frame))

        yield encode
        file.mux(stream.encode())


def copy_to_mp4(chunk: Path, path: Path) -> None:
    """Copy the pictures of a chunk into an MP4 file, which says how many there are, as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic_file(path) as partial,
        av.open(local_url(chunk)) as source,
        av.open(local_url(partial), "w", format="mp4", options={"fflags": "+bitexact"}) as file,
    ):
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:  # the last one is empty
                packet.stream, packet.dts = stream, packet.pts  # there are no B-frames
                file.mux(packet)

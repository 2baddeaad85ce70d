"""Videos: what a file holds, and the frames of a chunk with their times.

Time 0 is the first picture that the decoder shows, whatever time stamp the file gives it. The
picture at time t is the one on screen at t: the last whose time stamp is not after t.

Frames are read with PyAV. torchcodec (0.17, one thread, exact seek mode) was measured beside it on
60-frame chunks: see `benchmarks/README.md`. It is no faster there, it needs torch, which the stages
without a model do not have, and it needs FFmpeg's shared libraries on the machine, which PyAV brings.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from touchline.core.files import checksum
from touchline.core.problems import InputError

# Nothing but local files is opened, and no format that names other files (playlists, image
# sequences): FFmpeg's own switches, given to every reader.
LOCAL_ONLY = {
    "protocol_whitelist": "file",
    "format_whitelist": "matroska,mov,mpegts,mpeg,avi,flv,asf,mxf,ogg",
}
# A file that ends this much before the end that its header announces was cut off. Headers of
# whole files are off by a frame or two.
BREAK_S = 1.0
# MPEG transport streams are a row of packets of one of these sizes (plain, time-stamped, with
# error correction): another size is a packet cut in two.
_TS_PACKETS = (188, 192, 204)


class VideoError(InputError):
    """A video that cannot be used: `problem` says why, `remedy` what to do."""

    def __init__(self, path: Path | str, problem: str, remedy: str):
        super().__init__(f"{path}: {problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Video:
    """What a file holds.

    `duration_s` runs from the first picture to the end of the last, `fps` is the average rate,
    `width` and `height` are in pixels of the picture as it is shown (after rotation), `stream` is
    the index of the video in the file, `broken` says that the file ends before its own end.
    """

    duration_s: float
    fps: float
    width: int
    height: int
    stream: int
    broken: bool


def local_url(path: Path | str) -> str:
    """Return the name under which FFmpeg takes `path` for a local file, whatever is in it."""
    return f"file:{Path(path).absolute()}"


def probe(path: Path | str) -> Video:
    """Read a file through, decoding no more than its first picture, and say what it holds.

    Takes about 3 % of the time that decoding takes. Raises `VideoError` when there is no
    such file, or it is not a video, or it has no video stream or no picture.
    """
    if not Path(path).is_file():
        raise VideoError(path, "there is no such file.", "Correct the path or fetch the file.")
    try:
        container = av.open(local_url(path), options=LOCAL_ONLY)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            path,
            f"it is not a video that can be read ({_reason(error)}).",
            "Fetch it again, or convert it to mkv or mp4.",
        ) from error
    with container:
        videos = [
            s for s in container.streams.video if not s.disposition & Disposition.attached_pic
        ]
        if not videos:
            raise VideoError(path, "it has no video stream.", "Use the file that has the picture.")
        return _read_through(Path(path), container, videos[0])


def _read_through(path: Path, container: av.container.InputContainer, stream) -> Video:
    stream.codec_context.thread_count = 1
    first = None
    video_end = file_end = Fraction(0)
    for packet in _packets(container):
        if packet.stream_index == stream.index:
            first = first or _first_picture(packet)
        start = packet.dts if packet.pts is None else packet.pts
        if start is None or packet.is_discard:  # decoded for what follows, but not shown
            continue
        end = (start + (packet.duration or 0)) * packet.time_base
        file_end = max(file_end, end)
        if packet.stream_index == stream.index:
            if not packet.duration and stream.average_rate:
                end += 1 / stream.average_rate
            video_end = max(video_end, end)
    if first is None:
        raise VideoError(
            path, "no picture in it can be decoded.", "Fetch it again, or convert it to mkv or mp4."
        )
    duration = video_end - first.pts * first.time_base
    upright = (first.width, first.height)
    width, height = upright if first.rotation % 180 == 0 else upright[::-1]
    return Video(
        float(duration),
        float(stream.average_rate or stream.guessed_rate or 0),
        width,
        height,
        stream.index,
        _breaks_off(path, container, float(file_end)),
    )


def _packets(container: av.container.InputContainer) -> Iterator[av.Packet]:
    """Yield the packets of a file up to its end, or up to where it cannot be read on."""
    try:
        yield from container.demux()
    except (av.FFmpegError, OSError):
        return


def _first_picture(packet: av.Packet) -> av.VideoFrame | None:
    """Return the first picture that this packet brings out; before it, errors do not count."""
    try:
        return next(iter(packet.decode()), None)
    except (av.FFmpegError, OSError):
        return None


def _breaks_off(path: Path, container: av.container.InputContainer, end_s: float) -> bool:
    if container.format.name == "mpegts":
        return all(path.stat().st_size % size for size in _TS_PACKETS)
    # Some writers count the duration from the first time stamp, others from 0: the later end of
    # the two is `end_s`.
    return (container.duration or 0) / av.time_base - end_s > BREAK_S


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def read_frames(
    path: Path | str,
    *,
    fps: float | None = None,
    times_s: list[float] | None = None,
    sha256: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of a chunk, (T, H, W, 3) uint8 RGB, and their times, (T,) float64.

    Times are in seconds from the chunk's start, as the file's time stamps give them. By default
    every frame is returned; with `times_s` the frame on screen at each of those times, in their
    order; with `fps` the ones on screen at 0, 1/fps, 2/fps … up to the last frame. A frame may be
    returned more than once. `sha256`, from the manifest, is checked first.
    Raises `VideoError` when the checksum differs or the file cannot be read.
    """
    if fps is not None and times_s is not None:
        raise ValueError("give fps or times_s, not both")
    again = "Delete the manifest; the chunks are made again."
    try:
        if sha256 is not None and checksum(path) != sha256:
            raise VideoError(
                path, "it is not the file that its manifest lists (the checksum differs).", again
            )
        with av.open(local_url(path), options=LOCAL_ONLY) as container:
            frames = container.decode(video=0)
            if times_s is not None:
                picked = _at(frames, np.sort(times_s), at_end=np.inf)
            elif fps is not None:
                picked = _at(frames, (k / fps for k in itertools.count()), at_end=0.0)
            else:
                picked = ((frame.time, _rgb(frame)) for frame in frames)
            shown_s, pictures = zip(*picked, strict=True)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(path, f"its frames cannot be read ({_reason(error)}).", again) from error
    order = slice(None) if times_s is None else np.argsort(np.argsort(times_s))
    return np.stack(pictures)[order], np.array(shown_s)[order]


def _at(frames, times_s, at_end: float) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (time, picture) on screen at each of the rising `times_s`.

    The last frame stays on screen for `at_end` seconds after its time stamp. Half a tick of the
    file's clock is allowed for: frame 2 of 3 frames/s is at 0.667 in a file that counts in ms.
    """
    times_s = iter(times_s)
    wanted_s = next(times_s, None)
    for frame, following in itertools.pairwise(itertools.chain(frames, [None])):
        tick_s = float(frame.time_base)
        end_s = (
            frame.time + at_end + tick_s / 2 if following is None else following.time - tick_s / 2
        )
        picture = None
        while wanted_s is not None and wanted_s < end_s:
            picture = _rgb(frame) if picture is None else picture
            yield frame.time, picture
            wanted_s = next(times_s, None)
        if wanted_s is None:
            return


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24")  # (H, W, 3) uint8

"""Reading of video files: duration, frame rate and size; the frames of a chunk with their times.

Time 0 is the first picture that the decoder outputs, whatever its time stamp. The picture on screen
at time t is the last one whose time stamp is not after t.

Frames are read with PyAV. torchcodec 0.17 (one thread, exact seek mode) is no faster on chunks of
60 frames (see `benchmarks/README.md`); it needs torch, which the stages without a model do not
load, and FFmpeg's shared libraries on the machine, which PyAV brings.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from touchline.core.files import checksum
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import InputError
from touchline.video.orientation import is_sideways, orientation_filters
from touchline.video.stream_choice import choose_streams
from touchline.video.time_stamps import RESTART_S

# FFmpeg options of every reader: only local files are opened, and no formats that refer to other
# files (playlists, image sequences).
LOCAL_ONLY = {
    "protocol_whitelist": "file",
    "format_whitelist": "matroska,mov,mpegts,mpeg,avi,flv,asf,mxf,ogg",
}
# A file that ends this much before the duration in its header is truncated. The headers of complete
# files are off by a frame or two.
TRUNCATED_S = 1.0
# MPEG transport streams consist of packets of one of these sizes in bytes (plain, time-stamped,
# with error correction). A file is truncated where its size is a multiple of none.
_TS_PACKETS = (188, 192, 204)


class VideoError(InputError):
    """A video that cannot be used: `problem` says why, `remedy` what to do."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class Video:
    """Properties of a video file.

    `duration_s` is the time from the first picture to the end of the last, `fps` the average frame
    rate, `width` and `height` the size in pixels of the picture as it is shown (after rotation),
    `stream` the index of the video stream in the file; `truncated` says that the file is
    incomplete, `interlaced` that its first picture is; `aspect` is the width by the height at which
    that picture is shown, which differs from `width` / `height` where pixels are not square.
    """

    duration_s: float
    fps: float
    width: int
    height: int
    stream: int
    truncated: bool
    interlaced: bool = False
    aspect: float = 0.0

    def __post_init__(self) -> None:
        """Take pixels for square where no aspect is given."""
        if not self.aspect:
            object.__setattr__(self, "aspect", self.width / self.height)


def local_url(path: Path | str) -> str:
    """Return a `file:` URL, which FFmpeg takes for a local file whatever the path's characters."""
    return f"file:{Path(path).absolute()}"


def probe(path: Path | str) -> Video:
    """Return the properties of a video file, from all its packets and its first picture.

    Takes about 3 % of the time of decoding the file. Raises `VideoError` for a file that does not
    exist, is not a video, has no video stream or no picture, or is longer than `MAX_HALF_S`.
    """
    if Path(path).is_dir():
        raise VideoError(path, "it is a folder.", "Name the video file in it.")
    if not Path(path).is_file():
        raise VideoError(path, "there is no such file.", "Correct the path or fetch the file.")
    try:
        container = av.open(local_url(path), options=LOCAL_ONLY)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            path,
            f"it is not a video that can be read ({reason_of(error)}).",
            "Fetch it again, convert it to mkv or mp4, or wait until it is written to its end.",
        ) from error
    with container:
        stream, _ = choose_streams(container, lambda: av.open(local_url(path), options=LOCAL_ONLY))
        if stream is None:
            raise VideoError(path, "it has no video stream.", "Use the file that has the picture.")
        video = _read_through(Path(path), container, stream)
    if video.duration_s > MAX_HALF_S:
        raise VideoError(
            path,
            f"it lasts {video.duration_s / 3600:.1f} hours by its time stamps; the limit is "
            f"{MAX_HALF_S / 3600:g}.",
            "Cut it to one half per file; if it is shorter, its time stamps jump: write them "
            "anew, by converting it to mp4 or mkv.",
        )
    return video


def _read_through(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream
) -> Video:
    stream.codec_context.thread_count = 1
    first = None
    video_end = file_end = Fraction(0)
    late = _LatePictures()
    for packet in _packets(container):
        if packet.stream_index == stream.index:
            first = first or _first_picture(packet)
        start = packet.dts if packet.pts is None else packet.pts
        if start is None or packet.is_discard:  # decoded for the pictures after it, but not shown
            continue
        end = (start + (packet.duration or 0)) * packet.time_base
        file_end = max(file_end, end)
        if packet.stream_index == stream.index:
            if not packet.duration and stream.average_rate:
                end += 1 / stream.average_rate
            video_end = max(video_end, end)
            late.count(start * packet.time_base)
    if stream.average_rate and not stream.codec_context.reorder_depth:
        video_end += late.number / stream.average_rate
    if first is None:
        raise VideoError(
            path, "no picture in it can be decoded.", "Fetch it again, or convert it to mkv or mp4."
        )
    if first.pts is None or first.time_base is None:
        raise VideoError(path, "its first picture has no time stamp.", "Convert it to mkv or mp4.")
    duration = video_end - first.pts * first.time_base
    width, height = first.width, first.height
    aspect = width / height * float(stream.sample_aspect_ratio or 1)
    if is_sideways(orientation_filters(first)):
        width, height, aspect = height, width, 1 / aspect
    return Video(
        float(duration),
        float(stream.average_rate or stream.guessed_rate or 0),
        width,
        height,
        stream.index,
        _is_truncated(path, container, float(file_end)),
        first.interlaced_frame,
        aspect,
    )


class _LatePictures:
    """Counts the last pictures of a file whose time stamps repeat or step back a little."""

    def __init__(self) -> None:
        self.number = 0
        self.latest_s: Fraction | None = None
        self.has_restarted = False  # time stamps after that mean something else

    def count(self, time_s: Fraction) -> None:
        """Take the time stamp of the next picture, in the order of display."""
        if self.latest_s is None or time_s > self.latest_s:
            self.latest_s, self.number = time_s, 0
        elif time_s < self.latest_s - RESTART_S:
            self.has_restarted = True
        elif not self.has_restarted:
            self.number += 1


def _packets(container: av.container.InputContainer) -> Iterator[av.Packet]:
    """Yield the packets of a file, up to the first that cannot be read."""
    try:
        yield from container.demux()
    except (av.FFmpegError, OSError):
        return


def _first_picture(packet: av.Packet) -> av.VideoFrame | None:
    """Return the first picture that the decoder outputs for a packet; None after an error too."""
    try:
        return next(iter(packet.decode()), None)
    except (av.FFmpegError, OSError):
        return None


def _is_truncated(path: Path, container: av.container.InputContainer, end_s: float) -> bool:
    """Return whether a file whose last packet ends at `end_s` is incomplete."""
    if container.format.name == "mpegts":
        return all(path.stat().st_size % size for size in _TS_PACKETS)
    # Some writers count the duration from the first time stamp, others from 0. `end_s` counts from
    # 0, which gives the larger of the two.
    return (container.duration or 0) / av.time_base - end_s > TRUNCATED_S


def reason_of(error: Exception) -> str:
    """Return why a file cannot be opened, without its path."""
    return getattr(error, "strerror", None) or str(error)


def read_frames(
    path: Path | str,
    *,
    fps: float | None = None,
    times_s: list[float] | None = None,
    sha256: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of a chunk, (T, H, W, 3) uint8 RGB, and their times, (T,) float64.

    Times are the file's time stamps, in seconds from the chunk's start. By default every frame is
    returned; with `times_s` the frame on screen at each of those times, in their order; with `fps`
    the frames on screen at 0, 1/fps, 2/fps … up to the last frame. A frame may be returned more
    than once. `sha256` is the checksum of the manifest, which is checked first. Raises `VideoError`
    when the checksum differs or the file cannot be read.
    """
    if fps is not None and times_s is not None:
        raise ValueError("give fps or times_s, not both")
    remedy = "Delete the manifest; the chunks are made again."
    try:
        if sha256 is not None and checksum(path) != sha256:
            raise VideoError(
                path, "it is not the file that its manifest lists (the checksum differs).", remedy
            )
        with av.open(local_url(path), options=LOCAL_ONLY) as container:
            frames = container.decode(video=0)
            if times_s is not None:
                picked = _on_screen(frames, np.sort(times_s), last_s=np.inf)
            elif fps is not None:
                picked = _on_screen(frames, (k / fps for k in itertools.count()), last_s=0.0)
            else:
                picked = ((_time_s(frame), _rgb(frame)) for frame in frames)
            shown_s, pictures = zip(*picked, strict=True)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            path, f"its frames cannot be read ({reason_of(error)}).", remedy
        ) from error
    order = slice(None) if times_s is None else np.argsort(np.argsort(times_s))
    return np.stack(pictures)[order], np.array(shown_s)[order]


def _on_screen(
    frames: Iterable[av.VideoFrame], times_s: Iterable[float], last_s: float
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the time and the picture of the frame on screen at each of `times_s`, which ascend.

    The last frame stays on screen for `last_s` seconds. A time may be before a frame's time stamp
    by half a tick of the file's clock: frame 2 of 3 frames/s is at 0.667 in a file that counts in
    ms.
    """
    remaining_s = iter(times_s)
    wanted_s = next(remaining_s, None)
    for frame, following in _with_next(frames):
        start_s, half_tick_s = _time_s(frame), float(frame.time_base or 0) / 2
        if following is None:
            end_s = start_s + last_s + half_tick_s
        else:
            end_s = _time_s(following) - half_tick_s
        picture = None
        while wanted_s is not None and wanted_s < end_s:
            picture = _rgb(frame) if picture is None else picture
            yield start_s, picture
            wanted_s = next(remaining_s, None)
        if wanted_s is None:
            return


def _with_next(
    frames: Iterable[av.VideoFrame],
) -> Iterator[tuple[av.VideoFrame, av.VideoFrame | None]]:
    """Yield each frame with the one after it, the last with None."""
    frame = None
    for following in frames:
        if frame is not None:
            yield frame, following
        frame = following
    if frame is not None:
        yield frame, None


def _time_s(frame: av.VideoFrame) -> float:
    if frame.time is None:
        raise ValueError("a frame has no time stamp")
    return frame.time


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24")  # (H, W, 3) uint8

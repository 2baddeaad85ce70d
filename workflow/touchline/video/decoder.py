"""Sequential decoding of a video by ffmpeg: pictures, exact time stamps and decoder errors.

ffmpeg decodes the video, selects the pictures of a regular grid of times, scales them, and writes
them to a pipe. The time stamp of every source frame (filter `showinfo`) and the errors of the
decoder are read from its log. Memory: 9 bytes for each source frame.
"""

import os
import re
import shutil
import subprocess
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, NamedTuple

import av
import ffmpeg  # type: ignore[import-untyped]  # has no type information
import numpy as np

from touchline.core.problems import InputError
from touchline.video.frame_reader import LOCAL_ONLY, Video, VideoError, local_url
from touchline.video.grid import Box, even_width

_TIME_BASE = re.compile(rb"config in time_base: (\d+)/(\d+)")
_FRAME = re.compile(rb" n: *\d+ pts: *(-?\d+) .* iskey:(\d)")
# FFmpeg logs an error when "something went wrong and cannot losslessly be recovered"
# (libavutil/log.h), and a warning when it outputs a picture that the decoder marked as corrupt.
_ERROR = re.compile(rb"\[(?:error|fatal|panic)\] (.*)")
_CORRUPT = b"corrupt decoded frame"


class Picture(NamedTuple):
    """A picture of the grid, at `tick` / rate seconds: all of it, or the score bug alone."""

    tick: int
    is_score_bug: bool
    frame: av.VideoFrame


class Fault(NamedTuple):
    """A part of the video whose pictures are damaged or missing, and the decoder's message."""

    start_s: float
    end_s: float
    message: str


class LogReader(threading.Thread):
    """Thread that reads ffmpeg's log: time stamps and key frames of the source, decoder errors."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._time_base = Fraction(1)
        self._pts = array("q")
        self._is_key = array("b")
        # (index of the next frame, whether that frame is corrupt, message)
        self._errors: list[tuple[int, bool, str]] = []
        self.last_error = ""
        self.start()

    def run(self) -> None:
        for line in _lines(self._stream):
            if shown := _FRAME.search(line):
                self._pts.append(int(shown[1]))
                self._is_key.append(int(shown[2]))
            elif error := _ERROR.search(line):
                self.last_error = error[1].decode(errors="replace").strip()
                if self._pts:  # an error before the first picture damages none
                    self._add_error(False, self.last_error)
            elif _CORRUPT in line:
                self._add_error(True, self.last_error or "the decoder marked a picture as corrupt")
            elif base := _TIME_BASE.search(line):
                self._time_base = Fraction(int(base[1]), int(base[2]))

    @property
    def has_pictures(self) -> bool:
        """Return whether ffmpeg has output any picture."""
        return len(self._pts) > 0

    def _add_error(self, corrupt: bool, message: str) -> None:
        """Record an error at the next frame; only the first message about a frame is kept."""
        if not self._errors or self._errors[-1][:2] != (len(self._pts), corrupt):
            self._errors.append((len(self._pts), corrupt, message))

    def shown_s(self, times: list[Fraction]) -> list[float]:
        """Return the time of the source frame that is on screen at each of `times`, in seconds.

        It is computed in whole ticks of the video's clock, as ffmpeg's `fps` filter selects
        pictures.
        """
        pts = np.maximum.accumulate(np.frombuffer(self._pts, np.int64))
        ticks = [int(time / self._time_base) for time in times]
        index = np.searchsorted(pts, ticks, side="right") - 1
        return self._seconds(pts[index]).tolist()

    def _seconds(self, pts: np.ndarray) -> np.ndarray:
        return pts * self._time_base.numerator / self._time_base.denominator

    def faults(self) -> list[Fault]:
        """Return the parts of the video whose pictures are missing or damaged.

        The pictures from a damaged one to the next key frame are predicted from it, so they count
        too. An error without a corrupt picture stands for a missing one, between the pictures
        before and after the error. Everything after time stamps that jump back counts as damaged.
        """
        times_s = self._seconds(np.frombuffer(self._pts, np.int64))
        keys = np.flatnonzero(np.frombuffer(self._is_key, np.int8))
        back = np.flatnonzero(np.diff(times_s) < 0)[:1]
        faults = [Fault(times_s[i], np.inf, "its time stamps jump back") for i in back]
        for index, corrupt, message in self._errors:
            first = index if corrupt else index - 1
            later = keys[keys > first]
            start_s = times_s[min(first, len(times_s) - 1)]
            faults.append(Fault(start_s, times_s[later[0]] if len(later) else np.inf, message))
        return faults


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a pipe, read in blocks: reading each line as it comes is slow."""
    rest = b""
    while block := os.read(stream.fileno(), 1 << 16):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        time.sleep(0.005)
    yield rest


@contextmanager
def decode(
    path: Path | str,
    video: Video,
    rate: Fraction,
    height: int,
    *,
    score_bug: Box | None = None,
    tick_filter: str | None = None,
    span_s: tuple[float, float] | None = None,
    threads: int = 1,
) -> Iterator[tuple[Iterator[Picture], LogReader]]:
    """Decode a video once; yield an iterator of its pictures at 0, 1/rate, 2/rate … s, and the log.

    The pictures are `height` pixels high, with square pixels, an even width, and BT.601 colours;
    their width is that of the first one, and where the aspect changes later, bars fill the rest;
    those of the score bug have the size of the source. `tick_filter` is an ffmpeg expression of the
    tick `n`; a picture for which it is 0 is left out before it is scaled. With `span_s`, the
    seconds of a start and a length, only that part is read, and its start is time 0.
    The log is complete when the pictures have been iterated over, which raises `VideoError` where
    ffmpeg fails.
    """
    command = _command(path, video, rate, height, score_bug, tick_filter, span_s, threads)
    process: subprocess.Popen[bytes] = command.run_async(
        find_ffmpeg(), pipe_stdout=True, pipe_stderr=True
    )
    assert process.stdout is not None, "a pipe"
    assert process.stderr is not None, "a pipe"
    log = LogReader(process.stderr)
    try:
        yield _pictures(path, process, process.stdout, log, rate), log
    finally:
        process.kill()
        process.wait()
        log.join()
        process.stdout.close()
        process.stderr.close()


def find_ffmpeg() -> str:
    """Return the program ffmpeg of the search path, else that of the package imageio-ffmpeg.

    Raises `InputError` where there is neither.
    """
    if program := shutil.which("ffmpeg"):
        return program
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information
    except ModuleNotFoundError as error:
        raise InputError(
            "there is no program ffmpeg, which cuts videos into chunks. Install it (such as apt "
            "install ffmpeg), or the package imageio-ffmpeg (pip install imageio-ffmpeg)."
        ) from error
    return imageio_ffmpeg.get_ffmpeg_exe()


def _command(
    path: Path | str,
    video: Video,
    rate: Fraction,
    height: int,
    score_bug: Box | None,
    tick_filter: str | None,
    span_s: tuple[float, float] | None,
    threads: int,
) -> ffmpeg.nodes.OutputStream:
    source = ffmpeg.input(local_url(path), threads=threads, reinit_filter=0, **LOCAL_ONLY)
    # STARTPTS is the first picture's time stamp. `tpad` repeats the last picture, since `fps` may
    # drop a picture that no other follows. `round=up` rounds time stamps up to a tick, so that the
    # picture at a tick is the last one that is not after it.
    shown, grid = source[str(video.stream)], {"fps": str(rate), "round": "up"}
    if span_s is None:
        shown = shown.filter("setpts", "PTS-STARTPTS")
    else:
        start_s, length_s = span_s
        shown = shown.filter("setpts", f"PTS-STARTPTS-round({start_s!r}/TB)")
        shown = shown.filter("trim", end=length_s)
        grid["start_time"] = "0"  # of the pictures before it, only the last one is taken
    shown = shown.filter("showinfo", checksum=0)
    if video.interlaced:
        shown = shown.filter("bwdif", mode="send_frame", deint="interlaced")
    selected = shown.filter("tpad", stop_mode="clone", stop_duration=float(1 + 1 / rate)).filter(
        "fps", **grid
    )
    if tick_filter is not None:
        selected = selected.filter("select", tick_filter)
    colours = {"out_color_matrix": "bt601", "out_range": "tv", "flags": "bicubic+accurate_rnd"}
    outputs = [selected]
    if score_bug is not None:
        copies = selected.filter_multi_output("split")
        even = {side: pixels - pixels % 2 for side, pixels in score_bug._asdict().items()}
        outputs = [copies[0], copies[1].filter("crop", **even)]
    outputs[0] = _fit(outputs[0], even_width(video.aspect * height), height, colours)
    outputs[1:] = [bug.filter("scale", **colours) for bug in outputs[1:]]
    return ffmpeg.output(
        *(output.filter("format", "yuv420p") for output in outputs),
        "pipe:",
        format="nut",
        vcodec="rawvideo",
        fps_mode="passthrough",
        enc_time_base=f"{rate.denominator}:{rate.numerator}",
    ).global_args(
        "-hide_banner", "-nostdin", "-nostats", "-copyts", "-loglevel", "repeat+level+info"
    )


def _fit(
    pictures: ffmpeg.nodes.FilterableStream, width: int, height: int, colours: dict[str, str]
) -> ffmpeg.nodes.FilterableStream:
    """Scale pictures to square pixels; where the aspect changes within the file, bars are added."""
    # A width is rounded to an even number, so that of the first aspect may be off by one pixel.
    is_first = f"lt(abs(dar*{height}-{width}),1.01)"
    return (
        pictures.filter(
            "scale",
            w=f"if({is_first},{width},2*max(1,round(min({width},dar*{height})/2)))",
            h=f"if({is_first},{height},2*max(1,round(min({height},{width}/dar)/2)))",
            eval="frame",
            **colours,
        )
        .filter("setsar", "1")
        .filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2", eval="frame")
    )


def _pictures(
    path: Path | str,
    process: subprocess.Popen[bytes],
    output: IO[bytes],
    log: LogReader,
    rate: Fraction,
) -> Iterator[Picture]:
    """Yield the pictures that ffmpeg writes; raise `VideoError` where it fails."""
    # An empty output cannot be opened; the exit status says whether ffmpeg failed.
    with suppress(av.EOFError, av.InvalidDataError), av.open(output, "r", format="nut") as pipe:
        for packet in pipe.demux(pipe.streams.video):
            for frame in packet.decode():
                assert frame.pts is not None, "ffmpeg numbers all pictures"
                assert frame.time_base is not None, "ffmpeg numbers all pictures"
                tick = round(frame.pts * frame.time_base * rate)
                yield Picture(tick, packet.stream_index == 1, frame)
    output.close()
    status = process.wait()
    log.join()
    if status < 0:
        raise RuntimeError(f"ffmpeg was stopped by signal {-status} while it read {path}")
    if status > 0 or not log.has_pictures:
        raise VideoError(
            path,
            f"ffmpeg gave up on it ({log.last_error}).",
            "Fetch it again, or convert it to mkv or mp4 with H.264.",
        )


def fill_ticks(pictures: Iterator[Picture], last_tick: int) -> Iterator[Picture]:
    """Yield one picture for each tick up to `last_tick`; a missing one repeats the one before."""
    latest: dict[bool, Picture] = {}
    for picture in pictures:
        before = latest.get(picture.is_score_bug, picture._replace(tick=-1))
        for tick in range(before.tick + 1, min(picture.tick, last_tick + 1)):
            yield before._replace(tick=tick)
        if before.tick < picture.tick <= last_tick:
            yield picture
        latest[picture.is_score_bug] = picture
    for picture in latest.values():
        for tick in range(picture.tick + 1, last_tick + 1):
            yield picture._replace(tick=tick)

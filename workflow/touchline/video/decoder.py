"""One sequential decoding of a video by ffmpeg: low-rate pictures out, exact times and faults noted.

ffmpeg decodes, picks the pictures of a regular grid of times, scales them, and sends them through a
pipe. Its log says what the pipe cannot: the time stamp of every source frame (filter `showinfo`) and
where the decoder met an error. Memory: 9 bytes for each source frame.
"""

import os
import re
import shutil
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np

from touchline.video.frame_reader import LOCAL_ONLY, Video, VideoError, local_url
from touchline.video.grid import Box

_TIME_BASE = re.compile(rb"config in time_base: (\d+)/(\d+)")
_FRAME = re.compile(rb" n: *\d+ pts: *(-?\d+) .* iskey:(\d)")
# FFmpeg logs an error when "something went wrong and cannot losslessly be recovered"
# (libavutil/log.h), and a warning when it shows a picture that the decoder marked as corrupt.
_ERROR = re.compile(rb"\[(?:error|fatal|panic)\] (.*)")
_CORRUPT = b"corrupt decoded frame"


class Picture(NamedTuple):
    """A picture on the grid: its time is `tick` / rate seconds; `bug` marks the score bug's."""

    tick: int
    bug: bool
    frame: av.VideoFrame


class Fault(NamedTuple):
    """A stretch of the video whose pictures cannot be trusted, and the decoder's words."""

    start_s: float
    end_s: float
    words: str


class Log(threading.Thread):
    """Reads ffmpeg's log to its end: source time stamps, key frames and errors, in order."""

    def __init__(self, stream: BinaryIO):
        super().__init__(daemon=True)
        self._stream = stream
        self._time_base = Fraction(1)
        self._pts = array("q")
        self._is_key = array("b")
        self._errors: list[tuple[int, bool, str]] = []  # (next frame, that frame is corrupt, words)
        self.last_words = ""
        self.start()

    def run(self) -> None:
        for line in _lines(self._stream):
            if shown := _FRAME.search(line):
                self._pts.append(int(shown[1]))
                self._is_key.append(int(shown[2]))
            elif error := _ERROR.search(line):
                self.last_words = error[1].decode(errors="replace").strip()
                if self._pts:  # before the first picture there is nothing to be damaged
                    self._note(False, self.last_words)
            elif _CORRUPT in line:
                self._note(True, self.last_words or "the decoder marked a picture as corrupt")
            elif base := _TIME_BASE.search(line):
                self._time_base = Fraction(int(base[1]), int(base[2]))

    @property
    def has_pictures(self) -> bool:
        """Say whether ffmpeg has shown any picture."""
        return len(self._pts) > 0

    def _note(self, corrupt: bool, words: str) -> None:
        """Keep the first words about each frame."""
        if not self._errors or self._errors[-1][:2] != (len(self._pts), corrupt):
            self._errors.append((len(self._pts), corrupt, words))

    def shown_s(self, times: list[Fraction]) -> list[float]:
        """Return the time of the source frame that is on screen at each of `times`, in seconds.

        Exact, in whole ticks of the video's clock, as ffmpeg's `fps` filter picks the picture.
        """
        pts = np.maximum.accumulate(np.frombuffer(self._pts, np.int64))
        ticks = [int(time / self._time_base) for time in times]
        index = np.searchsorted(pts, ticks, side="right") - 1
        return self._seconds(pts[index]).tolist()

    def _seconds(self, pts: np.ndarray) -> np.ndarray:
        return pts * self._time_base.numerator / self._time_base.denominator

    def faults(self) -> list[Fault]:
        """Return where pictures are missing or wrong.

        The pictures up to the next key frame are built on a damaged one, so they count too.
        An error without a corrupt picture stands for one that never came: it lies between the
        pictures before and after.
        """
        times_s = self._seconds(np.frombuffer(self._pts, np.int64))
        keys = np.flatnonzero(np.frombuffer(self._is_key, np.int8))
        back = np.flatnonzero(np.diff(times_s) < 0)[:1]
        faults = [Fault(times_s[i], np.inf, "its time stamps jump back") for i in back]
        for index, corrupt, words in self._errors:
            first = index if corrupt else index - 1
            later = keys[keys > first]
            start_s = times_s[min(first, len(times_s) - 1)]
            faults.append(Fault(start_s, times_s[later[0]] if len(later) else np.inf, words))
        return faults


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a pipe, waiting for many at a time: reading each as it comes is slow."""
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
    wanted: str | None = None,
    threads: int = 1,
) -> Iterator[tuple[Iterator[Picture], Log]]:
    """Decode a video once; yield its pictures at 0, 1/rate, 2/rate … s, and the log.

    The pictures are `height` pixels high, with square pixels, an even width, and BT.601 colours;
    those of the score bug are cut out of the source as it is. `wanted` is an ffmpeg expression of
    the tick `n`: where it is 0 the picture is left out, before it costs anything.
    The log is complete when the pictures have run out. Raises `VideoError` when ffmpeg gives up.
    """
    # The one on the path, else the one that the package carries.
    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    process = _command(path, video, rate, height, score_bug, wanted, threads).run_async(
        program, pipe_stdout=True, pipe_stderr=True
    )
    log = Log(process.stderr)
    try:
        yield _pictures(path, process, log, rate), log
    finally:
        process.kill()
        process.wait()
        log.join()
        process.stdout.close()
        process.stderr.close()


def _command(path, video, rate, height, score_bug, wanted, threads):
    source = ffmpeg.input(local_url(path), threads=threads, reinit_filter=0, **LOCAL_ONLY)
    # STARTPTS is the first picture's time stamp. `tpad` holds the last picture for a while, since
    # `fps` may drop the one that nothing follows. `round=up` on the way in makes the picture at a
    # grid time the last one that is not after it.
    picked = (
        source[str(video.stream)]
        .filter("setpts", "PTS-STARTPTS")
        .filter("showinfo", checksum=0)
        .filter("tpad", stop_mode="clone", stop_duration=float(1 + 1 / rate))
        .filter("fps", fps=str(rate), round="up")
    )
    if wanted is not None:
        picked = picked.filter("select", wanted)
    colours = {"out_color_matrix": "bt601", "out_range": "tv", "flags": "bicubic+accurate_rnd"}
    outputs = [picked]
    if score_bug is not None:
        copies = picked.filter_multi_output("split")
        even = {side: pixels - pixels % 2 for side, pixels in score_bug._asdict().items()}
        outputs = [copies[0], copies[1].filter("crop", **even)]
    width = f"2*max(1,round(dar*{height}/2))"
    outputs[0] = outputs[0].filter("scale", w=width, h=height, **colours).filter("setsar", "1")
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


def _pictures(path, process, log: Log, rate: Fraction) -> Iterator[Picture]:
    with suppress(av.EOFError, av.InvalidDataError), av.open(process.stdout, format="nut") as pipe:
        for packet in pipe.demux():
            for frame in packet.decode():
                tick = round(frame.pts * frame.time_base * rate)
                yield Picture(tick, packet.stream_index == 1, frame)
    process.stdout.close()  # where ffmpeg wrote nothing there is nothing to open: its status says why
    status = process.wait()
    log.join()
    if status < 0:
        raise RuntimeError(f"ffmpeg was stopped by signal {-status} while it read {path}")
    if status > 0 or not log.has_pictures:
        raise VideoError(
            path,
            f"ffmpeg gave up on it ({log.last_words}).",
            "Fetch it again, or convert it to mkv or mp4 with H.264.",
        )


def every_tick(pictures: Iterator[Picture], last_tick: int) -> Iterator[Picture]:
    """Yield exactly one picture for each tick: a missing one is what was on screen before it."""
    latest: dict[bool, Picture] = {}
    for picture in pictures:
        before = latest.get(picture.bug, picture._replace(tick=-1))
        for tick in range(before.tick + 1, min(picture.tick, last_tick + 1)):
            yield before._replace(tick=tick)
        if before.tick < picture.tick <= last_tick:
            yield picture
        latest[picture.bug] = picture
    for picture in latest.values():
        for tick in range(picture.tick + 1, last_tick + 1):
            yield picture._replace(tick=tick)

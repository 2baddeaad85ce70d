"""Cut clips out of videos, frame by frame and with their sound, and join them to one reel.

Time 0 of a video is its first picture, as everywhere. A clip starts with the picture that is on screen
at its start and ends before the first picture at or after its end, whatever the key frames and the
frame rate; a picture lasts in the reel as long as in the video. Decoded is what lies between
the key frame before a clip and its end. With `stream_copy` nothing is encoded: then a clip starts with
that key frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.stream import Disposition
from av.video.frame import PictureType

from touchline.core.files import atomic_file
from touchline.reels.title_overlay import COLOUR_FIELDS, Title
from touchline.video.frame_reader import LOCAL_ONLY, VideoError, local_url

TICKS = 90_000  # of the reel's clock in a second: whole frames of every usual rate
SOUND_RATE = 48_000
SOUND_BEHIND_S = 1
TITLE_S = 3.0
# The fastest preset: the files have about twice the size of the source, and look like it. A key frame
# each 2 s makes jumps in a player quick.
_ENCODING = {"preset": "ultrafast", "crf": "21", "g": "50"}
# Without the tools that save bits where there are few: a fifth of the time.
_SOUND_ENCODING = {"aac_coder": "fast", "b": "160k"}
_SOUND_ENCODING |= dict.fromkeys(("aac_tns", "aac_is", "aac_ms", "aac_pns"), "0")


@dataclass(frozen=True)
class Piece:
    """What is to be cut: seconds of a video, and what is written into the picture."""

    path: Path
    start_s: float
    end_s: float
    title: str = ""


@dataclass(frozen=True)
class Cut:
    """What was cut: seconds of the video, exactly its pictures' times, and of the reel."""

    start_s: Fraction
    end_s: Fraction
    reel_start_s: Fraction
    reel_end_s: Fraction


class Source:
    """A video that pieces are cut from."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.path, self.threads = path, threads
        self.reopen()
        first = next(self._decode(self.video), None)
        if first is None:
            raise VideoError(path, "no picture in it can be decoded.", "Fetch it again.")
        self.first = first
        self.zero_s = first.pts * first.time_base

    def reopen(self) -> None:
        """Open the file afresh, at its start."""
        try:
            self.file = av.open(local_url(self.path), options=LOCAL_ONLY)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                self.path, f"it cannot be opened ({error}).", "Correct the path, or fetch it again."
            ) from error
        is_cover = Disposition.attached_pic
        streams = [one for one in self.file.streams.video if not one.disposition & is_cover]
        if not streams:
            raise VideoError(
                self.path, "it has no video stream.", "Use the file that has the picture."
            )
        self.video = streams[0]
        self.sound = next(iter(self.file.streams.audio), None)
        self.video.codec_context.thread_count = self.threads
        self.video.thread_type = "AUTO"

    def _decode(self, stream) -> Iterator[av.frame.Frame]:
        """Yield frames from where the file is; damaged packets are passed over."""
        with suppress(av.FFmpegError, OSError):
            for packet in self.file.demux(stream):
                with suppress(av.FFmpegError):
                    yield from (frame for frame in packet.decode() if frame.pts is not None)

    def _from(self, kind: str, time_s: Fraction) -> Iterator[tuple[Fraction, av.frame.Frame]]:
        """Yield (time, frame) of the stream `video` or `sound` from the key frame before a time.

        Where a file has no index a jump may land too late: then from earlier, in the end from the
        start.
        """
        for earlier_s in (0, 5, 60, None):
            if earlier_s is None:
                self.reopen()
            stream = getattr(self, kind)
            if earlier_s is not None:
                # By the pictures for the sound too, which has no index of its own in Matroska: without
                # one the file is read through. It may lie a little behind them.
                early_s = earlier_s + (SOUND_BEHIND_S if kind == "sound" else 0)
                offset = int((self.zero_s + time_s - early_s) / self.video.time_base)
                with suppress(av.FFmpegError):
                    self.file.seek(offset, stream=self.video)
            timed = (
                (frame.pts * frame.time_base - self.zero_s, frame) for frame in self._decode(stream)
            )
            head = next(timed, None)
            if earlier_s is None or (head is not None and head[0] <= time_s):
                break
        if head is not None:
            yield head
            yield from timed

    def frames(self, kind: str, start_s: Fraction) -> Iterator[tuple[Fraction, av.frame.Frame]]:
        """Yield (time, frame) from the frame that is there at `start_s` on, or the first after it."""
        before = None
        for following in self._from(kind, start_s):
            if before and (before[0] >= start_s or following[0] > start_s):
                yield before
            before = following
        if before and before[0] + self.lasts_s(before[1]) > start_s:
            yield before

    def lasts_s(self, frame: av.frame.Frame) -> Fraction:
        """Return how long the last frame of a file lasts."""
        if isinstance(frame, av.AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        return self.picture_s

    @property
    def picture_s(self) -> Fraction:
        """Return how long a picture lasts on average."""
        return 1 / Fraction(self.video.average_rate or self.video.guessed_rate or 25)


def splice(
    pieces: Sequence[Piece],
    out: Path,
    *,
    fade_s: float = 0.05,
    titles: bool = True,
    threads: int = 1,
) -> list[Cut | None]:
    """Write the reel of the pieces, in their order, whole; return what was cut of each.

    None stands for a piece of which its video has no picture. Videos of another size than the first
    are fitted into its picture. Raises `VideoError` for a video that cannot be read, or where no
    piece has a picture, ValueError without pieces; then nothing is written.
    """
    if not pieces:
        raise ValueError("a reel needs pieces")
    sources = {piece.path: Source(piece.path, threads) for piece in pieces}
    with atomic_file(out) as partial_path:
        with av.open(local_url(partial_path), "w", options={"fflags": "+bitexact"}) as file:
            reel = _Reel(file, list(sources.values()), fade_s, threads)
            cuts = [reel.add(sources[piece.path], piece, titles) for piece in pieces]
            reel.close()
        check_any(cuts, out)
    return cuts


def check_any(cuts: Sequence[Cut | None], out: Path) -> None:
    """Raise `VideoError` for a reel without a picture."""
    if not any(cuts):
        raise VideoError(out, "the videos have no picture in any of the clips.", "Check them.")


class _Reel:
    """An mp4 that is being written."""

    def __init__(self, file, sources: list[Source], fade_s: float, threads: int) -> None:
        self.file, self.fade_s = file, fade_s
        first = sources[0]
        self.video = file.add_stream("libx264", options=_ENCODING)
        self.video.width, self.video.height = (
            side // 2 * 2 for side in _square(first, first.first)
        )
        self.video.pix_fmt = "yuv420p"
        self.video.time_base = self.video.codec_context.time_base = Fraction(1, TICKS)
        self.video.codec_context.framerate = first.video.average_rate or 25
        self.video.codec_context.thread_count = threads
        for name in COLOUR_FIELDS:
            setattr(self.video.codec_context, name, getattr(first.video.codec_context, name))
        self.sound = None
        heard = [source.sound for source in sources if source.sound]
        self.layout = "mono" if all(one.channels == 1 for one in heard) else "stereo"
        if heard:
            self.sound = file.add_stream(
                "aac", rate=SOUND_RATE, layout=self.layout, options=_SOUND_ENCODING
            )
        self.end_s = Fraction(0)
        self.samples = 0

    def add(self, source: Source, piece: Piece, titles: bool) -> Cut | None:
        """Encode a piece; return what was cut, None where the video has no picture of it."""
        start_s, end_s = Fraction(piece.start_s), Fraction(piece.end_s)
        title = Title(piece.title, (self.video.width, self.video.height)) if titles else None
        fit = _Fit(source, self.video.width, self.video.height)
        began_s = self.end_s
        first_s = last_s = None
        frames = source.frames("video", max(start_s, Fraction(0)))
        for (time_s, frame), following in pairwise(_and_none(frames)):
            if time_s >= end_s:
                break
            first_s = time_s if first_s is None else first_s
            last_s = following[0] if following else time_s + source.lasts_s(frame)
            picture = fit(frame)
            if title and time_s - first_s < TITLE_S:
                picture = title.draw(picture)
            self._encode(picture, began_s + time_s - first_s, time_s == first_s)
        if first_s is None:
            return None
        self.end_s = began_s + last_s - first_s
        if self.sound:
            self._encode_sound(source, first_s, last_s)
        return Cut(first_s, last_s, began_s, self.end_s)

    def _encode(self, picture: av.VideoFrame, time_s: Fraction, is_key: bool) -> None:
        picture.pts, picture.time_base = round(time_s * TICKS), Fraction(1, TICKS)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self.file.mux(self.video.encode(picture))

    def _encode_sound(self, source: Source, start_s: Fraction, end_s: Fraction) -> None:
        """Encode the sound of a piece: as many samples as its pictures last, faded at both ends."""
        count = round(self.end_s * SOUND_RATE) - self.samples
        sound = np.zeros((1 if self.layout == "mono" else 2, count), np.float32)
        if source.sound:
            resampler = av.AudioResampler("fltp", self.layout, SOUND_RATE)
            for time_s, frame in source.frames("sound", start_s):
                if time_s >= end_s:
                    break
                at = round((time_s - start_s) * SOUND_RATE)
                for part in resampler.resample(frame):
                    at = _paste(sound, part.to_ndarray(), at)
        fade = min(int(self.fade_s * SOUND_RATE), count // 2)
        ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
        sound[:, :fade] *= ramp
        sound[:, count - fade :] *= ramp[::-1]
        frame = av.AudioFrame.from_ndarray(sound, "fltp", self.layout)
        frame.sample_rate, frame.pts = SOUND_RATE, self.samples
        frame.time_base = Fraction(1, SOUND_RATE)
        self.samples += count
        self.file.mux(self.sound.encode(frame))

    def close(self) -> None:
        """Write what the encoders still hold."""
        for stream in (self.video, self.sound):
            if stream is not None:
                self.file.mux(stream.encode(None))


def _and_none(frames: Iterable) -> Iterator:
    yield from frames
    yield None


def _paste(sound: np.ndarray, part: np.ndarray, at: int) -> int:
    """Put samples (channels, n) at their place, as far as they lie in `sound`; return the place behind them."""
    first, last = max(0, at), min(sound.shape[1], at + part.shape[1])
    if first < last:
        sound[:, first:last] = part[:, first - at : last - at]
    return at + part.shape[1]


def _square(source: Source, frame: av.VideoFrame) -> tuple[int, int]:
    """Return (width, height) of a picture with square pixels, upright."""
    size = round(frame.width * (source.video.sample_aspect_ratio or 1)), frame.height
    return size if frame.rotation % 180 == 0 else size[::-1]


class _Fit:
    """Turns pictures upright and fits them, as they are, into the reel's picture."""

    def __init__(self, source: Source, width: int, height: int) -> None:
        self.source, self.width, self.height = source, width, height
        self.made: tuple | None = None
        self.graph: Graph | None = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        like = (frame.width, frame.height, frame.format.name, frame.rotation)
        square = _square(self.source, frame)
        if like[2:] == ("yuv420p", 0) and like[:2] == square == (self.width, self.height):
            return frame
        if like != self.made:  # a file may change its size on the way
            self.made, self.graph = like, self._build(frame, *square)
        self.graph.push(frame)
        return self.graph.pull()

    def _build(self, frame: av.VideoFrame, width: int, height: int) -> Graph:
        scale = min(self.width / width, self.height / height)
        inner = [max(2, round(side * scale) // 2 * 2) for side in (width, height)]
        graph = Graph()
        nodes = [graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )]  # fmt: skip
        nodes += [graph.add(name, words) for name, words in _TURNS[frame.rotation % 360]]
        nodes += [
            graph.add("scale", f"{inner[0]}:{inner[1]}:flags=bicubic"),
            graph.add("pad", f"{self.width}:{self.height}:(ow-iw)/2:(oh-ih)/2"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph


# Degrees counterclockwise that a file says its pictures are to be turned, and ffmpeg's filters for it.
_TURNS = {
    0: (),
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}

"""Frame-exact cutting of clips, with their sound, and joining of them to one encoded reel.

A clip starts with the picture that is on screen at its start and ends before the first picture at
or after its end, independent of key frames and frame rate; each picture has the same duration in
the reel as in the video. Only the part from the key frame before a clip to its end is decoded.
`stream_copy` is the alternative that encodes nothing, in which a clip starts with that key frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import PictureType

from touchline.core.files import atomic_file
from touchline.reels.source import DEFAULT_FPS, Source
from touchline.reels.title_overlay import COLOUR_FIELDS, Title
from touchline.video.frame_reader import VideoError, local_url

TICKS = 90_000  # of the reel's clock in a second: whole frames of every usual rate
SOUND_RATE = 48_000  # Hz
TITLE_S = 3.0
# The fastest preset: files of about twice the size of the source, of the same visual quality. A key
# frame every 2 s makes seeking in a player quick.
_ENCODING = {"preset": "ultrafast", "crf": "21", "g": "50"}
# Without the coding tools that only help at low bit rates: a fifth of the encoding time.
_SOUND_ENCODING = {"aac_coder": "fast", "b": "160k"}
_SOUND_ENCODING |= dict.fromkeys(("aac_tns", "aac_is", "aac_ms", "aac_pns"), "0")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Piece:
    """A part of a source to be cut, in seconds, and the title to be written into the picture."""

    source: Source
    start_s: float
    end_s: float
    title: str = ""


@dataclass(frozen=True)
class Cut:
    """A piece as it was cut: exact times of its pictures in the source, and times in the reel."""

    start_s: Fraction
    end_s: Fraction
    reel_start_s: Fraction
    reel_end_s: Fraction


def splice(
    pieces: Sequence[Piece],
    out: Path,
    *,
    fade_s: float = 0.05,
    titles: bool = True,
    threads: int = 1,
) -> list[Cut | None]:
    """Write the encoded reel of the pieces, in their order, and return what was cut of each.

    A piece of which the source has no picture gives None. Sources of another size than the first
    are scaled and padded to its size. Raises `VideoError` where no piece has a picture, ValueError
    without pieces; then nothing is written.
    """
    if not pieces:
        raise ValueError("a reel needs pieces")
    with atomic_file(out) as partial_path:
        with av.open(local_url(partial_path), "w", options={"fflags": "+bitexact"}) as file:
            reel = _ReelWriter(file, sources_of(pieces), fade_s, threads)
            cuts = [reel.add(piece, titles) for piece in pieces]
            reel.flush()
        check_any(cuts, out)
    return cuts


def sources_of(pieces: Sequence[Piece]) -> list[Source]:
    """Return the sources of the pieces, each once, in the order in which they are used."""
    return list(dict.fromkeys(piece.source for piece in pieces))


def check_any(cuts: Sequence[Cut | None], out: Path) -> None:
    """Raise `VideoError` for a reel without a picture."""
    if not any(cuts):
        raise VideoError(out, "the videos have no picture in any of the clips.", "Check them.")


class _ReelWriter:
    """An mp4 that is being written, with the size, rate and colours of the first source."""

    def __init__(
        self, file: OutputContainer, sources: list[Source], fade_s: float, threads: int
    ) -> None:
        self.file, self.fade_s = file, fade_s
        first = sources[0]
        self.video = file.add_stream("libx264", options=_ENCODING)
        self.video.width, self.video.height = (
            side // 2 * 2 for side in _display_size(first, first.first_picture)
        )
        self.video.pix_fmt = "yuv420p"
        self.video.time_base = self.video.codec_context.time_base = Fraction(1, TICKS)
        self.video.codec_context.framerate = first.video.average_rate or Fraction(DEFAULT_FPS)
        self.video.codec_context.thread_count = threads
        for name in COLOUR_FIELDS:
            setattr(self.video.codec_context, name, getattr(first.video.codec_context, name))
        self.sound: av.AudioStream | None = None
        sounds = [source.sound for source in sources if source.sound]
        self.layout = "mono" if all(sound.channels == 1 for sound in sounds) else "stereo"
        if sounds:
            self.sound = file.add_stream(
                "aac", rate=SOUND_RATE, layout=self.layout, options=_SOUND_ENCODING
            )
        self.end_s = Fraction(0)
        self.samples = 0

    def add(self, piece: Piece, titles: bool) -> Cut | None:
        """Encode a piece; return what was cut, None where the source has no picture of it."""
        source, size = piece.source, (self.video.width, self.video.height)
        start_s, end_s = Fraction(piece.start_s), Fraction(piece.end_s)
        title = Title(piece.title, size) if titles else None
        fitter = _Fitter(source, *size)
        reel_start_s = self.end_s
        first_s: Fraction | None = None
        last_s = start_s
        pictures = source.pictures_from(max(start_s, Fraction(0)))
        for (time_s, picture), following in _with_next(pictures):
            if time_s >= end_s:
                break
            first_s = time_s if first_s is None else first_s
            last_s = following[0] if following else time_s + source.duration_s(picture)
            fitted = fitter.fit(picture)
            if title and time_s - first_s < TITLE_S:
                fitted = title.draw(fitted)
            self._encode(fitted, reel_start_s + time_s - first_s, time_s == first_s)
        if first_s is None:
            return None
        self.end_s = reel_start_s + last_s - first_s
        if self.sound:
            self._encode_sound(self.sound, source, first_s, last_s)
        return Cut(first_s, last_s, reel_start_s, self.end_s)

    def _encode(self, picture: av.VideoFrame, time_s: Fraction, is_key: bool) -> None:
        picture.pts, picture.time_base = round(time_s * TICKS), Fraction(1, TICKS)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self.file.mux(self.video.encode(picture))

    def _encode_sound(
        self, stream: av.AudioStream, source: Source, start_s: Fraction, end_s: Fraction
    ) -> None:
        """Encode the sound of a piece: as many samples as its pictures last, faded at both ends."""
        count = round(self.end_s * SOUND_RATE) - self.samples
        sound = np.zeros((1 if self.layout == "mono" else 2, count), np.float32)
        if source.sound:
            resampler = av.AudioResampler("fltp", self.layout, SOUND_RATE)
            for time_s, frame in source.sound_from(start_s):
                if time_s >= end_s:
                    break
                position = round((time_s - start_s) * SOUND_RATE)
                for resampled in resampler.resample(frame):
                    position = _paste(sound, resampled.to_ndarray(), position)
        fade = min(int(self.fade_s * SOUND_RATE), count // 2)
        ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
        sound[:, :fade] *= ramp
        sound[:, count - fade :] *= ramp[::-1]
        encoded = av.AudioFrame.from_ndarray(sound, "fltp", self.layout)
        encoded.sample_rate, encoded.pts = SOUND_RATE, self.samples
        encoded.time_base = Fraction(1, SOUND_RATE)
        self.samples += count
        self.file.mux(stream.encode(encoded))

    def flush(self) -> None:
        """Write what the encoders still hold."""
        self.file.mux(self.video.encode(None))
        if self.sound:
            self.file.mux(self.sound.encode(None))


def _with_next(items: Iterable[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Yield each item with the one after it; the last one with None."""
    previous: Item | None = None
    for item in items:
        if previous is not None:
            yield previous, item
        previous = item
    if previous is not None:
        yield previous, None


def _paste(sound: np.ndarray, part: np.ndarray, position: int) -> int:
    """Copy samples (channels, n) into `sound` where they overlap; return the position after them."""
    first, last = max(0, position), min(sound.shape[1], position + part.shape[1])
    if first < last:
        sound[:, first:last] = part[:, first - position : last - position]
    return position + part.shape[1]


def _display_size(source: Source, picture: av.VideoFrame) -> tuple[int, int]:
    """Return (width, height) of a picture upright and with square pixels."""
    width = round(picture.width * (source.video.sample_aspect_ratio or 1))
    size = width, picture.height
    return size if picture.rotation % 180 == 0 else size[::-1]


class _Fitter:
    """Rotates pictures upright and scales and pads them to the reel's size."""

    def __init__(self, source: Source, width: int, height: int) -> None:
        self.source, self.width, self.height = source, width, height
        # The filter graph for pictures of one (width, height, format, rotation).
        self.graph: tuple[tuple[int, int, str, int], Graph] | None = None

    def fit(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the picture in the reel's size; the picture itself where it has that already."""
        layout = (picture.width, picture.height, picture.format.name, picture.rotation)
        size = _display_size(self.source, picture)
        if layout[2:] == ("yuv420p", 0) and layout[:2] == size == (self.width, self.height):
            return picture
        if self.graph is None or self.graph[0] != layout:  # a file may change its size on the way
            self.graph = layout, self._build_graph(picture, *size)
        self.graph[1].vpush(picture)
        return self.graph[1].vpull()

    def _build_graph(self, picture: av.VideoFrame, width: int, height: int) -> Graph:
        scale = min(self.width / width, self.height / height)
        inner = [max(2, round(side * scale) // 2 * 2) for side in (width, height)]
        graph = Graph()
        nodes = [graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format,
            time_base=picture.time_base,
        )]  # fmt: skip
        rotation = _ROTATION_FILTERS[picture.rotation % 360]
        nodes += [graph.add(name, arguments) for name, arguments in rotation]
        nodes += [
            graph.add("scale", f"{inner[0]}:{inner[1]}:flags=bicubic"),
            graph.add("pad", f"{self.width}:{self.height}:(ow-iw)/2:(oh-ih)/2"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph


# A file's display rotation in degrees counterclockwise → the FFmpeg filters that apply it.
_ROTATION_FILTERS: dict[int, tuple[tuple[str, str | None], ...]] = {
    0: (),
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}

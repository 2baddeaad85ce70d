"""Frame-exact cutting of clips, with their sound, and joining of them to one encoded reel.

A clip starts with the picture that is on screen at its start and ends before the first picture at
or after its end, independent of key frames and frame rate; each picture has the same duration in
the reel as in the video. Only the part from the key frame before a clip to its end is decoded.
`stream_copy` is the alternative that encodes nothing, in which a clip starts with that key frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType

from touchline.core.errors import disk_errno
from touchline.core.files import atomic_file
from touchline.reels.cutting.sound import placed_samples
from touchline.reels.title_overlay import COLOUR_FIELDS, Title
from touchline.video.frame_reader import VideoError, local_url
from touchline.video.picture_fitter import (
    FORMAT,
    LIMITED_RANGE,
    PictureFitter,
    matrix_of,
    shown_size,
)
from touchline.video.source import (
    DEFAULT_FPS,
    LONGEST_STILL_S,
    Picture,
    Source,
)

TICKS = 90_000  # of the reel's clock in a second: whole frames of every usual rate
SOUND_RATE = 48_000  # Hz
TITLE_S = 3.0
# x264's default quality at its fastest preset with all tools for compression; the sizes are in
# `benchmarks/README.md`. A key frame every 2 s makes seeking in a player quick.
_ENCODING = {"preset": "veryfast", "crf": "23", "g": "50"}
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
    remedy = "Convert the videos to mp4 with H.264 and AAC."
    with atomic_file(out) as partial_path:
        with (
            coding_errors(out, "the pictures or the sound cannot be encoded", remedy),
            av.open(local_url(partial_path), "w", options={"fflags": "+bitexact"}) as file,
        ):
            reel = _ReelWriter(file, pieces, fade_s, threads)
            cuts = [reel.add(piece, titles) for piece in pieces]
            reel.flush()
        check_any(cuts, out)
    return cuts


@contextmanager
def coding_errors(path: Path, problem: str, remedy: str) -> Iterator[None]:
    """Raise FFmpeg's errors in the block as a `VideoError`, but those of the disk as they are."""
    try:
        yield
    except av.FFmpegError as error:
        if disk_errno(error) is not None:
            raise
        raise VideoError(path, f"{problem} ({error}).", remedy) from error


def sources_of(pieces: Sequence[Piece]) -> list[Source]:
    """Return the sources of the pieces, each once, in the order in which they are used."""
    return list(dict.fromkeys(piece.source for piece in pieces))


def check_any(cuts: Sequence[Cut | None], out: Path) -> None:
    """Raise `VideoError` for a reel without a picture."""
    if not any(cuts):
        raise VideoError(out, "the videos have no picture in any of the clips.", "Check them.")


class _ReelWriter:
    """An mp4 that is being written, with the size, rate and colours of its first picture."""

    def __init__(
        self, file: OutputContainer, pieces: Sequence[Piece], fade_s: float, threads: int
    ) -> None:
        self.file, self.fade_s = file, fade_s
        sources = sources_of(pieces)
        picture, aspect = _first_picture(pieces)
        width, height = (side // 2 * 2 for side in shown_size(picture, aspect))
        self.size, self.matrix = (max(2, width), max(2, height)), matrix_of(picture)
        self.video = file.add_stream("libx264", options=_ENCODING)
        self.video.width, self.video.height = self.size
        self.video.pix_fmt = FORMAT
        self.video.time_base = self.video.codec_context.time_base = Fraction(1, TICKS)
        self.video.codec_context.framerate = sources[0].video.average_rate or Fraction(DEFAULT_FPS)
        self.video.codec_context.thread_count = threads
        for name in COLOUR_FIELDS:
            setattr(self.video.codec_context, name, getattr(picture, name))
        self.video.codec_context.color_range = LIMITED_RANGE
        self.video.codec_context.colorspace = self.matrix
        self.sound: av.AudioStream | None = None
        sounds = [source.sound for source in sources if source.sound]
        self.layout = "mono" if all(sound.channels == 1 for sound in sounds) else "stereo"
        if sounds:
            self.sound = file.add_stream(
                "aac", rate=SOUND_RATE, layout=self.layout, options=_SOUND_ENCODING
            )
        self.end_s = Fraction(0)
        self.samples = 0
        self.durations: dict[int, int] = {}  # of pictures in the encoder, by their time, in ticks

    def add(self, piece: Piece, titles: bool) -> Cut | None:
        """Encode a piece; return what was cut, None where the source has no picture of it."""
        title = Title(piece.title, self.size) if titles else None
        fitter = PictureFitter(self.size, self.matrix)
        reel_start_s = self.end_s
        first_s: Fraction | None = None
        last_s = Fraction(0)
        for (shown_s, until_s), picture in fitter.fit(_pictures_of(piece)):
            first_s = shown_s if first_s is None else first_s
            last_s = until_s
            if title and shown_s - first_s < TITLE_S:
                picture = title.draw(picture)
            self._encode(
                picture, reel_start_s + shown_s - first_s, until_s - shown_s, shown_s == first_s
            )
        if first_s is None:
            return None
        self.end_s = reel_start_s + last_s - first_s
        if self.sound:
            self._encode_sound(self.sound, piece.source, first_s, last_s)
        return Cut(first_s, last_s, reel_start_s, self.end_s)

    def _encode(
        self, picture: av.VideoFrame, time_s: Fraction, duration_s: Fraction, is_key: bool
    ) -> None:
        picture.pts, picture.time_base = round(time_s * TICKS), Fraction(1, TICKS)
        self.durations[picture.pts] = round(duration_s * TICKS)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._mux(self.video.encode(picture))

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            if packet.pts is not None:  # x264 does not say how long the last picture lasts
                packet.duration = self.durations.pop(packet.pts)
            self.file.mux(packet)

    def _encode_sound(
        self, stream: av.AudioStream, source: Source, start_s: Fraction, end_s: Fraction
    ) -> None:
        """Encode the sound of a piece: as many samples as its pictures last, faded at both ends."""
        count = round(self.end_s * SOUND_RATE) - self.samples
        sound = np.zeros((1 if self.layout == "mono" else 2, count), np.float32)
        if source.sound:
            for place, part in placed_samples(source, start_s, end_s, self.layout, SOUND_RATE):
                _paste(sound, part, place)
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
        self._mux(self.video.encode(None))
        if self.sound:
            self.file.mux(self.sound.encode(None))


def _first_picture(pieces: Sequence[Piece]) -> Picture:
    """Return the first picture of the reel; that of the first source where no piece has one."""
    for piece in pieces:
        for _, picture in piece.source.pictures_from(max(Fraction(piece.start_s), Fraction(0))):
            return picture
    return pieces[0].source.first_picture


def _pictures_of(
    piece: Piece,
) -> Iterator[tuple[tuple[Fraction, Fraction], av.VideoFrame, Fraction]]:
    """Yield ((from, until) in the source, picture, aspect of its pixels) of a piece.

    A picture that stays for long before or after the piece is shown within it alone.
    """
    start_s, end_s = max(Fraction(piece.start_s), Fraction(0)), Fraction(piece.end_s)
    for (time_s, picture), following in _with_next(piece.source.pictures_from(start_s)):
        if time_s >= end_s:
            break
        until_s = following[0] if following else time_s + piece.source.picture_s
        shown_s = start_s if time_s < start_s - LONGEST_STILL_S else time_s
        until_s = end_s if until_s > end_s + LONGEST_STILL_S else until_s
        yield (shown_s, until_s), picture.frame, picture.pixel_aspect


def _with_next(items: Iterable[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Yield each item with the one after it; the last one with None."""
    previous: Item | None = None
    for item in items:
        if previous is not None:
            yield previous, item
        previous = item
    if previous is not None:
        yield previous, None


def _paste(sound: np.ndarray, part: np.ndarray, position: int) -> None:
    """Copy samples (channels, n) into `sound` where they overlap."""
    first, last = max(0, position), min(sound.shape[1], position + part.shape[1])
    if first < last:
        sound[:, first:last] = part[:, first - position : last - position]

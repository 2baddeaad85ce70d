"""Source video of a reel: exact access to its pictures and sound from any time on.

Time 0 of a video is its first picture, as everywhere.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.stream import Disposition

from touchline.video.frame_reader import LOCAL_ONLY, VideoError, local_url

Frame = TypeVar("Frame", av.VideoFrame, av.AudioFrame)
Item = TypeVar("Item")
Stream = av.VideoStream | av.AudioStream
Timed = tuple[Fraction, Item]  # seconds of the video, and what is there

# The sound of a moment may lie this much behind its pictures in the file.
SOUND_DELAY_S = 1
# Seeks start this much before the wanted time; None: the file is read from its start.
SEEK_MARGINS_S = (0, 5, 60, None)
DEFAULT_FPS = 25  # of a file that states no frame rate


class Source:
    """A video file that clips are cut from; it is opened once."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Open the file with so many decoding threads; raise `VideoError` for one without a picture."""
        self.path, self.threads = path, threads
        self._open()
        self.zero_s = Fraction(0)
        first = next(self._decode(av.VideoFrame), None)
        if first is None:
            raise VideoError(path, "no picture in it can be decoded.", "Fetch it again.")
        self.zero_s, self.first_picture = first

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _open(self) -> None:
        try:
            self.file = av.open(local_url(self.path), options=LOCAL_ONLY)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                self.path, f"it cannot be opened ({error}).", "Correct the path, or fetch it again."
            ) from error
        is_cover = Disposition.attached_pic
        streams = [
            stream for stream in self.file.streams.video if not stream.disposition & is_cover
        ]
        if not streams:
            raise VideoError(
                self.path, "it has no video stream.", "Use the file that has the picture."
            )
        self.video = streams[0]
        self.sound = next(iter(self.file.streams.audio), None)
        self.video.codec_context.thread_count = self.threads
        self.video.thread_type = "AUTO"

    def _stream(self, kind: type[Frame]) -> Stream | None:
        return self.video if kind is av.VideoFrame else self.sound

    def _decode(self, kind: type[Frame]) -> Iterator[Timed[Frame]]:
        """Yield (time, frame) of a kind from the file's position; damaged packets are skipped."""
        with suppress(av.FFmpegError, OSError):
            for packet in self.file.demux(self._stream(kind)):
                with suppress(av.FFmpegError):
                    for frame in packet.decode():
                        if isinstance(frame, kind) and frame.pts is not None:
                            yield seconds_of(frame) - self.zero_s, frame

    def _demux(self, kind: type[Frame]) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of a kind of frame from the file's position, in the file's order."""
        for packet in self.file.demux(self._stream(kind)):
            if packet.pts is not None:
                yield packet.pts * packet.time_base - self.zero_s, packet

    def _seek(self, time_s: Fraction) -> None:
        """Move the file's position to the key frame of the pictures before a time.

        Sound is sought by the pictures too: in Matroska only they have an index.
        """
        offset = int((self.zero_s + time_s) / tick_s(self.video))
        self.file.seek(offset, stream=self.video)

    def _read_from(
        self, read: Callable[[], Iterator[Timed[Item]]], time_s: Fraction, delay_s: int
    ) -> Iterator[Timed[Item]]:
        """Yield what `read` yields from a position of the file at or before a time.

        In a file without an index a seek may land too late. Then it is repeated with a larger
        margin; the last resort is to open the file again and read it from the start.
        """
        for margin_s in SEEK_MARGINS_S:
            if margin_s is None:
                self.file.close()
                self._open()
            else:
                with suppress(av.FFmpegError):
                    self._seek(time_s - margin_s - delay_s)
            items = read()
            head = next(items, None)
            if margin_s is None or (head is not None and head[0] <= time_s):
                break
        if head is not None:
            yield head
            yield from items

    def _frames_from(
        self, items: Iterator[Timed[Frame]], start_s: Fraction
    ) -> Iterator[Timed[Frame]]:
        previous = None
        for following in items:
            if previous and (previous[0] >= start_s or following[0] > start_s):
                yield previous
            previous = following
        if previous and previous[0] + self.duration_s(previous[1]) > start_s:
            yield previous

    def pictures_from(self, start_s: Fraction) -> Iterator[Timed[av.VideoFrame]]:
        """Yield (time, picture) from the one on screen at `start_s` on, or the first after it."""
        pictures = self._read_from(lambda: self._decode(av.VideoFrame), start_s, 0)
        return self._frames_from(pictures, start_s)

    def sound_from(self, start_s: Fraction) -> Iterator[Timed[av.AudioFrame]]:
        """Yield (time, sound) from the frame that contains `start_s` on, or the first after it."""
        sound = self._read_from(lambda: self._decode(av.AudioFrame), start_s, SOUND_DELAY_S)
        return self._frames_from(sound, start_s)

    def picture_packets_from(self, start_s: Fraction) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of pictures from the key frame before `start_s` on."""
        self._seek(start_s)
        return self._demux(av.VideoFrame)

    def sound_packets_from(self, start_s: Fraction) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of the sound, which the file must have, from `start_s` on."""
        packets = self._read_from(lambda: self._demux(av.AudioFrame), start_s, SOUND_DELAY_S)
        return ((time_s, packet) for time_s, packet in packets if time_s >= start_s)

    def duration_s(self, frame: av.VideoFrame | av.AudioFrame) -> Fraction:
        """Return how long the last frame of the file lasts."""
        if isinstance(frame, av.AudioFrame):
            return Fraction(frame.samples, frame.sample_rate)
        return self.picture_s

    @property
    def picture_s(self) -> Fraction:
        """The average duration of a picture."""
        return 1 / Fraction(self.video.average_rate or self.video.guessed_rate or DEFAULT_FPS)


def seconds_of(frame: av.VideoFrame | av.AudioFrame) -> Fraction:
    """Return a frame's time stamp in seconds; raise ValueError for a frame without one."""
    if frame.pts is None or frame.time_base is None:
        raise ValueError("the frame has no time stamp")
    return frame.pts * frame.time_base


def tick_s(stream: Stream) -> Fraction:
    """Return the seconds of a tick of a stream's clock; raise ValueError where it has none."""
    if stream.time_base is None:
        raise ValueError("the stream has no time base")
    return stream.time_base

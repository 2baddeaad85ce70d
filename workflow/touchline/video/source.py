"""Source video of reels and of the scoreboard: its pictures and sound, exactly, from any time on.

Time 0 of a video is its first picture, as everywhere. Times rise strictly from picture to picture,
whatever the file says (`video/time_stamps.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import av
from av.container import InputContainer

from touchline.video.frame_reader import LOCAL_ONLY, VideoError, local_url, reason_of
from touchline.video.stream_choice import choose_streams
from touchline.video.time_stamps import join_restarts, make_rising, sort_times

Item = TypeVar("Item")
Stream = av.VideoStream | av.AudioStream
Timed = tuple[Fraction, Item]  # seconds of the video, and what is there

# Upper bound of how far the coding order may differ from the order of display, in pictures.
MAX_REORDERING = 16
# The sound of a moment may lie this much behind its pictures in the file.
SOUND_DELAY_S = 1
# Seeks start this much before the wanted time; None: the file is read from its start.
SEEK_MARGINS_S = (0, 5, 60, None)
# A picture that stays for longer than this before or after a clip, as where the signal was lost, is
# shown within the clip alone.
LONGEST_STILL_S = 1
DEFAULT_FPS = 25  # of a file that states no frame rate


class Picture(NamedTuple):
    """A decoded picture, and the aspect (width / height) of its pixels."""

    frame: av.VideoFrame
    pixel_aspect: Fraction


class Source:
    """A video file that is read from any time on; it is opened once."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Open the file with so many decoding threads; raise `VideoError` for one without a picture."""
        self.path, self.threads = path, threads
        self._stream_indices: tuple[int, int | None] | None = None
        self._open()
        self.zero_s = Fraction(0)
        # The aspect of the pixels that the coded pictures state at the start of the file.
        self._first_aspect: Fraction | None = None
        first = next(self._pictures(), None)
        if first is None:
            raise VideoError(path, "no picture in it can be decoded.", "Fetch it again.")
        self.zero_s, self.first_picture = first
        self._first_aspect = self.video.codec_context.sample_aspect_ratio

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _open(self) -> None:
        try:
            self.file = self._open_file()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(
                self.path,
                f"it cannot be opened ({reason_of(error)}).",
                "Correct the path, fetch it again, or wait until it is written to its end.",
            ) from error
        if self._stream_indices is None:
            video, sound = choose_streams(self.file, self._open_file)
            if video is None:
                raise VideoError(
                    self.path, "it has no video stream.", "Use the file that has the picture."
                )
            self._stream_indices = video.index, sound.index if sound else None
        video_index, sound_index = self._stream_indices
        self.video = cast(av.VideoStream, self.file.streams[video_index])
        sound_stream = None if sound_index is None else self.file.streams[sound_index]
        self.sound = cast(av.AudioStream | None, sound_stream)
        self.video.codec_context.thread_count = self.threads
        self.video.thread_type = "AUTO"

    def _open_file(self) -> InputContainer:
        return av.open(local_url(self.path), options=LOCAL_ONLY)

    @property
    def lacks_display_times(self) -> bool:
        """Whether the file has the times of decoding alone, as AVI files have."""
        return self.file.format.name == "avi"

    def _pictures(self) -> Iterator[Timed[Picture]]:
        """Yield (time, picture) from the file's position on; damaged packets are skipped."""
        pictures: Iterator[tuple[Fraction | None, Picture]] = self._decode_pictures()
        if self.lacks_display_times:
            pictures = sort_times(pictures, MAX_REORDERING)
        return make_rising(pictures, self.picture_s)

    def _decode_pictures(self) -> Iterator[tuple[Fraction | None, Picture]]:
        aspect: Fraction | None = None
        for frame in _decode(self.file, self.video):
            if isinstance(frame, av.VideoFrame):
                if aspect is None or frame.key_frame:
                    aspect = self._pixel_aspect()
                yield self._time_of(frame), Picture(frame, aspect)

    def _sounds(self) -> Iterator[Timed[av.AudioFrame]]:
        """Yield (time, sound) from the file's position on; damaged packets are skipped."""
        assert self.sound is not None, "the file has sound"
        frames = (
            (time_s, frame)
            for frame in _decode(self.file, self.sound)
            if isinstance(frame, av.AudioFrame) and (time_s := self._time_of(frame)) is not None
        )
        return join_restarts(frames, _sound_s)

    def _time_of(self, item: av.VideoFrame | av.AudioFrame | av.Packet) -> Fraction | None:
        """Return the time stamp of a frame or packet in seconds of the video; None without one."""
        if item.pts is None or item.time_base is None:
            return None
        return item.pts * item.time_base - self.zero_s

    def _pixel_aspect(self) -> Fraction:
        """Return the aspect of the pixels that are decoded now.

        What the container states counts, until the coded pictures change theirs within the file.
        """
        coded = self.video.codec_context.sample_aspect_ratio
        if coded and self._first_aspect and coded != self._first_aspect:
            return coded
        return self.video.sample_aspect_ratio or Fraction(1)

    def _packets(self, stream: Stream) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of a stream from the file's position on, in the file's order."""
        for packet in self.file.demux(stream):
            time_s = self._time_of(packet)
            if time_s is not None:
                yield time_s, packet

    def _picture_packets(self) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of pictures from the first key frame on."""
        packets = self._packets(self.video)
        if not self.video.codec_context.reorder_depth:  # the order of decoding is that of display
            packets = make_rising(packets, self.picture_s)
        return dropwhile(lambda timed: not timed[1].is_keyframe, packets)

    def _sound_packets(self) -> Iterator[Timed[av.Packet]]:
        assert self.sound is not None, "the file has sound"
        packets = self._packets(self.sound)
        return join_restarts(packets, lambda packet: (packet.duration or 0) * packet.time_base)

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
            head = None
            with suppress(av.FFmpegError, OSError):  # the seek landed in what cannot be read
                head = next(items, None)
            if margin_s is None or (head is not None and head[0] <= time_s):
                break
        if head is not None:
            yield head
            yield from items

    def pictures_from(self, start_s: Fraction) -> Iterator[Timed[Picture]]:
        """Yield (time, picture) from the one on screen at `start_s` on, or the first after it."""
        pictures = self._read_from(self._pictures, start_s, 0)
        return _from_moment(pictures, start_s, lambda _: self.picture_s)

    def sound_from(self, start_s: Fraction) -> Iterator[Timed[av.AudioFrame]]:
        """Yield (time, sound) from the frame that contains `start_s` on, or the first after it."""
        return _from_moment(
            self._read_from(self._sounds, start_s, SOUND_DELAY_S), start_s, _sound_s
        )

    def picture_packets_from(self, start_s: Fraction) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of pictures from the key frame before `start_s` on."""
        packets = self._read_from(self._picture_packets, start_s, 0)
        return _from_last_key_frame(packets, start_s, LONGEST_STILL_S + self.picture_s)

    def sound_packets_from(self, start_s: Fraction) -> Iterator[Timed[av.Packet]]:
        """Yield (time, packet) of the sound, which the file must have, from `start_s` on."""
        packets = self._read_from(self._sound_packets, start_s, SOUND_DELAY_S)
        return ((time_s, packet) for time_s, packet in packets if time_s >= start_s)

    @contextmanager
    def only_key_frames(self) -> Iterator[None]:
        """Let `pictures_from` give key frames alone in the block, which is fast.

        A file that is opened again meanwhile, as one without an index may be, gives all pictures.
        """
        self.video.codec_context.skip_frame = "NONKEY"
        try:
            yield
        finally:
            self.video.codec_context.skip_frame = "DEFAULT"

    @property
    def picture_s(self) -> Fraction:
        """The average duration of a picture; that of the last one of the file."""
        return 1 / Fraction(self.video.average_rate or self.video.guessed_rate or DEFAULT_FPS)


def _decode(file: InputContainer, stream: Stream) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Yield the frames of a stream from the file's position on; damaged packets are skipped."""
    with suppress(av.FFmpegError, OSError):
        for packet in file.demux(stream):
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    if isinstance(frame, av.VideoFrame | av.AudioFrame):
                        yield frame


def _sound_s(frame: av.AudioFrame) -> Fraction:
    return Fraction(frame.samples, frame.sample_rate)


def _from_moment(
    items: Iterator[Timed[Item]], start_s: Fraction, duration_s: Callable[[Item], Fraction]
) -> Iterator[Timed[Item]]:
    """Yield the items from the one that lasts until after `start_s`, or the first after it, on."""
    previous: Timed[Item] | None = None
    for following in items:
        if previous and (previous[0] >= start_s or following[0] > start_s):
            yield previous
        previous = following
    if previous and previous[0] + duration_s(previous[1]) > start_s:
        yield previous


def _from_last_key_frame(
    packets: Iterator[Timed[av.Packet]], start_s: Fraction, still_s: Fraction
) -> Iterator[Timed[av.Packet]]:
    """Yield the packets from the last key frame at or before `start_s` on.

    Where the pictures before `start_s` end more than `still_s` before it, as after a loss of the
    signal, they are left out.
    """
    group: list[Timed[av.Packet]] = []
    for time_s, packet in packets:
        if packet.is_keyframe:
            if group and time_s > start_s:
                if max(shown_s for shown_s, _ in group) >= start_s - still_s:
                    yield from group
                yield time_s, packet
                yield from packets
                return
            group = []
        group.append((time_s, packet))
    yield from group


def tick_s(stream: Stream) -> Fraction:
    """Return the seconds of a tick of a stream's clock; raise ValueError where it has none."""
    if stream.time_base is None:
        raise ValueError("the stream has no time base")
    return stream.time_base

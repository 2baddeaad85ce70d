"""Choice of the picture and the sound of a file with several: the ones that a player plays."""

from collections.abc import Callable

import av
from av.container import InputContainer
from av.stream import Disposition

# Bytes that are read to find out which streams have packets: 20 s of a broadcast of 13 Mbit/s.
SEARCHED_BYTES = 32 * 2**20
_IMPAIRED = Disposition.hearing_impaired | Disposition.visual_impaired


def choose_streams(
    container: InputContainer, open_again: Callable[[], InputContainer]
) -> tuple[av.VideoStream | None, av.AudioStream | None]:
    """Return the streams of the picture and of the sound of an open file; None where it has none.

    A stream without packets, which transport streams may announce, is never chosen beside one with
    packets. Among the others the disposition decides as in FFmpeg (default, not made for the
    impaired), then the larger picture, then the order of the file. Cover pictures do not count.
    `open_again` opens the file once more, to look for packets.
    """
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    # Sound without a rate is announced and has no packet.
    sounds = [s for s in container.streams.audio if s.sample_rate]
    candidates = [*(videos if len(videos) > 1 else ()), *(sounds if len(sounds) > 1 else ())]
    filled = _with_packets(open_again, {stream.index for stream in candidates})

    def rank(stream: av.VideoStream | av.AudioStream) -> tuple[bool, int, int, int]:
        plays = (not stream.disposition & _IMPAIRED) + bool(
            stream.disposition & Disposition.default
        )
        pixels = stream.width * stream.height if isinstance(stream, av.VideoStream) else 0
        return stream.index in filled, plays, pixels, -stream.index

    return max(videos, key=rank, default=None), max(sounds, key=rank, default=None)


def _with_packets(open_again: Callable[[], InputContainer], wanted: set[int]) -> set[int]:
    """Return which of the streams have a packet in the first `SEARCHED_BYTES` of their packets."""
    found: set[int] = set()
    size = 0
    if not wanted:
        return found
    try:
        with open_again() as container:
            for packet in container.demux():
                if packet.size:
                    found.add(packet.stream_index)
                size += packet.size
                if wanted <= found or size > SEARCHED_BYTES:
                    break
    except (av.FFmpegError, OSError):
        pass  # what comes before the damage was seen
    return found & wanted

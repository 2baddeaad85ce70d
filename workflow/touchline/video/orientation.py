"""Orientation of a picture: the filters that a file's display matrix stands for, as in FFmpeg."""

import math
import struct
from collections.abc import Sequence
from functools import lru_cache

import av
from av.sidedata.sidedata import SideData, Type

Filter = tuple[str, str | None]  # name and arguments


def orientation_filters(picture: av.VideoFrame) -> tuple[Filter, ...]:
    """Return the FFmpeg filters that turn and mirror a picture as players show it."""
    for data in picture.side_data:
        if isinstance(data, SideData) and data.type == Type.DISPLAYMATRIX:
            return _filters(bytes(data))
    return ()


def is_sideways(filters: Sequence[Filter]) -> bool:
    """Say whether the filters exchange width and height."""
    return any(name == "transpose" for name, _ in filters)


@lru_cache(maxsize=64)
def _filters(matrix: bytes) -> tuple[Filter, ...]:
    """Return the filters of a display matrix: nine 32-bit integers in the machine's byte order.

    The rules are those of `configure_input_video_filter` in FFmpeg's fftools: quarter turns, to
    within one degree, and mirroring are exact; other angles turn the picture within its frame.
    """
    m = struct.unpack("=9i", matrix[:36])
    if not (m[0] or m[3]) or not (m[1] or m[4]):
        return ()  # not a rotation
    across, down = math.hypot(m[0], m[3]), math.hypot(m[1], m[4])
    degrees = round(math.degrees(math.atan2(m[1] / down, m[0] / across))) % 360  # clockwise
    if abs(degrees - 90) < 1:
        return (("transpose", "cclock_flip" if m[3] > 0 else "clock"),)
    if abs(degrees - 180) < 1:
        flips = (("hflip", m[0] < 0), ("vflip", m[4] < 0))
        return tuple((name, None) for name, wanted in flips if wanted)
    if abs(degrees - 270) < 1:
        return (("transpose", "clock_flip" if m[3] < 0 else "cclock"),)
    if degrees in (0, 360):
        return (("vflip", None),) if m[4] < 0 else ()
    return (("rotate", f"{degrees}*PI/180"),)

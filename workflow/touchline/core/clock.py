"""Clocks: conversion between seconds of a half and the times that prompts, answers and people use.

A time is shown as minutes and seconds from the clock's zero: the start of the chunk (`chunk`), of
the half's video (`half`) or of the match (`match`, where the second half starts at 45:00). The
match clock takes the video to start at the kick-off, as SoccerNet's labels do.
"""

import math
import re

CLOCKS = ("chunk", "half", "match")

# What the match clock shows at the start of each half; 3 and 4 are extra time, 5 the shoot-out.
_HALF_STARTS_S = {1: 0.0, 2: 45 * 60.0, 3: 90 * 60.0, 4: 105 * 60.0}
_AFTER_EXTRA_TIME_S = 120 * 60.0

_TIME = re.compile(r"(?:(\d{1,2}):)?(\d{1,4}):(\d{1,2}(?:\.\d{1,9})?)|(\d{1,6}(?:\.\d{1,9})?)")


def zero_s(clock: str, half: int, start_s: float) -> float:
    """Return the second of the half at which `clock` shows 00:00, for a chunk from `start_s` on.

    It is negative for the match clock after the first half. Raises ValueError for an unknown clock.
    """
    if clock == "chunk":
        return start_s
    if clock == "half":
        return 0.0
    if clock == "match":
        return -_HALF_STARTS_S.get(half, _AFTER_EXTRA_TIME_S)
    raise ValueError(f"no clock '{clock}'; there are {', '.join(CLOCKS)}")


def show(time_s: float, clock: str, half: int, start_s: float) -> str:
    """Return a second of the half as mm:ss on `clock`, for a chunk that starts at `start_s`."""
    return format_time(time_s - zero_s(clock, half, start_s))


def format_time(seconds: float) -> str:
    """Return mm:ss, rounded to the nearest second (halves up); minutes may pass 99.

    A time before the clock's zero is shown as 00:00.
    """
    rounded = max(0, math.floor(seconds + 0.5))
    return f"{rounded // 60:02d}:{rounded % 60:02d}"


def game_time(half: int, time_s: float) -> str:
    """Return SoccerNet's `gameTime`, such as "1 - 05:30": the time in whole seconds, rounded down.

    The exact time of an entry is its `position`, in milliseconds.
    """
    return f"{half} - {int(time_s // 60):02d}:{int(time_s % 60):02d}"


def parse_time(text: str) -> float:
    """Return the seconds of mm:ss, h:mm:ss (both with or without decimals) or plain seconds.

    Raises ValueError for anything else, and for 60 or more seconds in a minute or minutes in an
    hour.
    """
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a time")
    hours, minutes, seconds, plain = match.groups()
    if plain:
        return float(plain)
    if float(seconds) >= 60 or (hours and int(minutes) >= 60):
        raise ValueError(f"'{text}' is not a time")
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)

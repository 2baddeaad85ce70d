"""Repair of time stamps that repeat, step back, jump or start again, so that no picture is lost."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")
# A step back of more than this is a new start of the clock, as where two recordings were joined; a
# jump of more than this that the next time stamp takes back is an error of one time stamp.
RESTART_S = Fraction(1)
# Pictures of the same time, or of none, that are held back until a later time comes.
MAX_HELD = 16


def sort_times(
    items: Iterable[tuple[Fraction | None, Item]], window: int
) -> Iterator[tuple[Fraction | None, Item]]:
    """Yield items in their order, with the times in ascending order within a window of items.

    For pictures in the order of display whose times are those of decoding, as in AVI files.
    """
    times_s: list[Fraction] = []
    waiting: list[tuple[bool, Item]] = []  # whether it has a time, and the item
    for time_s, item in items:
        waiting.append((time_s is not None, item))
        if time_s is not None:
            heapq.heappush(times_s, time_s)
        if len(waiting) > window:
            has_time, first = waiting.pop(0)
            yield heapq.heappop(times_s) if has_time else None, first
    for has_time, item in waiting:
        yield heapq.heappop(times_s) if has_time else None, item


def make_rising(
    items: Iterable[tuple[Fraction | None, Item]], typical_s: Fraction
) -> Iterator[tuple[Fraction, Item]]:
    """Yield items in their order with times that rise strictly; good times stay as they are.

    Items whose time is missing, or not after the one before, are spread between their neighbours,
    `typical_s` apart at most. A clock that starts again goes on after the last item. Items before
    the first time are left out.
    """
    last_s: Fraction | None = None
    offset_s = Fraction(0)
    held: list[Item] = []

    def release(until_s: Fraction | None) -> Iterator[tuple[Fraction, Item]]:
        nonlocal last_s
        assert last_s is not None, "nothing is held before the first time"
        step_s = typical_s
        if until_s is not None:
            step_s = min(step_s, (until_s - last_s) / (len(held) + 1))
        for item in held:
            last_s += step_s
            yield last_s, item
        held.clear()

    for (time_s, item), following_s in _with_next_time(items):
        if time_s is None or (
            last_s is not None and _is_stray(last_s - offset_s, time_s, following_s)
        ):
            if last_s is not None:
                held.append(item)
        else:
            shown_s = time_s + offset_s
            if last_s is not None and shown_s < last_s - RESTART_S:
                yield from release(None)
                offset_s = last_s + typical_s - time_s
                shown_s = last_s + typical_s
            if last_s is not None and shown_s <= last_s:
                held.append(item)
            else:
                if held:
                    yield from release(shown_s)
                yield shown_s, item
                last_s = shown_s
        if len(held) > MAX_HELD:
            yield from release(None)
    if held:
        yield from release(None)


def join_restarts(
    items: Iterable[tuple[Fraction, Item]], duration_s: Callable[[Item], Fraction]
) -> Iterator[tuple[Fraction, Item]]:
    """Yield items with their times; a clock that starts again goes on at the end of the last item."""
    end_s: Fraction | None = None
    offset_s = Fraction(0)
    for time_s, item in items:
        if end_s is not None and time_s + offset_s < end_s - RESTART_S:
            offset_s = end_s - time_s
        yield time_s + offset_s, item
        end_s = time_s + offset_s + duration_s(item)


def _with_next_time(
    items: Iterable[tuple[Fraction | None, Item]],
) -> Iterator[tuple[tuple[Fraction | None, Item], Fraction | None]]:
    """Yield each (time, item) with the time of the next."""
    previous: tuple[Fraction | None, Item] | None = None
    for following in items:
        if previous is not None:
            yield previous, following[0]
        previous = following
    if previous is not None:
        yield previous, None


def _is_stray(last_s: Fraction, time_s: Fraction, following_s: Fraction | None) -> bool:
    """Say whether a time jumps ahead and the next one is back again."""
    return (
        following_s is not None
        and time_s > last_s + RESTART_S
        and last_s < following_s < time_s - RESTART_S
    )

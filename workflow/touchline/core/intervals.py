"""Intervals and the chunks of a half, in seconds from the start of the half's video."""

import math
from fractions import Fraction

# Length of the interval that stands for an event, as in the reference paper.
INTERVAL_S = 12.0
# Longest half, typed or measured: four hours. A greater length is a wrong unit, or a time stamp that
# jumps.
MAX_HALF_S = 14400.0
# Times after so many lengths of the half's video, and after two hours, are in another unit, such as
# milliseconds. Times of a whole half, beside a video of a part of it, are not that late.
_FAR_LENGTHS, _FAR_S = 10, 7200.0


def far_past_s(end_s: float) -> float:
    """Return the second from which on times are in another unit, for a half that ends at `end_s`."""
    return max(_FAR_LENGTHS * end_s, _FAR_S)


def chunk_spans(
    duration_s: float, chunk_s: float, overlap_s: float = 0.0
) -> list[tuple[float, float]]:
    """Return the (start_s, end_s) of each chunk of a half; the last one may be shorter.

    Chunk i starts at i * (chunk_s - overlap_s). Without overlap there are ceil(duration_s /
    chunk_s) chunks; with overlap, no chunk lies wholly inside the one before. Raises ValueError
    unless 0 <= overlap_s < chunk_s and 0 < duration_s <= MAX_HALF_S.
    """
    if not (0 <= overlap_s < chunk_s and 0 < duration_s <= MAX_HALF_S):
        raise ValueError(f"no grid of {chunk_s} s chunks, {overlap_s} s overlap, {duration_s} s")
    length, overlap, duration = map(exact_fraction, (chunk_s, overlap_s, duration_s))
    step = length - overlap
    count = max(1, math.ceil((duration - overlap) / step))
    return [(float(i * step), float(min(i * step + length, duration))) for i in range(count)]


def exact_fraction(number: float) -> Fraction:
    """Return a number exactly as its decimals say (29.97 is 2997/100): sums of it do not drift."""
    return Fraction(str(number))


def interval_around(time_s: float, length_s: float = INTERVAL_S) -> tuple[float, float]:
    """Return the interval of `length_s` centred on a moment."""
    return time_s - length_s / 2, time_s + length_s / 2

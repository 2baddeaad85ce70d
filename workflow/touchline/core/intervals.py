"""Intervals and the grid of chunks: arithmetic on seconds from the start of a half."""

import math
from fractions import Fraction

import polars as pl

# An event stands for the 12 s around it, as in the study.
INTERVAL_S = 12.0


def chunk_spans(
    duration_s: float, chunk_s: float, overlap_s: float = 0.0
) -> list[tuple[float, float]]:
    """Return the (start_s, end_s) of each chunk of a half; the last one may be shorter.

    Chunk i starts at i * (chunk_s - overlap_s). Without overlap there are ceil(duration_s /
    chunk_s) of them; with it, no chunk lies wholly inside the one before.
    Raises ValueError unless 0 <= overlap_s < chunk_s and duration_s > 0.
    """
    if not (0 <= overlap_s < chunk_s and duration_s > 0):
        raise ValueError(f"no grid of {chunk_s} s chunks, {overlap_s} s overlap, {duration_s} s")
    length, overlap, duration = (
        exact_fraction(chunk_s),
        exact_fraction(overlap_s),
        exact_fraction(duration_s),
    )
    step = length - overlap
    count = max(1, math.ceil((duration - overlap) / step))
    return [(float(i * step), float(min(i * step + length, duration))) for i in range(count)]


def exact_fraction(number: float) -> Fraction:
    """Return a number as it is written, so that no chunk drifts: 29.97 is 2997/100."""
    return Fraction(str(number))


def interval_around(time_s: float, length_s: float = INTERVAL_S) -> tuple[float, float]:
    """Return the interval of `length_s` centred on a moment."""
    return time_s - length_s / 2, time_s + length_s / 2


def assign_chunks(moments: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Give each moment (half, time_s, action, …) the `chunk` of every sample that it lies in.

    A chunk holds its start and not its end, except that a half's last moment is in its last chunk.
    Moments that lie in no sample, such as those of an action that is not asked for, are dropped.
    """
    chunks = samples.select("half", "chunk", "start_s", "end_s", "action")
    last_s = pl.col("end_s").max().over("half")
    return (
        chunks.with_columns(is_last=pl.col("end_s") == last_s)
        .join(moments, on=["half", "action"], maintain_order="left_right")
        .filter(
            pl.col("time_s") >= pl.col("start_s"),
            (pl.col("time_s") < pl.col("end_s"))
            | (pl.col("is_last") & (pl.col("time_s") == pl.col("end_s"))),
        )
        .drop("start_s", "end_s", "is_last")
    )

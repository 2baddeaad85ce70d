"""Intervals in tables: the chunk that a moment lies in, and the IoU of answers and events."""

import polars as pl

from touchline.core.intervals import INTERVAL_S

# An answer and an event match where their IoU is above this, as in the reference paper.
MIN_IOU = 0.3


def assign_chunks(moments: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Return the moments (half, time_s, action, …) with the `chunk` of every sample they lie in.

    A moment in several chunks that overlap has a row for each. A chunk includes its start and not
    its end, except that the last chunk of a half includes its end. Moments that lie in no sample,
    such as those of an action that is not asked for, are dropped.
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


def iou(a_start: pl.Expr, a_end: pl.Expr, b_start: pl.Expr, b_end: pl.Expr) -> pl.Expr:
    """Return overlap / (latest end - earliest start), the reference paper's measure.

    It is 0 for intervals that lie apart, and where both are the same single point.
    """
    overlap = pl.min_horizontal(a_end, b_end) - pl.max_horizontal(a_start, b_start)
    extent = pl.max_horizontal(a_end, b_end) - pl.min_horizontal(a_start, b_start)
    return pl.when(extent > 0).then(overlap.clip(0) / extent).otherwise(0.0)


def max_distance_s(length_s: float) -> float:
    """Return the distance between the centres of an answer and an event up to which they match.

    The answer is `length_s` long, the event `INTERVAL_S`. Where one interval lies inside the other,
    IoU is the ratio of their lengths: an answer of `INTERVAL_S` / `MIN_IOU` = 40 s or more never
    matches, and gives 0. Otherwise, with their mean length m and the distance d,
    IoU = (m - d) / (m + d).
    """
    shorter, longer = sorted((length_s, INTERVAL_S))
    if shorter <= MIN_IOU * longer:
        return 0.0
    mean = (shorter + longer) / 2
    return max((longer - shorter) / 2, mean * (1 - MIN_IOU) / (1 + MIN_IOU))

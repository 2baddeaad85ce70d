"""From confidences over time to spots, and from spots to answers."""

import numpy as np
import polars as pl

from touchline import schema
from touchline.intervals import INTERVAL_S, place


def suppress(confidence: np.ndarray, radius: int, floor: float) -> np.ndarray:
    """Return the indices that non-maximum suppression keeps, the most confident first.

    `confidence` has one value per time step. A kept step removes all within `radius` steps of it;
    steps below `floor` are not considered. Of equal values the earlier goes first.
    """
    alive = confidence >= floor
    kept = []
    for step in np.argsort(-confidence, kind="stable"):
        if alive[step]:
            kept.append(step)
            alive[max(0, step - radius) : step + radius + 1] = False
    return np.array(kept, dtype=np.int64)


def to_predictions(
    samples: pl.DataFrame, spots: pl.DataFrame, length_s: float = INTERVAL_S
) -> pl.DataFrame:
    """Turn spots into one answer per sample (columns `schema.PREDICTIONS`).

    `spots` has half, time_s, action and confidence. A spot answers the chunks that it lies in, as
    the `length_s` seconds around it, not cut at the chunk.
    """
    interval = pl.struct(
        start_s=pl.col("time_s") - length_s / 2,
        end_s=pl.col("time_s") + length_s / 2,
        confidence="confidence",
    )
    key = ["half", "chunk", "action"]
    answers = (
        place(spots, samples)
        .sort(*key, "time_s")
        .group_by(key, maintain_order=True)
        .agg(intervals=interval)
    )
    return schema.fill_predictions(
        samples.select(key)
        .join(answers, on=key, how="left", maintain_order="left")
        .with_columns(
            pl.col("intervals").fill_null([]),
            status=pl.when(pl.col("intervals").is_null())
            .then(pl.lit("none"))
            .otherwise(pl.lit("ok")),
        )
    )

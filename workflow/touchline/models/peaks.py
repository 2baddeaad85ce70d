"""From confidences over time to spots, and from either to answers."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.core.intervals import INTERVAL_S, assign_chunks
from touchline.core.iou import max_distance_s

# An answer that is expected to match fewer events than this is not written.
LEAST = 0.03


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
        assign_chunks(spots, samples)
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


def choose(
    samples: pl.DataFrame, rates: Mapping[str, np.ndarray], step_s: float, length_s: float
) -> pl.DataFrame:
    """Answer the samples of a half (columns `schema.PREDICTIONS`) from expected numbers of events.

    `rates` has, for each action, how many events of it each step of the half is expected to hold.
    An answer takes `length_s` seconds. The first one of a sample is where most events of its chunk
    are expected that it would match; they are then taken as found, and the next answer is for those that
    remain. Its confidence is the probability of at least one event: 1 - exp(-expected number).
    """
    longest_s = (samples["end_s"] - samples["start_s"]).max()
    steps = np.arange(np.ceil(longest_s / step_s) + 1)
    within = (np.abs(np.subtract.outer(steps, steps)) * step_s < max_distance_s(length_s)).astype(
        float
    )
    answers = []
    for start_s, end_s, action in samples.select("start_s", "end_s", "action").iter_rows():
        # The steps whose middle is in the chunk.
        first, last = (max(0, int(np.ceil(edge / step_s - 0.5))) for edge in (start_s, end_s))
        left = rates.get(action, np.zeros(0))[first:last].copy()
        matched = within[: len(left), : len(left)]
        found = []
        while len(left) and (expected := matched @ left).max() >= LEAST:
            best = int(expected.argmax())
            middle_s = (first + best + 0.5) * step_s
            found.append(
                {
                    "start_s": middle_s - length_s / 2,
                    "end_s": middle_s + length_s / 2,
                    "confidence": -np.expm1(-expected[best]),
                }
            )
            left[matched[best] > 0] = 0
        answers.append(sorted(found, key=lambda one: one["start_s"]))
    return schema.fill_predictions(
        samples.select("half", "chunk", "action").with_columns(
            intervals=pl.Series(answers, dtype=pl.List(schema.INTERVAL)),
            status=pl.Series(["ok" if found else "none" for found in answers], dtype=pl.String),
        )
    )

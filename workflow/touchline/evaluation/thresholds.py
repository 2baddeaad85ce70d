"""Confidence thresholds, one per action, that maximise the pooled F1 of the tuning matches.

F1 = 2 tp / (2 tp + fp + fn) over all actions together. Its maximum is found by Dinkelbach's (1967)
algorithm for ratios: for a fixed F each action by itself takes the threshold with the largest
2 tp - F (2 tp + fp + fn); the F1 of the result is the next F, until it no longer rises.
"""

from pathlib import Path

import numpy as np
import polars as pl

from touchline.core.files import atomic_file
from touchline.core.problems import InputError
from touchline.evaluation.matching import pairs

COUNTS = ("tp", "fp", "matched_events")
THRESHOLDS = pl.Schema({"action": pl.String, "threshold": pl.Float64})
# Above every confidence: the threshold of an action whose answers only lower F1.
NEVER = 2.0


def count_by_confidence(answers: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """Return what each confidence adds to the counts as the threshold falls (matching: many).

    Columns match, action, confidence; tp, matching pairs; fp, answers that match no event; and
    matched_events, events that are matched for the first time.
    """
    matching = pairs(answers, truths)
    numbered = answers.with_row_index("answer")
    hits = matching.join(numbered.select("answer", "confidence"), on="answer")
    matched_events = hits.group_by("truth").agg(
        pl.col("match", "action").first(), pl.col("confidence").max()
    )
    without_event = numbered.filter(~pl.col("answer").is_in(matching["answer"].implode()))
    additions = [
        table.select("match", "action", "confidence", pl.lit(name).alias("kind"))
        for name, table in (("tp", hits), ("fp", without_event), ("matched_events", matched_events))
    ]
    return (
        pl.concat(additions)
        .group_by("match", "action", "confidence")
        .agg((pl.col("kind") == name).sum().alias(name) for name in COUNTS)
        .sort("match", "action", "confidence")
    )


def tune_thresholds(counts: pl.DataFrame, events: pl.DataFrame) -> dict[str, float]:
    """Return the threshold of each action; an answer counts when its confidence is at least that.

    `counts` are from `count_by_confidence`; `events` has the columns action and events, their
    number, for every action.
    """
    totals = dict(events.group_by("action").agg(pl.col("events").sum()).sort("action").iter_rows())
    cumulative = {action: _accumulate(counts.filter(action=action)) for action in totals}
    all_events = sum(totals.values())
    f1 = 0.0
    while True:
        chosen = {}
        tp = fp = matched = 0
        for action, (thresholds, sums) in cumulative.items():
            gain = 2 * sums[0] - f1 * (2 * sums[0] + sums[1] - sums[2])
            best = int(np.argmax(gain))
            chosen[action] = float(thresholds[best])
            tp, fp, matched = np.array([tp, fp, matched]) + sums[:, best]
        next_f1 = 2 * tp / max(2 * tp + fp + all_events - matched, 1)
        if next_f1 <= f1:
            return chosen
        f1 = next_f1


def _accumulate(counts: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (thresholds, `COUNTS` at each: 3 x thresholds) of one action, from `NEVER` down."""
    summed = counts.group_by("confidence").agg(pl.col(COUNTS).sum())
    summed = summed.sort("confidence", descending=True)
    sums = summed.select(COUNTS).to_numpy().cumsum(axis=0).T
    return (
        np.concatenate([[NEVER], summed["confidence"].to_numpy()]),
        np.concatenate([np.zeros((3, 1), int), sums], axis=1),
    )


def apply_thresholds(answers: pl.DataFrame, thresholds: dict[str, float]) -> pl.DataFrame:
    """Return the answers that reach their action's threshold; a missing confidence counts as 1."""
    table = pl.DataFrame(
        {"action": list(thresholds), "threshold": list(thresholds.values())}, schema=THRESHOLDS
    )
    return (
        answers.join(table, on="action", how="left", maintain_order="left")
        .filter(pl.col("confidence").fill_null(1.0) >= pl.col("threshold"))
        .drop("threshold")
    )


def write_thresholds(path: Path, thresholds: dict[str, float]) -> None:
    """Write the threshold of each action as a CSV (columns `THRESHOLDS`), sorted by action."""
    rows = sorted(thresholds.items())
    with atomic_file(path) as partial:
        pl.DataFrame(rows, schema=THRESHOLDS, orient="row").write_csv(partial)


def read_thresholds(path: Path) -> dict[str, float]:
    """Return the threshold of each action from a file of `write_thresholds`.

    Raises `InputError` for a damaged file.
    """
    try:
        table = pl.read_csv(path, schema_overrides=THRESHOLDS)
        is_whole = table.schema == THRESHOLDS and not sum(table.null_count().row(0))
    except pl.exceptions.PolarsError:
        is_whole = False
    if not is_whole:
        raise InputError(
            f"{path}: is no table of thresholds by action. Delete it; it is made again."
        )
    return dict(table.iter_rows())

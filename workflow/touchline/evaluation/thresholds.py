"""Confidence thresholds, one per action, that maximise the pooled F1 of the matches they are tuned on.

F1 = 2 tp / (2 tp + fp + fn) over all actions together. Its maximum is found as Dinkelbach (1967)
does for ratios: for a fixed F every action by itself takes the threshold with the largest
2 tp - F (2 tp + fp + fn); the F1 of the result is the next F, until it stays.
"""

import numpy as np
import polars as pl

from touchline.evaluation.matching import pairs

THRESHOLDS = pl.Schema({"action": pl.String, "threshold": pl.Float64})
# Above every confidence: an action that is better not answered at all.
NEVER = 2.0


def curves(answers: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """Return what each confidence adds when the threshold falls to it (matching: many).

    Columns match, action, confidence, tp, fp, found: pairs, answers without an event, and events
    matched for the first time.
    """
    matching = pairs(answers, truths)
    said = answers.with_row_index("answer")
    hits = matching.join(said.select("answer", "confidence"), on="answer")
    found = hits.group_by("truth").agg(
        pl.col("match", "action").first(), pl.col("confidence").max()
    )
    missed = said.filter(~pl.col("answer").is_in(matching["answer"].implode()))
    steps = [
        table.select("match", "action", "confidence", pl.lit(name).alias("kind"))
        for name, table in (("tp", hits), ("fp", missed), ("found", found))
    ]
    kind = pl.col("kind")
    return (
        pl.concat(steps)
        .group_by("match", "action", "confidence")
        .agg(tp=(kind == "tp").sum(), fp=(kind == "fp").sum(), found=(kind == "found").sum())
        .sort("match", "action", "confidence")
    )


def tune(curve: pl.DataFrame, events: pl.DataFrame) -> dict[str, float]:
    """Return the threshold of each action; an answer counts when its confidence is at least that.

    `curve` is from `curves`; `events` has action and the number of `events` of it, for every action.
    """
    totals = dict(events.group_by("action").agg(pl.col("events").sum()).sort("action").iter_rows())
    cumulative = {action: _cumulative(curve.filter(action=action)) for action in totals}
    missed = sum(totals.values())
    f1 = 0.0
    while True:
        chosen = {}
        tp = fp = found = 0
        for action, (confidence, counts) in cumulative.items():
            gain = 2 * counts[0] - f1 * (2 * counts[0] + counts[1] - counts[2])
            best = int(np.argmax(gain))
            chosen[action] = float(confidence[best])
            tp, fp, found = np.array([tp, fp, found]) + counts[:, best]
        reached = 2 * tp / max(2 * tp + fp + missed - found, 1)
        if reached <= f1:
            return chosen
        f1 = reached


def _cumulative(curve: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (thresholds, counts of tp, fp and found at each: 3 x thresholds), from `NEVER` down."""
    summed = curve.group_by("confidence").agg(pl.col("tp", "fp", "found").sum())
    summed = summed.sort("confidence", descending=True)
    counts = summed.select("tp", "fp", "found").to_numpy().cumsum(axis=0).T
    return (
        np.concatenate([[NEVER], summed["confidence"].to_numpy()]),
        np.concatenate([np.zeros((3, 1), int), counts], axis=1),
    )


def apply(answers: pl.DataFrame, chosen: dict[str, float]) -> pl.DataFrame:
    """Return the answers that reach their action's threshold; one without a confidence is certain."""
    table = pl.DataFrame(
        {"action": list(chosen), "threshold": list(chosen.values())}, schema=THRESHOLDS
    )
    return (
        answers.join(table, on="action", how="left", maintain_order="left")
        .filter(pl.col("confidence").fill_null(1.0) >= pl.col("threshold"))
        .drop("threshold")
    )

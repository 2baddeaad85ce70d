"""The scoring rule: temporal matching of answers to events by IoU, and the counts tp, fp and fn.

An event at time h stands for the interval (h - l/2, h + l/2), l = 12 s, not cut at the chunk. An
answer and an event of the same sample match when IoU = overlap / (latest end - earliest start) >
0.3.

- many (many-to-many, the reference paper's rule): tp = number of matching pairs, fp = answers that
  match no event, fn = events that no answer matches. A repeated answer counts again.
- one (one-to-one): tp = size of a maximum bipartite matching, which uses every answer and every
  event at most once, fp = the other answers, fn = the other events.
"""

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy.sparse.csgraph import maximum_bipartite_matching

from touchline.core.intervals import INTERVAL_S
from touchline.core.iou import MIN_IOU, assign_chunks, iou

PROTOCOLS = ("full", "positives")
MATCHINGS = ("many", "one")
SAMPLE = ["match", "half", "chunk", "action"]


def truth_intervals(samples: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Return the interval of every event that lies in a sample (match, half, chunk, action, …).

    Both tables are of one match and have its name in `match`.
    """
    time_s = pl.col("time_s")
    return assign_chunks(labels.select("half", "action", "time_s", "visibility"), samples).select(
        pl.lit(samples["match"].first()).alias("match"),
        *SAMPLE[1:],
        "time_s",
        "visibility",
        start_s=time_s - INTERVAL_S / 2,
        end_s=time_s + INTERVAL_S / 2,
    )


def answer_intervals(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return answered intervals (match, half, chunk, action, start_s, end_s, confidence)."""
    return (
        predictions.select(*SAMPLE, "intervals")
        .explode("intervals")
        .drop_nulls("intervals")
        .unnest("intervals")
    )


def pairs(answers: pl.DataFrame, truths: pl.DataFrame, min_iou: float = MIN_IOU) -> pl.DataFrame:
    """Return the matching pairs: row numbers `answer` and `truth`, with the sample's columns."""
    overlap = iou(
        pl.col("start_s"), pl.col("end_s"), pl.col("start_s_truth"), pl.col("end_s_truth")
    )
    return (
        answers.select(*SAMPLE, "start_s", "end_s")
        .with_row_index("answer")
        .join(
            truths.select(*SAMPLE, "start_s", "end_s").with_row_index("truth"),
            on=SAMPLE,
            suffix="_truth",
        )
        .filter(overlap > min_iou)
        .select(*SAMPLE, "answer", "truth")
        .sort("answer", "truth")
    )


def one_to_one(matching: pl.DataFrame) -> pl.DataFrame:
    """Return a maximum bipartite matching: a largest subset of pairs in which nothing repeats.

    All samples are solved at once, since pairs of different samples share neither answers nor
    truths.
    """
    if matching.is_empty():
        return matching
    answer, truth = matching["answer"].to_numpy(), matching["truth"].to_numpy()
    shape = (answer.max() + 1, truth.max() + 1)
    graph = sp.csr_matrix((np.ones(len(answer), np.int8), (answer, truth)), shape=shape)
    chosen = maximum_bipartite_matching(graph, perm_type="column")  # truth of each answer, or -1
    return matching.filter(chosen[answer] == truth)


def count(
    samples: pl.DataFrame, truths: pl.DataFrame, answers: pl.DataFrame, min_iou: float = MIN_IOU
) -> pl.DataFrame:
    """Return the counts per match, protocol, matching and action.

    Columns: match, protocol, matching, action, samples, events, predictions, tp, fp, fn. `samples`
    has match, half, chunk and action; protocol `positives` keeps those that have an event.
    """
    many_pairs = pairs(answers, truths, min_iou)
    one_pairs = one_to_one(many_pairs)
    with_event = truths.select(SAMPLE).unique()
    tables = []
    for protocol in PROTOCOLS:
        kept = samples.select(SAMPLE)
        predictions = answers.select(SAMPLE).with_row_index("answer")
        if protocol == "positives":
            kept = kept.join(with_event, on=SAMPLE, how="semi")
            predictions = predictions.join(with_event, on=SAMPLE, how="semi")
        base = _totals(
            kept.group_by("match", "action").agg(samples=pl.len()),
            events=truths,
            predictions=predictions,
        )
        many_counts = _totals(
            base,
            tp=many_pairs,
            fp=predictions.filter(~pl.col("answer").is_in(many_pairs["answer"].implode())),
            fn=truths.with_row_index("truth").filter(
                ~pl.col("truth").is_in(many_pairs["truth"].implode())
            ),
        )
        one_counts = _totals(base, tp=one_pairs).with_columns(
            fp=pl.col("predictions") - pl.col("tp"), fn=pl.col("events") - pl.col("tp")
        )
        for matching, counts in (("many", many_counts), ("one", one_counts)):
            tables.append(counts.with_columns(protocol=pl.lit(protocol), matching=pl.lit(matching)))
    columns = ["match", "protocol", "matching", "action", "samples", "events", "predictions"]
    return pl.concat(tables).select(*columns, "tp", "fp", "fn").sort(columns[:4])


def _totals(base: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
    """Return `base` with a column for each table: its number of rows per match and action."""
    for name, table in tables.items():
        counts = table.group_by("match", "action").agg(pl.len().cast(pl.Int64).alias(name))
        base = base.join(counts, on=["match", "action"], how="left").with_columns(
            pl.col(name).fill_null(0)
        )
    return base.with_columns(pl.col("samples").cast(pl.Int64))


def with_ratios(counts: pl.DataFrame) -> pl.DataFrame:
    """Return counts of tp, fp and fn with precision, recall and F1; an undefined ratio is null."""
    tp, fp, fn = pl.col("tp"), pl.col("fp"), pl.col("fn")
    ratios = {
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),  # the harmonic mean of the two
    }
    return counts.with_columns(
        pl.when(denominator > 0).then(numerator / denominator).alias(name)
        for name, (numerator, denominator) in ratios.items()
    )

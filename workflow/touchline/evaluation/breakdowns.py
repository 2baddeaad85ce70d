"""Metric breakdowns: precision–recall curve, calibration, data parts, hallucinations, timing error.

Each takes the answers of one model (columns of `schema.ANSWERS`) with the samples and truths of
`touchline.evaluation.ground_truth`.
"""

import numpy as np
import polars as pl

from touchline.core.schema import ALL
from touchline.evaluation.matching import SAMPLE, count, pairs, with_ratios
from touchline.evaluation.thresholds import count_by_confidence

CURVE_POINTS = 200
BINS = 10  # of the reliability diagram
HALF, COMMENTARY, VISIBILITY = "half", "commentary", "visibility"
ERRORS = pl.Schema(
    {"action": pl.String, "empty_minutes": pl.Float64, "hallucinations": pl.Int64}
    | {"per_empty_minute": pl.Float64, "hits": pl.Int64}
    | {"median_s": pl.Float64, "p90_s": pl.Float64}
)


def precision_recall(answers: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """Return the precision–recall curve of each action, and of all with one threshold.

    Columns action, threshold, tp, fp, fn, precision, recall, f1; matching `many`; at most
    `CURVE_POINTS` rows per action, evenly over the distinct confidences.
    """
    counts = count_by_confidence(answers.with_columns(pl.col("confidence").fill_null(1.0)), truths)
    events = truths.group_by("action").len("events")
    counts = pl.concat([counts, counts.with_columns(action=pl.lit(ALL))])
    events = pl.concat([events, events.select(pl.lit(ALL).alias("action"), pl.col("events").sum())])
    points = (
        counts.group_by("action", "confidence")
        .agg(pl.col("tp", "fp", "matched_events").sum())
        .sort("action", "confidence", descending=[False, True])
        .with_columns(pl.col("tp", "fp", "matched_events").cum_sum().over("action"))
        .join(events, on="action", how="left", maintain_order="left")
        .with_columns(
            fn=pl.col("events").fill_null(0) - pl.col("matched_events"), threshold="confidence"
        )
    )
    thinned = [_thin(group) for _, group in points.group_by("action", maintain_order=True)]
    columns = ["action", "threshold", "tp", "fp", "fn"]
    return with_ratios(pl.concat([points.clear(), *thinned]).select(columns))


def _thin(points: pl.DataFrame) -> pl.DataFrame:
    """Return at most `CURVE_POINTS` of the rows, evenly spaced, with the first and the last."""
    rows = np.linspace(0, len(points) - 1, CURVE_POINTS).round().astype(int)
    return points if len(points) <= CURVE_POINTS else points[np.unique(rows)]


def reliability(answers: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """Return the reliability diagram: mean confidence and share of answers that match an event.

    Columns low and high (the ends of the bin of confidences), answers (their number), confidence
    (their mean) and matched (the share that matches). Answers below the threshold are included,
    answers without a confidence are not.
    """
    hits = pairs(answers, truths)["answer"].unique()
    number = (pl.col("confidence") * BINS).floor().clip(0, BINS - 1)
    return (
        answers.with_columns(hit=pl.int_range(pl.len()).is_in(hits.implode()))
        .drop_nulls("confidence")
        .group_by(low=number / BINS, high=(number + 1) / BINS)
        .agg(pl.len().alias("answers"), pl.col("confidence").mean(), matched=pl.col("hit").mean())
        .sort("low")
    )


def parts(samples: pl.DataFrame, truths: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return counts and ratios by half, by commentary in the chunk and by visibility.

    Columns part, value, matching, samples, events, predictions, tp, fp, fn, precision, recall, f1.
    Visibility is a property of events and not of answers, so by visibility there is only a recall.
    """
    counted = answers.filter("counted")
    tables = []
    for part, column in ((HALF, pl.col("half").cast(pl.String)), (COMMENTARY, _commentary_value())):
        for (value,), group in samples.group_by(column.alias("value"), maintain_order=True):
            keys = group.select(SAMPLE)
            counts = count(
                keys,
                truths.join(keys, on=SAMPLE, how="semi"),
                counted.join(keys, on=SAMPLE, how="semi"),
            )
            tables.append(_pool(counts, part, str(value)))
    is_unshown = pl.col("visibility").eq_missing("not shown")
    for value, is_part in (("shown", ~is_unshown), ("not shown", is_unshown)):
        counts = count(samples, truths.filter(is_part), counted)
        tables.append(
            _pool(counts, VISIBILITY, value).with_columns(
                pl.lit(None).alias(name) for name in ("predictions", "fp", "precision", "f1")
            )
        )
    return pl.concat(tables, how="vertical_relaxed").sort("part", "value", "matching")


def _commentary_value() -> pl.Expr:
    return pl.when("spoken").then(pl.lit("with")).otherwise(pl.lit("without"))


def _pool(counts: pl.DataFrame, part: str, value: str) -> pl.DataFrame:
    """Return the ratios over all matches and actions, per matching."""
    numbers = pl.col("samples", "events", "predictions", "tp", "fp", "fn").sum()
    pooled = counts.filter(protocol="full").group_by("matching").agg(numbers)
    return with_ratios(pooled).select(
        pl.lit(part).alias("part"), pl.lit(value).alias("value"), pl.all()
    )


def errors(samples: pl.DataFrame, truths: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return the hallucination rate in chunks without the action, and the timing error of hits.

    Columns action, empty_minutes, hallucinations, per_empty_minute, hits, median_s, p90_s. An empty
    minute is a minute of a chunk without the action that is asked for; a hallucination is an answer
    there. The timing error of an event is the distance of its time from the middle of the nearest
    answer that matches it.
    """
    counted = answers.filter("counted")
    empty = samples.join(truths, on=SAMPLE, how="anti").with_columns(
        minutes=(pl.col("end_s") - pl.col("start_s")) / 60
    )
    hallucinations = counted.join(empty, on=SAMPLE, how="semi")
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    hits = (
        pairs(counted, truths)
        .join(counted.select(middle=middle).with_row_index("answer"), on="answer")
        .join(truths.select("time_s").with_row_index("truth"), on="truth")
        .group_by("truth")
        .agg(pl.col("action").first(), error_s=(pl.col("middle") - pl.col("time_s")).abs().min())
    )
    rows = []
    for action in [ALL, *samples["action"].unique().sort()]:
        is_action = pl.lit(True) if action == ALL else pl.col("action") == action
        minutes = empty.filter(is_action)["minutes"].sum()
        invented = len(hallucinations.filter(is_action))
        rate = invented / minutes if minutes else None
        error_s = hits.filter(is_action)["error_s"]
        quantiles = (error_s.median(), error_s.quantile(0.9, "linear"))
        rows.append((action, minutes, invented, rate, len(error_s), *quantiles))
    return pl.DataFrame(rows, schema=ERRORS, orient="row")

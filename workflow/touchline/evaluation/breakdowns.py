"""What one number hides: answers by confidence, by part of the match, where nothing happens, and when.

Everything here takes the answers of one model (columns of `schema.ANSWERS`) with the samples and
truths of `touchline.evaluation.ground_truth`.
"""

import numpy as np
import polars as pl

from touchline.core.schema import ALL
from touchline.evaluation.matching import SAMPLE, count, pairs, with_ratios
from touchline.evaluation.thresholds import curves

CURVE_POINTS = 200
BINS = 10  # of confidences
HALF, COMMENTARY, VISIBILITY = "half", "commentary", "visibility"


def precision_recall(answers: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """Return precision and recall as the threshold falls, per action and with one threshold for all.

    Columns action, threshold, tp, fp, fn, precision, recall, f1; matching `many`; at most
    `CURVE_POINTS` rows per action, evenly over the distinct confidences.
    """
    certain = answers.with_columns(pl.col("confidence").fill_null(1.0))
    curve = curves(certain, truths)
    events = truths.group_by("action").len("events")
    curve = pl.concat([curve, curve.with_columns(action=pl.lit(ALL))])
    events = pl.concat([events, events.select(pl.lit(ALL).alias("action"), pl.col("events").sum())])
    points = (
        curve.group_by("action", "confidence")
        .agg(pl.col("tp", "fp", "found").sum())
        .sort("action", "confidence", descending=[False, True])
        .with_columns(pl.col("tp", "fp", "found").cum_sum().over("action"))
        .join(events, on="action", how="left", maintain_order="left")
        .with_columns(fn=pl.col("events").fill_null(0) - pl.col("found"), threshold="confidence")
    )
    thinned = [_thin(group) for _, group in points.group_by("action", maintain_order=True)]
    counts = ["action", "threshold", "tp", "fp", "fn"]
    return with_ratios(pl.concat([points.clear(), *thinned]).select(counts))


def _thin(points: pl.DataFrame) -> pl.DataFrame:
    kept = np.linspace(0, len(points) - 1, CURVE_POINTS).round().astype(int)
    return points if len(points) <= CURVE_POINTS else points[np.unique(kept)]


def reliability(answers: pl.DataFrame, truths: pl.DataFrame) -> pl.DataFrame:
    """Return how sure a model was of its answers against how often they match an event.

    Columns low and high (the bin of confidences, its ends), answers, confidence (their mean) and
    matched (the share of them). All answers are in it, also those below the threshold; those without a
    confidence are not.
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
    """Return the counts and ratios by half, with and without commentary in the chunk, by visibility.

    Columns part, value, matching, samples, events, predictions, tp, fp, fn, precision, recall, f1.
    An answer is neither shown nor unshown, so by visibility there is only a recall.
    """
    said = answers.filter("counted")
    tables = []
    for part, column in ((HALF, pl.col("half").cast(pl.String)), (COMMENTARY, _spoken())):
        for (value,), asked in samples.group_by(column.alias("value"), maintain_order=True):
            inside = asked.select(SAMPLE)
            counts = count(
                inside,
                truths.join(inside, on=SAMPLE, how="semi"),
                said.join(inside, on=SAMPLE, how="semi"),
            )
            tables.append(_pool(counts, part, value))
    unseen = pl.col("visibility").eq_missing("not shown")
    for value, inside in (("shown", ~unseen), ("not shown", unseen)):
        counts = count(samples, truths.filter(inside), said)
        tables.append(
            _pool(counts, VISIBILITY, value).with_columns(
                pl.lit(None).alias(name) for name in ("predictions", "fp", "precision", "f1")
            )
        )
    return pl.concat(tables, how="vertical_relaxed").sort("part", "value", "matching")


def _spoken() -> pl.Expr:
    return pl.when("spoken").then(pl.lit("with")).otherwise(pl.lit("without"))


def _pool(counts: pl.DataFrame, part: str, value: str) -> pl.DataFrame:
    numbers = pl.col("samples", "events", "predictions", "tp", "fp", "fn").sum()
    pooled = counts.filter(protocol="full").group_by("matching").agg(numbers)
    return with_ratios(pooled).select(
        pl.lit(part).alias("part"), pl.lit(value).alias("value"), pl.all()
    )


def errors(samples: pl.DataFrame, truths: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return how much is invented where nothing happens, and how far off in time the hits are.

    Columns action, empty_minutes, hallucinations, per_empty_minute, hits, median_s, p90_s. An empty
    minute is a minute of a chunk without the action that is asked for; a hallucination is an answer
    there. The error of a found event is the distance of its time from the middle of the nearest
    answer that matches it.
    """
    said = answers.filter("counted")
    empty = samples.join(truths, on=SAMPLE, how="anti").with_columns(
        minutes=(pl.col("end_s") - pl.col("start_s")) / 60
    )
    invented = said.join(empty, on=SAMPLE, how="semi")
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    hits = (
        pairs(said, truths)
        .join(said.select(middle=middle).with_row_index("answer"), on="answer")
        .join(truths.select("time_s").with_row_index("truth"), on="truth")
        .group_by("truth")
        .agg(pl.col("action").first(), error_s=(pl.col("middle") - pl.col("time_s")).abs().min())
    )
    rows = []
    for action in [ALL, *samples["action"].unique().sort()]:
        own = pl.lit(True) if action == ALL else pl.col("action") == action
        minutes = empty.filter(own)["minutes"].sum()
        count_, error_s = len(invented.filter(own)), hits.filter(own)["error_s"]
        rate = count_ / minutes if minutes else None
        off = (error_s.median(), error_s.quantile(0.9, "linear"))
        rows.append((action, minutes, count_, rate, len(error_s), *off))
    kinds = {"action": pl.String, "empty_minutes": pl.Float64, "hallucinations": pl.Int64}
    kinds |= {"per_empty_minute": pl.Float64, "hits": pl.Int64}
    kinds |= {"median_s": pl.Float64, "p90_s": pl.Float64}
    return pl.DataFrame(rows, schema=kinds, orient="row")

"""Bootstrap over matches: confidence intervals of F1 and of paired differences between models.

Actions, chunks and events of one match are not independent, so whole matches are resampled. All
models are scored on the same matches and use the same draws, so their differences are paired.
"""

import itertools
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import polars as pl

from touchline.core.schema import ALL

KEY = ["protocol", "matching", "action"]
DIFFERENCES = pl.Schema(
    {"model": pl.String, "other": pl.String}
    | dict.fromkeys(KEY, pl.String)
    | dict.fromkeys(["f1", "f1_other", "difference", "low", "high", "share_above"], pl.Float64)
)

Counts = TypeVar("Counts", float, np.ndarray)


def f1(tp: Counts, fp: Counts, fn: Counts) -> Counts:
    """Return 2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall."""
    return 2 * tp / (2 * tp + fp + fn)


def with_pooled(scores: pl.DataFrame) -> pl.DataFrame:
    """Return the counts (columns `schema.SCORES`) with the rows again under the action `all`."""
    return pl.concat([scores, scores.with_columns(action=pl.lit(ALL))])


def draw_matches(matches: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each resample draws each match, with replacement: (resamples, matches)."""
    probabilities = np.full(matches, 1 / matches)
    return np.random.default_rng(seed).multinomial(matches, probabilities, size=resamples)


def resample_f1(scores: pl.DataFrame, draws: np.ndarray) -> dict[tuple, np.ndarray]:
    """Return F1 of every resample, (resamples,), for each (protocol, matching, action) and `all`.

    `draws` (resamples, matches) are from `draw_matches`, in the order of the matches' names. F1 is
    nan in a resample without any answer or event.
    """
    matches = scores["match"].unique().sort().to_list()
    resampled = {}
    for key, group in with_pooled(scores).group_by(KEY, maintain_order=True):
        counts = np.zeros((len(matches), 3))
        summed = group.group_by("match").agg(pl.col("tp", "fp", "fn").sum())
        rows = np.searchsorted(matches, summed["match"].to_numpy())
        counts[rows] = summed.select("tp", "fp", "fn").to_numpy()
        with np.errstate(invalid="ignore"):
            resampled[key] = f1(*(draws @ counts).T)
    return resampled


def percentile_interval(
    values: np.ndarray, matches: int, confidence_level: float
) -> tuple[float | None, float | None]:
    """Return the ends of the middle `confidence_level` of the values; None below two matches."""
    if matches < 2 or np.isnan(values).all():
        return None, None
    low, high = np.nanquantile(values, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    return float(low), float(high)


def paired_differences(
    scores: dict[str, pl.DataFrame], resamples: int, seed: int, confidence_level: float
) -> pl.DataFrame:
    """Return F1 of one model minus that of another, for every two models (columns `DIFFERENCES`).

    `model` is the one with the higher pooled F1 under the reference paper's rule (full, many); of
    equals, the earlier. Every model must be scored on the same matches.
    """
    pooled = {}
    for model, table in scores.items():
        every_match_once = np.ones((1, table["match"].n_unique()))
        f1s = resample_f1(table, every_match_once)
        pooled[model] = np.nan_to_num(f1s["full", "many", ALL][0])
    ranked = sorted(scores, key=lambda model: pooled[model], reverse=True)
    pairs = list(itertools.combinations(ranked, 2))
    return differences_of(pairs, scores, resamples, seed, confidence_level)


def differences_of(
    pairs: Iterable[tuple[str, str]],
    scores: dict[str, pl.DataFrame],
    resamples: int,
    seed: int,
    confidence_level: float,
) -> pl.DataFrame:
    """Return F1 of the first model of each pair minus that of the second (columns `DIFFERENCES`).

    low and high bound the middle `confidence_level` of the paired differences, share_above is the
    share of the resamples in which `model` is above `other`. Every model must be scored on the same
    matches.
    """
    matches = {model: set(table["match"]) for model, table in scores.items()}
    assert len(set(map(frozenset, matches.values()))) <= 1, "models scored on different matches"
    if not scores:
        return pl.DataFrame(schema=DIFFERENCES)
    count = len(next(iter(matches.values())))
    draws = draw_matches(count, resamples, seed)
    resampled = {model: resample_f1(table, draws) for model, table in scores.items()}
    every_match_once = np.ones((1, count))
    observed = {model: resample_f1(table, every_match_once) for model, table in scores.items()}
    rows = []
    for model, other in pairs:
        for key in resampled[model]:
            f1_model, f1_other = observed[model][key][0], observed[other][key][0]
            paired = resampled[model][key] - resampled[other][key]
            defined = paired[~np.isnan(paired)]
            low, high = percentile_interval(paired, count, confidence_level)
            above = float((defined > 0).mean()) if low is not None else None
            f1s = (f1_model, f1_other, f1_model - f1_other)
            rows.append((model, other, *key, *f1s, low, high, above))
    table = pl.DataFrame(rows, schema=DIFFERENCES, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))

"""The bootstrap over matches: intervals of F1, and of the difference between two models.

Actions, chunks and events of one match are not independent, so whole matches are drawn. All models
are scored on the same matches and see the same draws, which makes their differences paired.
"""

import itertools

import numpy as np
import polars as pl

from touchline.core.schema import ALL

KEY = ["protocol", "matching", "action"]
DIFFERENCES = pl.Schema(
    {"model": pl.String, "other": pl.String}
    | dict.fromkeys(KEY, pl.String)
    | dict.fromkeys(["f1", "f1_other", "difference", "low", "high", "share_above"], pl.Float64)
)


def f1(tp, fp, fn):
    """Return 2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall."""
    return 2 * tp / (2 * tp + fp + fn)


def with_all(scores: pl.DataFrame) -> pl.DataFrame:
    """Return the counts (columns `schema.SCORES`) with those of all actions pooled, as `all`."""
    return pl.concat([scores, scores.with_columns(action=pl.lit(ALL))])


def draw(matches: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each match is drawn, with replacement: (resamples, matches)."""
    chances = np.full(matches, 1 / matches)
    return np.random.default_rng(seed).multinomial(matches, chances, size=resamples)


def resample(scores: pl.DataFrame, draws: np.ndarray) -> dict[tuple, np.ndarray]:
    """Return F1 of every draw, for each (protocol, matching, action) with `all` among the actions.

    A draw without anything answered or to be found has no F1: nan.
    """
    matches = scores["match"].unique().sort().to_list()
    resampled = {}
    for row, group in with_all(scores).group_by(KEY, maintain_order=True):
        counts = np.zeros((len(matches), 3))
        summed = group.group_by("match").agg(pl.col("tp", "fp", "fn").sum())
        places = np.searchsorted(matches, summed["match"].to_numpy())
        counts[places] = summed.select("tp", "fp", "fn").to_numpy()
        with np.errstate(invalid="ignore"):
            resampled[row] = f1(*(draws @ counts).T)
    return resampled


def bounds(
    values: np.ndarray, matches: int, confidence_level: float
) -> tuple[float | None, float | None]:
    """Return the ends of the middle `confidence_level` of the values; nothing with fewer than two matches."""
    if matches < 2 or np.isnan(values).all():
        return None, None
    low, high = np.nanquantile(values, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    return float(low), float(high)


def differences(
    scores: dict[str, pl.DataFrame], resamples: int, seed: int, confidence_level: float
) -> pl.DataFrame:
    """Return F1 of one model minus that of another, for every two models (columns `DIFFERENCES`).

    `model` is the one with the higher pooled F1 under the study's rule (full, many), or the earlier.
    low and high bound the middle `confidence_level` of the paired differences, share_above is the share of
    the draws in which `model` is above `other`. Every model must be scored on the same matches.
    """
    matches = {model: set(table["match"]) for model, table in scores.items()}
    assert len(set(map(frozenset, matches.values()))) <= 1, "models scored on different matches"
    if not scores:
        return pl.DataFrame(schema=DIFFERENCES)
    count = len(next(iter(matches.values())))
    draws = draw(count, resamples, seed)
    drawn = {model: resample(table, draws) for model, table in scores.items()}
    once = {model: resample(table, np.ones((1, count))) for model, table in scores.items()}
    pooled = {model: np.nan_to_num(rows["full", "many", ALL][0]) for model, rows in once.items()}
    ranked = sorted(scores, key=pooled.get, reverse=True)
    rows = []
    for model, other in itertools.combinations(ranked, 2):
        for row in drawn[model]:
            own, others = once[model][row][0], once[other][row][0]
            paired = drawn[model][row] - drawn[other][row]
            known = paired[~np.isnan(paired)]
            low, high = bounds(paired, count, confidence_level)
            above = float((known > 0).mean()) if low is not None else None
            rows.append((model, other, *row, own, others, own - others, low, high, above))
    table = pl.DataFrame(rows, schema=DIFFERENCES, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))

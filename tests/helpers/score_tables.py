"""Score tables made from counts, given or drawn."""

import numpy as np
import polars as pl

from touchline.core import schema

ACTIONS = ["goal", "advantage"]


def scores_of(counts):
    """Return a score table from {(match, action): (tp, fp, fn)}, the same for every kind of row."""
    rows = [
        (match, protocol, matching, action, 5, tp + fn, tp + fp, tp, fp, fn)
        for (match, action), (tp, fp, fn) in counts.items()
        for protocol in ("full", "positives")
        for matching in ("many", "one")
    ]
    return pl.DataFrame(rows, schema.SCORES, orient="row")


def random_scores(matches, seed=0):
    random = np.random.default_rng(seed)
    return scores_of(
        {
            (f"match{number:03d}", action): tuple(map(int, random.integers(0, 9, 3)))
            for number in range(matches)
            for action in ACTIONS
        }
    )

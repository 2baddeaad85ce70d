"""Speed of the bootstrap: the workflow's functions against the same in plain Python loops.

On random counts of many matches and models both compute the intervals of every row of metrics.csv
and the paired interval of every difference, with the same draws, and must agree.

    python benchmarks/metrics.py [--matches 100] [--models 6] [--resamples 1000] [--rounds 3]
"""

import argparse
import itertools
import statistics
import time

import numpy as np
import polars as pl
from tabulate import tabulate

from touchline.core import schema
from touchline.core.schema import ALL
from touchline.evaluation import metrics
from touchline.evaluation.bootstrap import KEY, draw_matches, f1, paired_differences

ACTIONS = ["corner", "shots_on_target", "goal", "clearance", "foul", "free_kick", "substitution"]
LEVEL = 0.95


def random_scores(matches: int, seed: int) -> pl.DataFrame:
    """Return counts as the scores of one model have them."""
    random = np.random.default_rng(seed)
    kinds = itertools.product(range(matches), ("full", "positives"), ("many", "one"), ACTIONS)
    rows = [
        (f"match{match:04d}", *kind, 90, 9, 12, *map(int, random.integers(0, 9, 3)))
        for match, *kind in kinds
    ]
    return pl.DataFrame(rows, schema=schema.SCORES, orient="row")


def pooled(scores: pl.DataFrame) -> float:
    """Return F1 by the rule that ranks the models."""
    return f1(
        *scores.filter(protocol="full", matching="many").select("tp", "fp", "fn").sum().row(0)
    )


def with_functions(scores: dict[str, pl.DataFrame], resamples: int) -> dict:
    """Return the interval of every row and difference, by the workflow's own functions."""
    ends = {}
    for model, table in scores.items():
        summary = metrics.summarise_scores(table, resamples, 0, LEVEL)
        for *row, low, high in summary.select(*KEY, "f1_low", "f1_high").iter_rows():
            ends[model, *row] = (low, high)
    paired = paired_differences(scores, resamples, 0, LEVEL)
    for *row, low, high in paired.select("model", "other", *KEY, "low", "high").iter_rows():
        ends[tuple(row)] = (low, high)
    return ends


def with_loops(scores: dict[str, pl.DataFrame], resamples: int) -> dict:
    """Return the same from plain Python loops."""
    drawn, ends = {}, {}
    for model, table in scores.items():
        counts: dict[tuple, dict] = {}
        for row in table.iter_rows(named=True):
            for action in (row["action"], ALL):
                of_key = counts.setdefault((row["protocol"], row["matching"], action), {})
                known = of_key.get(row["match"], (0, 0, 0))
                added = (row["tp"], row["fp"], row["fn"])
                of_key[row["match"]] = tuple(map(sum, zip(known, added, strict=True)))
        matches = sorted({match for of_key in counts.values() for match in of_key})
        draws = draw_matches(len(matches), resamples, 0).tolist()
        for key, of_key in counts.items():
            values = []
            for weights in draws:
                tp = fp = fn = 0
                for match, weight in zip(matches, weights, strict=True):
                    if weight:
                        match_tp, match_fp, match_fn = of_key[match]
                        tp += weight * match_tp
                        fp += weight * match_fp
                        fn += weight * match_fn
                values.append(2 * tp / (2 * tp + fp + fn))
            drawn[model, *key] = values
            ends[model, *key] = quantiles(values)
    for model, other in itertools.combinations(scores, 2):
        for key in [key for name, *key in drawn if name == model]:
            pairs = zip(drawn[model, *key], drawn[other, *key], strict=True)
            ends[model, other, *key] = quantiles([a - b for a, b in pairs])
    return ends


def quantiles(values: list[float]) -> tuple[float, float]:
    """Return both ends of the interval, interpolated as numpy does."""
    ordered = sorted(values)
    ends = []
    for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        ends.append(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
    return tuple(ends)


def main() -> None:
    """Time both in turns and print their seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matches", type=int, default=100)
    parser.add_argument("--models", type=int, default=6)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    tables = [random_scores(args.matches, n) for n in range(args.models)]
    tables.sort(key=pooled, reverse=True)  # differences are those of the better model
    scores = {f"model{n}": table for n, table in enumerate(tables)}
    ways = {"touchline": with_functions, "plain loops": with_loops}
    seconds = {name: [] for name in ways}
    for _ in range(args.rounds):
        ends = []
        for name, way in ways.items():
            start = time.perf_counter()
            ends.append(way(scores, args.resamples))
            seconds[name].append(time.perf_counter() - start)
        assert ends[0].keys() == ends[1].keys()
        difference = max(np.abs(np.subtract(ends[0][key], ends[1][key])).max() for key in ends[0])
        print(f"{len(ends[0])} intervals, greatest difference {difference:.1e}")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    table = [
        [name, f"{medians[name]:.2f}", f"{min(values):.2f} to {max(values):.2f}",
         f"{medians['plain loops'] / medians[name]:.1f}"]
        for name, values in seconds.items()
    ]  # fmt: skip
    print(tabulate(table, ["", "seconds", "range", "times faster"], disable_numparse=True))


if __name__ == "__main__":
    main()

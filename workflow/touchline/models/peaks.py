"""Peak picking: from scores over time to spots and intervals, and from spots to predictions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.core.intervals import INTERVAL_S, interval_around
from touchline.core.iou import assign_chunks, max_distance_s

# A step is positive in the training of a model of steps where an event is at most this far from its middle.
TARGET_RADIUS_S = 2.5
LARGEST_PROBABILITY = 0.9999  # its event rate is still finite
# An interval that is expected to match fewer events than this is not predicted.
MIN_EXPECTED_MATCHES = 0.03


def event_rates(probabilities: np.ndarray, step_s: float) -> np.ndarray:
    """Return the expected number of events in a step from the probability of an event near it.

    Events are modelled as a Poisson process: with rate r per step, there is one within
    `TARGET_RADIUS_S` of a step with probability 1 - exp(-r * 2 * TARGET_RADIUS_S / step_s).
    """
    most = np.minimum(probabilities, LARGEST_PROBABILITY)
    return -np.log1p(-most) * step_s / (2 * TARGET_RADIUS_S)


def suppress(confidence: np.ndarray, radius: int, floor: float) -> np.ndarray:
    """Return the steps that non-maximum suppression keeps, by falling confidence.

    `confidence` has one value per time step. A kept step removes all others within `radius` steps;
    steps below `floor` are not considered. Of equal values the earlier one is first.
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
    """Return the spots as one row per sample (columns `schema.PREDICTIONS`).

    `spots` has the columns half, time_s, action and confidence. A spot becomes an interval, the
    `length_s` seconds around it, in every chunk that it lies in, and is not cut to the chunk.
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


def choose(times_s: np.ndarray, expected: np.ndarray, length_s: float) -> list[tuple[int, float]]:
    """Return where intervals of `length_s` are placed, greedily, and the events that each matches.

    `expected` is the number of events that are expected at each of the times (seconds, rising). The
    first interval is placed around the time where it is expected to match the most events; these
    are then removed, and the next one is placed for the rest, until that would match fewer than
    `MIN_EXPECTED_MATCHES`. A place is the index of a time; they are in the order of time.
    """
    remaining = expected.copy()
    near = np.abs(np.subtract.outer(times_s, times_s)) < max_distance_s(length_s)
    matching = near.astype(float)
    places: list[tuple[int, float]] = []
    while len(remaining) and (matches := matching @ remaining).max() >= MIN_EXPECTED_MATCHES:
        best = int(matches.argmax())
        places.append((best, float(matches[best])))
        remaining[near[best]] = 0
    return sorted(places)


def interval_of(time_s: float, length_s: float, confidence: float) -> dict[str, float]:
    """Return the interval of `length_s` around a moment (a `schema.INTERVAL`)."""
    first_s, last_s = interval_around(float(time_s), length_s)
    return {"start_s": first_s, "end_s": last_s, "confidence": float(confidence)}


def choose_intervals(
    samples: pl.DataFrame,
    rates: Mapping[str, np.ndarray],
    step_s: float,
    length_s: float,
    confidences: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> pl.DataFrame:
    """Return the intervals of a half's samples (columns `schema.PREDICTIONS`), chosen greedily.

    `rates` has, for each action, the expected number of events in each step of the half: (steps,).
    An interval is `length_s` seconds long. The first one of a sample is placed where it is expected
    to match the most events of its chunk; these are then removed, and the next one is placed for
    the rest. Its confidence is the probability of at least one event, 1 - exp(-expected number), or,
    for an action in `confidences`, the probability there that an interval around its step matches,
    times the share of the events expected near it that are in the chunk and not removed.
    The column `rates` has those of the chunk's seconds.
    """
    predictions, curves = [], []
    reach = (
        int(np.ceil(max_distance_s(length_s) / step_s)) - 1
    )  # in steps, of what an interval matches
    for start_s, end_s, action in samples.select("start_s", "end_s", "action").iter_rows():
        # The steps whose middle is in the chunk.
        first, last = (max(0, int(np.ceil(edge / step_s - 0.5))) for edge in (start_s, end_s))
        steps = rates.get(action, np.zeros(0))
        inside = steps[first:last]
        middles_s = (first + np.arange(len(inside)) + 0.5) * step_s
        intervals = []
        for best, expected in choose(middles_s, inside, length_s):
            confidence = -np.expm1(-expected)
            if action in confidences:
                middle = first + best
                near = steps[max(0, middle - reach) : middle + reach + 1].sum()
                confidence = confidences[action][middle] * min(1.0, expected / near)
            intervals.append(interval_of(middles_s[best], length_s, confidence))
        predictions.append(intervals)
        curves.append(_rates_of_seconds(steps, step_s, start_s, end_s))
    return schema.fill_predictions(
        samples.select("half", "chunk", "action").with_columns(
            intervals=pl.Series(predictions, dtype=pl.List(schema.INTERVAL)),
            status=pl.Series(
                ["ok" if intervals else "none" for intervals in predictions], dtype=pl.String
            ),
            rates=pl.Series(curves, dtype=pl.List(pl.Float32)),
        )
    )


def _rates_of_seconds(steps: np.ndarray, step_s: float, start_s: float, end_s: float) -> np.ndarray:
    """Return the expected number of events in each second of a chunk, from those of the steps.

    A second has the rate of the step that its middle is in; without steps there are no values.
    """
    if not len(steps):
        return np.zeros(0, np.float32)
    middles_s = np.arange(start_s, end_s) + 0.5
    at = np.minimum((middles_s / step_s).astype(np.int64), len(steps) - 1)
    return (steps[at] / step_s).astype(np.float32)


@dataclass
class AnswerDistribution:
    """The distribution over a language model's answers to a question, and what is expected by it.

    `none` is the probability of the denial and `first` (S,) that of each moment as the first one
    that is stated; what is missing to 1 is the mass `outside` of the set of answers. `expected` (S,)
    is the expected number of events at each moment.
    """

    times_s: np.ndarray
    none: float
    first: np.ndarray
    expected: np.ndarray

    @property
    def occurs(self) -> float:
        """The probability that the action occurs: that the answer states a moment."""
        return float(self.first.sum())

    @property
    def outside(self) -> float:
        """The probability of all texts that are none of the answers."""
        return max(0.0, 1 - self.none - self.occurs)

    def intervals(self, length_s: float = INTERVAL_S) -> list[dict[str, float]]:
        """Return the intervals that most probably match an event, by `choose`.

        The confidence is the probability that the interval matches: the starts of one sentence
        exclude each other, so it is the sum over those that match.
        """
        return [
            interval_of(self.times_s[place], length_s, min(1.0, expected))
            for place, expected in choose(self.times_s, self.expected, length_s)
        ]

    def rates(self, start_s: float, end_s: float) -> list[float]:
        """Return the expected number of events in each second of the chunk from its start on."""
        seconds = math.ceil(end_s - start_s)
        second = np.clip((self.times_s - start_s).astype(np.int64), 0, seconds - 1)
        return list(np.bincount(second, self.expected, seconds))


class Walk:
    """The occurrences that an answer states one after the other, as far as another is expected.

    `path` are the moments that are stated so far, by number. `following` (S,) is the probability of
    each moment as the next one, and `weight` the expected number of events at the last stated moment
    and those that an interval around it matches: they are one event that was told a little earlier
    or later. The events at further moments are added to `distribution.expected`.
    """

    def __init__(self, distribution: AnswerDistribution) -> None:
        self.distribution = distribution
        self.path: list[int] = []
        self.weight = 1.0
        self.following = distribution.first

    def state(self, moment: int) -> None:
        """Go on after a moment that is stated next."""
        times_s = self.distribution.times_s
        near = np.abs(times_s - times_s[moment]) < max_distance_s(INTERVAL_S)
        self.path.append(moment)
        self.weight *= float(self.following[near].sum())

    def continues(self) -> bool:
        """Return whether another occurrence may be expected often enough to be predicted."""
        is_last = self.path[-1] + 1 == len(self.distribution.times_s)
        return self.weight >= MIN_EXPECTED_MATCHES and not is_last

    def expect(self, later: np.ndarray) -> None:
        """Take the probabilities of the moments after the last stated one as the next one."""
        self.following = np.zeros(len(self.distribution.times_s))
        self.following[self.path[-1] + 1 :] = later
        self.distribution.expected = self.distribution.expected + self.weight * self.following

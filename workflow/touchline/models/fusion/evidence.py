"""Evidence: what the parents of a fused model say about each second of a half, as features.

A parent's evidence is its expected number of events in each second, for each action: its curve
(`rates` in `schema.PREDICTIONS`) where it has one, else -log(1 - confidence) at the middle of each
interval, which is the rate of a Poisson process with at least one event by that probability. The
features of a second are logarithms of the mean evidence in windows around it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.peaks import LARGEST_PROBABILITY

# First and last second of each window, relative to the second that the features are of.
OWN_WINDOWS = ((-40, -21), (-20, -11), (-10, -6), (-5, -3), (-2, 2), (3, 5), (6, 10), (11, 20), (21, 40))  # fmt: skip
OTHER_WINDOWS = ((-45, -6), (-5, 5), (6, 45))  # of the other actions
OWN = (
    len(OWN_WINDOWS) + 1
)  # features of a parent for the action itself, the last: it did not answer
# Events per second that count as nothing: a half has 2 to 30 events of an action.
FLOOR = 1e-3
# A sample with one of these statuses was not answered, which is not the answer that nothing occurs.
UNANSWERED = ("skipped", "refused", "unparsable")
KEY = ["half", "chunk", "action"]


@dataclass(frozen=True)
class HalfEvidence:
    """The evidence of the parents in a half of `end_s` seconds.

    `rates` (parents, actions, seconds) is the expected number of events in each second;
    `unanswered`, of the same shape, says where a parent gave no answer.
    """

    half: int
    end_s: float
    rates: np.ndarray
    unanswered: np.ndarray

    @property
    def seconds(self) -> int:
        """The number of seconds."""
        return self.rates.shape[-1]


def read_evidence(
    match: Match, parents: Sequence[str], actions: Sequence[str]
) -> Iterator[HalfEvidence]:
    """Yield the evidence of each half of a match.

    Raises `InputError` where a parent's answers are missing, or are to other samples.
    """
    samples = match.samples.select(*KEY, "start_s", "end_s")
    answers = [_answers_to(match, parent, samples) for parent in parents]
    number = {action: index for index, action in enumerate(actions)}
    for half, end_s in samples.group_by("half").agg(pl.col("end_s").max()).sort("half").iter_rows():
        shape = (len(parents), len(actions), int(np.ceil(end_s)))
        rates, unanswered = np.zeros(shape), np.ones(shape, bool)
        for parent, table in enumerate(answers):
            for start_s, stop_s, action, intervals, status, curve in (
                table.filter(half=half)
                .select("start_s", "end_s", "action", "intervals", "status", "rates")
                .iter_rows()
            ):
                if action in number and status not in UNANSWERED:
                    chunk = slice(int(start_s), int(np.ceil(stop_s)))
                    found = _rates(intervals, curve, start_s, chunk)
                    known = rates[parent, number[action], chunk]
                    # Chunks that overlap tell of the same events, which count once.
                    np.maximum(known, found, out=known)
                    unanswered[parent, number[action], chunk] = False
        yield HalfEvidence(half, end_s, rates, unanswered)


def _answers_to(match: Match, parent: str, samples: pl.DataFrame) -> pl.DataFrame:
    """Return a parent's answers with the times of the samples' chunks."""
    answers = match.answers.get(parent)
    if answers is None:
        raise InputError(f"{match.name}: there are no answers of {parent}, which is to be joined.")
    if not answers.select(KEY).equals(samples.select(KEY)):
        raise InputError(
            f"{match.name}: the answers of {parent} are to other samples. Delete them; they are "
            "made again."
        )
    return answers.with_columns(samples["start_s"], samples["end_s"])


def _rates(
    intervals: list[dict], curve: list[float] | None, start_s: float, chunk: slice
) -> np.ndarray:
    """Return the expected number of events in each second of a chunk, given an answer to it."""
    rates = np.zeros(chunk.stop - chunk.start)
    if curve is not None:
        known = np.asarray(curve, float)[: len(rates)]
        rates[: len(known)] = known
        return rates
    for interval in intervals:
        middle_s = (interval["start_s"] + interval["end_s"]) / 2
        second = min(max(int(middle_s) - chunk.start, 0), len(rates) - 1)
        confidence = 1.0 if interval["confidence"] is None else interval["confidence"]
        rates[second] -= np.log1p(-min(confidence, LARGEST_PROBABILITY))
    return rates


def log_means(rates: np.ndarray, windows: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return log(1 + mean rate in the window / `FLOOR`) around each second.

    `rates` is (parents, actions, seconds), the result (parents, actions, windows, seconds). Seconds
    outside of the half count as nothing.
    """
    reach = max(max(-first, last) for first, last in windows) + 1
    padded = np.pad(rates, ((0, 0), (0, 0), (reach, reach)))
    sums = np.concatenate([np.zeros((*rates.shape[:2], 1)), padded.cumsum(axis=-1)], axis=-1)
    seconds = rates.shape[-1]
    means = [
        (
            sums[..., reach + last + 1 : reach + last + 1 + seconds]
            - sums[..., reach + first : reach + first + seconds]
        )
        / (last + 1 - first)
        for first, last in windows
    ]
    return np.log1p(np.maximum(np.stack(means, axis=2), 0) / FLOOR)


def make_features(evidence: HalfEvidence) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of all seconds of a half.

    own (parents, actions, `OWN`, seconds) are those of an action itself: its windows, and whether
    the parent did not answer, where all else is 0; other (parents, actions, windows, seconds) are
    those by which an action speaks for or against another one.
    """
    windows = log_means(evidence.rates, OWN_WINDOWS) * ~evidence.unanswered[:, :, None]
    own = np.concatenate([windows, evidence.unanswered[:, :, None]], axis=2)
    return own, log_means(evidence.rates, OTHER_WINDOWS)


def rows_of(own: np.ndarray, other: np.ndarray, action: int) -> np.ndarray:
    """Return the features for one action: (seconds, `count_features`).

    The first parents * `OWN` are those of the action itself, parent by parent. Those of the
    action among the other actions are 0, as it has its own.
    """
    others = other.copy()
    others[:, action] = 0
    seconds = own.shape[-1]
    return np.concatenate([own[:, action].reshape(-1, seconds), others.reshape(-1, seconds)]).T

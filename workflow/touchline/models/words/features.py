"""Inputs and targets of the temporal convolutional network: a half of commentary in time steps.

The inputs of a step are the words and word pairs spoken in it, and features of its position: the
number of words, whether a line begins or ends, and the time in the half. Several transcripts of a
half are read together: the words of all in the same steps.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from touchline.models.peaks import TARGET_RADIUS_S
from touchline.models.words.commentary_words import WORD_PATTERN, timed_words

PATTERN = WORD_PATTERN + r"|[!?]"  # speech recognition writes shouts with an exclamation mark
# The time in the half is encoded by Gaussians of this width (standard deviation) at these centres.
CENTRES_S, WIDTH_S = np.arange(0, 3300, 300.0), 200.0
EDGE_S = 60.0  # decay of the features of the distance to the half's start and end
POSITION_FEATURES = 4 + 2 * len(CENTRES_S) + 2  # of a step


@dataclass(frozen=True)
class Half:
    """The words of a half, by time, and its events where they are known.

    `tokens` are indices into the vocabulary, spoken at `token_s`; `word_s` are the times of all
    words, known or not. `events` has a row (time_s, index of the action) per event.
    """

    number: int
    end_s: float
    tokens: np.ndarray
    token_s: np.ndarray
    word_s: np.ndarray
    line_start_s: np.ndarray
    line_end_s: np.ndarray
    events: np.ndarray


class Window(NamedTuple):
    """Consecutive steps of a half, as the network reads them.

    Of several transcripts the tokens are those of all, and the position features their mean.
    """

    tokens: np.ndarray  # (tokens of all steps,)
    offsets: np.ndarray  # (steps,) index of each step's first token in `tokens`
    position: np.ndarray  # (steps, POSITION_FEATURES)
    inside: np.ndarray  # (steps,) whether a step's middle is in the half
    transcripts: int = 1  # that the tokens are of


def count_words(lines: pl.DataFrame) -> Counter[str]:
    """Return how often each word and each pair occurs in the lines."""
    words = timed_words(lines, PATTERN)
    return Counter(words["word"].to_list()) + Counter(words["pair"].to_list())


def build_vocabulary(counts: Counter[str], min_count: float) -> dict[str, int]:
    """Return the index of all words and pairs with `min_count` occurrences, by frequency."""
    kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return {word: number for number, (_, word) in enumerate(kept)}


def encode_half(
    number: int, lines: pl.DataFrame, end_s: float, vocabulary: dict[str, int], events: np.ndarray
) -> Half:
    """Return a half with its words as indices into the vocabulary; other words are left out."""
    words = timed_words(lines, PATTERN)
    indices = [vocabulary.get(word, -1) for word in [*words["word"], *words["pair"]]]
    tokens = np.array(indices, np.int32)
    token_s = np.tile(words["time_s"].to_numpy(), 2)
    kept = np.flatnonzero(tokens >= 0)
    kept = kept[np.argsort(token_s[kept], kind="stable")]
    return Half(
        number,
        end_s,
        tokens[kept],
        token_s[kept].astype(np.float32),
        np.sort(words["time_s"].to_numpy()),
        np.sort(lines["start_s"].to_numpy()),
        np.sort(lines["end_s"].to_numpy()),
        events,
    )


def index_events(labels: pl.DataFrame, half: int, actions: Sequence[str]) -> np.ndarray:
    """Return the events of a half as rows (time_s, index of the action); others are left out."""
    index = pl.col("action").replace_strict(list(actions), range(len(actions)), default=None)
    return labels.filter(half=half).select("time_s", index).drop_nulls().to_numpy()


def make_window(half: Half, start_s: float, steps: int, step_s: float) -> Window:
    """Return `steps` steps of a half from `start_s` on, which may lie outside the half."""
    edges = start_s + step_s * np.arange(steps + 1)
    middles = edges[:-1] + step_s / 2
    bounds = np.searchsorted(half.token_s, edges)

    def count(times_s: np.ndarray) -> np.ndarray:
        return np.diff(np.searchsorted(times_s, edges))

    gaussians = np.exp(-(((middles[:, None] - CENTRES_S) / WIDTH_S) ** 2) / 2)
    inside = (middles >= 0) & (middles < half.end_s)
    position = [
        np.log1p(count(half.word_s)),
        inside,
        count(half.line_start_s) > 0,
        count(half.line_end_s) > 0,
        *(gaussians * (half.number == 1)).T,
        *(gaussians * (half.number == 2)).T,
        np.exp(-np.maximum(middles, 0) / EDGE_S),
        np.exp(-np.maximum(half.end_s - middles, 0) / EDGE_S),
    ]
    return Window(
        half.tokens[bounds[0] : bounds[-1]],
        bounds[:-1] - bounds[0],
        np.stack(position, axis=1).astype(np.float32),
        inside,
    )


def join_windows(windows: Sequence[Window]) -> Window:
    """Return the same steps in several transcripts as one window."""
    if len(windows) == 1:
        return windows[0]
    steps = len(windows[0].offsets)
    counts = [np.diff(window.offsets, append=len(window.tokens)) for window in windows]
    step = np.concatenate([np.repeat(np.arange(steps), count) for count in counts])
    order = np.argsort(step, kind="stable")
    total = np.sum(counts, axis=0)
    return Window(
        np.concatenate([window.tokens for window in windows])[order],
        np.cumsum(total) - total,
        np.stack([window.position for window in windows]).mean(axis=0),
        windows[0].inside,
        len(windows),
    )


def make_targets(half: Half, start_s: float, steps: int, step_s: float, actions: int) -> np.ndarray:
    """Return 1 where an event is within `TARGET_RADIUS_S` of a step: (steps, actions)."""
    targets = np.zeros((steps, actions), np.float32)
    for time_s, action in half.events:
        middle = (time_s - start_s) / step_s - 0.5  # in steps
        radius = TARGET_RADIUS_S / step_s
        first = max(0, int(np.ceil(middle - radius)))
        targets[first : max(first, int(np.floor(middle + radius)) + 1), int(action)] = 1
    return targets

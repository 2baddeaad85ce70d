"""A half of commentary in steps of time: what the network reads, and what it learns from.

A step is described by the words and pairs of words that are spoken in it, and by what the words do
not say: how many there are, whether a line begins or ends, and where in the half it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp
from sklearn.utils.extmath import randomized_svd

from touchline.models.words.commentary_words import WORDS, spoken_words

PATTERN = WORDS + r"|[!?]"  # a recogniser writes what was shouted with an exclamation mark
# An event is learnt as the 5 s around it.
NEAR_S = 2.5
# Smooth marks of the time in the half: bells of this width around every fifth minute.
MINUTES_S, BELL_S = np.arange(0, 3300, 300.0), 200.0
EDGE_S = 60.0
TOGETHER_S = 6.0  # words within so many seconds are spoken together
TINY = 1e-9
EXTRA = 4 + 2 * len(MINUTES_S) + 2


@dataclass(frozen=True)
class Half:
    """The words of a half, in the order of time, and the events where they are known.

    `tokens` are rows of the vocabulary, spoken at `token_s`; `word_s` are the times of all words.
    `events` has a row (time_s, number of the action) per event.
    """

    number: int
    end_s: float
    tokens: np.ndarray
    token_s: np.ndarray
    word_s: np.ndarray
    begin_s: np.ndarray  # of the lines
    finish_s: np.ndarray
    events: np.ndarray


class Window(NamedTuple):
    """Consecutive steps of a half, from any moment on."""

    tokens: np.ndarray  # of all steps
    first: np.ndarray  # (steps,) place of each step's first token in them
    extra: np.ndarray  # (steps, EXTRA)
    inside: np.ndarray  # (steps,) whether a step's middle is in the half


def count_words(lines: pl.DataFrame) -> Counter:
    """Count the words and pairs of some lines."""
    words = spoken_words(lines, PATTERN)
    return Counter(words["word"].to_list()) + Counter(words["pair"].to_list())


def vocabulary(counts: Counter, least: int) -> dict[str, int]:
    """Return a number for every word and pair that is counted at least so often, the commonest first."""
    kept = sorted((-count, word) for word, count in counts.items() if count >= least)
    return {word: number for number, (_, word) in enumerate(kept)}


def read_half(
    number: int, lines: pl.DataFrame, end_s: float, known: dict[str, int], events: np.ndarray
) -> Half:
    """Look up the words of a half; those that are not `known` are left out."""
    words = spoken_words(lines, PATTERN)
    rows = [known.get(word, -1) for word in [*words["word"], *words["pair"]]]
    tokens = np.array(rows, np.int32)
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


def numbered(labels: pl.DataFrame, half: int, actions: Sequence[str]) -> np.ndarray:
    """Return the events of a half as rows (time_s, number of the action)."""
    number = pl.col("action").replace_strict(list(actions), range(len(actions)), default=None)
    return labels.filter(half=half).select("time_s", number).drop_nulls().to_numpy()


def meanings(halves: Sequence[Half], words: int, width: int) -> np.ndarray:
    """Return a vector of length 1 for every word, alike for words that are spoken together: (words, width).

    Latent semantic analysis (Deerwester et al., 1990): the first `width` singular vectors of which words
    occur in which `TOGETHER_S`, weighted by how rare a word is.
    """
    places, before = [], 0
    for half in halves:
        places.append(before + (half.token_s // TOGETHER_S).astype(np.int64))
        before = 1 + max([before, *places[-1][-1:]])
    tokens = np.concatenate([half.tokens for half in halves])
    ones = np.ones(len(tokens), np.float32)
    spoken = sp.csr_matrix((ones, (np.concatenate(places), tokens)), shape=(before, words))
    spoken.data[:] = 1
    rare = np.log(before / (1 + np.asarray(spoken.sum(axis=0))[0])).clip(0)
    found = np.zeros((words, width), np.float32)
    known = min(width, *spoken.shape)
    if known:
        vectors = randomized_svd(spoken @ sp.diags_array(rare), known, random_state=0)[2].T
        found[:, :known] = vectors / np.maximum(vectors.std(axis=0), TINY)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), TINY)


def window(half: Half, start_s: float, steps: int, step_s: float) -> Window:
    """Describe so many steps of a half from `start_s` on, which may lie outside of it."""
    edges = start_s + step_s * np.arange(steps + 1)
    middles = edges[:-1] + step_s / 2
    places = np.searchsorted(half.token_s, edges)

    def count(times_s: np.ndarray) -> np.ndarray:
        return np.diff(np.searchsorted(times_s, edges))

    bells = np.exp(-(((middles[:, None] - MINUTES_S) / BELL_S) ** 2) / 2)
    inside = (middles >= 0) & (middles < half.end_s)
    extra = [
        np.log1p(count(half.word_s)),
        inside,
        count(half.begin_s) > 0,
        count(half.finish_s) > 0,
        *(bells * (half.number == 1)).T,
        *(bells * (half.number == 2)).T,
        np.exp(-np.maximum(middles, 0) / EDGE_S),
        np.exp(-np.maximum(half.end_s - middles, 0) / EDGE_S),
    ]
    return Window(
        half.tokens[places[0] : places[-1]],
        places[:-1] - places[0],
        np.stack(extra, axis=1).astype(np.float32),
        inside,
    )


def targets(half: Half, start_s: float, steps: int, step_s: float, actions: int) -> np.ndarray:
    """Return whether an event of each action is near each step's middle: (steps, actions)."""
    near = np.zeros((steps, actions), np.float32)
    for time_s, action in half.events:
        middle = (time_s - start_s) / step_s - 0.5  # in steps
        first = max(0, int(np.ceil(middle - NEAR_S / step_s)))
        near[first : max(first, int(np.floor(middle + NEAR_S / step_s)) + 1), int(action)] = 1
    return near

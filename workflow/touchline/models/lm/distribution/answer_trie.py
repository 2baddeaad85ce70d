"""Tries of token sequences, and the log-probabilities of all of them in one forward pass.

The inner nodes of a question's trie are fed side by side, with those of the other questions, after
the cached prefix. A node sees the prefix, its question and its ancestors alone, and its position is
that in the separate sequence, so its outputs are those of that sequence. Shapes: E edges of a trie,
T fed tokens of all questions, P tokens of the prefix, B chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from touchline.models.lm.attention_masks import pad_spans, span_masks, spans
from touchline.models.lm.distribution.head import token_log_probabilities
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.shared_prefix import (
    Prefix,
    branch_start,
    pad_right,
    positions_for_model,
)

ROOT = -1  # the node before the first token of every answer: the end of the question


@dataclass(frozen=True)
class Trie:
    """A trie of answers.

    An inner node has its token in `tokens` and its parent in `parents` (an earlier node, or
    `ROOT`). `edges` are all pairs of an inner node (or `ROOT`) and a token after it, and `paths`
    has the edges of each answer, in the order of its tokens.
    """

    tokens: list[int]
    parents: list[int]
    edges: list[tuple[int, int]]
    paths: list[list[int]]

    @property
    def stem(self) -> int:
        """The number of tokens that all answers begin with."""
        return _common(*(min(self.paths), max(self.paths)))


def build_trie(answers: Sequence[Sequence[int]]) -> Trie:
    """Return the trie of token sequences; a path may be the beginning of another one."""
    trie = Trie([], [], [], [])
    edges: dict[tuple[int, int], int] = {}
    nodes: dict[int, int] = {}  # edge → the inner node that it leads to
    for answer in answers:
        node, path = ROOT, []
        for place, token in enumerate(answer):
            edge = edges.setdefault((node, token), len(edges))
            path.append(edge)
            if place + 1 < len(answer):
                if edge not in nodes:
                    nodes[edge] = len(trie.tokens)
                    trie.tokens.append(token)
                    trie.parents.append(node)
                node = nodes[edge]
        trie.paths.append(path)
    trie.edges.extend(edges)
    return trie


def cut_where_decided(answers: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return each answer up to its first token at which no other answer begins alike.

    What follows is determined by the form of the answers, and needs no forward pass.
    """
    order = sorted(range(len(answers)), key=lambda number: list(answers[number]))
    shared = [0] * len(answers)
    for one, other in pairwise(order):
        common = _common(answers[one], answers[other])
        shared[one], shared[other] = max(shared[one], common), common
    return [list(answer[: length + 1]) for answer, length in zip(answers, shared, strict=True)]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the length of the common beginning of two sequences."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


@dataclass(frozen=True)
class Forest:
    """The fed tokens (T,) of all questions and their tries, without the prefix.

    `depths` (T,) count from the end of the prefix; `starts` and `ends` (T,) are the spans that say
    that a token attends to itself and its ancestors (`attention_masks.spans`). `rows` has, for each
    trie, the index of the token that each of its edges starts from.
    """

    tokens: Tensor
    depths: Tensor
    starts: Tensor
    ends: Tensor
    rows: list[list[int]]


def plant(questions: Sequence[Sequence[int]], tries: Sequence[Trie]) -> Forest:
    """Return the questions and their tries as one forest."""
    tokens: list[int] = []
    parents: list[int] = []
    rows = []
    for question, trie in zip(questions, tries, strict=True):
        start = len(tokens)
        tokens += question
        parents += [ROOT, *range(start, start + len(question) - 1)]
        first, root = len(tokens), len(tokens) - 1
        tokens += trie.tokens
        parents += [root if parent == ROOT else first + parent for parent in trie.parents]
        rows.append([root if node == ROOT else first + node for node, _ in trie.edges])
    depths, starts, ends = _number(parents)
    return Forest(
        torch.tensor(tokens, dtype=torch.long),
        torch.from_numpy(depths),
        torch.from_numpy(starts),
        torch.from_numpy(ends),
        rows,
    )


def _number(parents: Sequence[int]) -> np.ndarray:
    """Return the depths, and the first numbers of each subtree and after it, depth first: (3, T).

    A parent is an earlier token, or `ROOT`.
    """
    sizes = np.ones(len(parents), dtype=np.int64)
    for token in reversed(range(len(parents))):
        if parents[token] != ROOT:
            sizes[parents[token]] += sizes[token]
    depths, starts = np.zeros((2, len(parents)), dtype=np.int64)
    free = {ROOT: 0}  # the first number that is not used yet in each token's subtree
    for token, parent in enumerate(parents):
        starts[token] = free[parent]
        free[parent] += sizes[token]
        free[token] = starts[token] + 1
        depths[token] = 0 if parent == ROOT else depths[parent] + 1
    return np.stack([depths, starts, starts + sizes])


def prefix_spans(length: int, forest: Forest, padded: int | None = None) -> Tensor:
    """Return the spans of a prefix and of the forest after it: (3, P + T).

    The prefix of `length` tokens may be padded, to P = `padded`; nothing sees its padding.
    """
    padded = padded or length
    index = torch.arange(padded)
    end = padded + len(forest.tokens)
    return spans(
        torch.cat([index, padded + forest.starts])[None],
        torch.cat([torch.where(index < length, end, 0), padded + forest.ends])[None],
        torch.cat([index, length + forest.depths])[None],
    )[0]


def forest_positions(prefix: Prefix, forest: Forest) -> Tensor:
    """Return the positions of a forest's tokens after a prefix: (axes, T)."""
    return (branch_start(prefix) + forest.depths).expand(len(prefix.positions), -1)


def log_probabilities(
    model: LanguageModel,
    prefixes: Sequence[Prefix],
    cache: DynamicCache,
    forests: Sequence[Forest],
    tries: Sequence[Sequence[Trie]],
) -> list[list[Tensor]]:
    """Return the log-probabilities of the edges of each trie (E,), given the path there, by chunk.

    `cache` is that of `shared_prefix.prefill` for all prefixes, and holds them again afterwards.
    `forests` are the planted `tries` of each chunk; one may be empty. There is one pass for all.
    """
    device, attention = model.device, prefixes[0].attention
    lengths = [len(prefix.ids) for prefix in prefixes]
    cached, fed = max(lengths), max(len(forest.tokens) for forest in forests)
    seen = pad_spans(
        [prefix_spans(*pair, cached) for pair in zip(lengths, forests, strict=True)], cached + fed
    )
    kept = torch.zeros(len(forests), fed, dtype=torch.bool)
    for number, forest in enumerate(forests):
        kept[number, [row for rows in forest.rows for row in rows]] = True
    row_of = kept.flatten().cumsum(0).view(kept.shape) - 1  # the row of the logits of each token
    positions = pad_right(
        [forest_positions(*pair) for pair in zip(prefixes, forests, strict=True)], fed
    ).transpose(0, 1)  # (A, B, T)
    logits = model(
        input_ids=pad_right([forest.tokens for forest in forests], fed).to(device),
        attention_mask=span_masks(seen.to(device), attention, fed),
        position_ids=positions_for_model(positions.to(device)),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=kept.to(device),
    ).logits  # (kept, vocabulary)
    cache.crop(-fed)
    edges = [
        (row_of[number, rows], torch.tensor([token for _, token in trie.edges]))
        for number, (forest, of_chunk) in enumerate(zip(forests, tries, strict=True))
        for rows, trie in zip(forest.rows, of_chunk, strict=True)
    ]
    logs = token_log_probabilities(
        logits, *(torch.cat(parts).to(device) for parts in zip(*edges, strict=True))
    )
    parts = iter(logs.split([len(rows) for rows, _ in edges]))
    return [[next(parts) for _ in of_chunk] for of_chunk in tries]


def answer_logs(trie: Trie, edges: np.ndarray, start: int = 0) -> np.ndarray:
    """Return the log-probability of each answer, given its first `start` tokens.

    `edges` are the log-probabilities of the trie's edges (E,).
    """
    return np.array([edges[path[start:]].sum() for path in trie.paths])

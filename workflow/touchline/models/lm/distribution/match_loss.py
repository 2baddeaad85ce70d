"""The training objective `match`: the probability that the answer is right by the scoring rule.

For an event, the loss is minus the logarithm of the probability of all starts whose interval matches
it (IoU > 0.3); for an action that does not occur, that of the denial. Several events are stated in
the order of time: each is given the target's sentences before it, and the end given all of them.
Unlike cross-entropy with one start, it does not ask for a precision that is not scored; the gradient
is exact, where policy-gradient training with an IoU reward estimates it from samples.

With a weight w the loss of a question is w times this, plus 1 - w times the cross-entropy of the
target's tokens, in nats. Both come from one trie that holds the answers and the target. Shapes: B
chunks, L tokens of a sequence, E edges of all questions of a chunk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from touchline.core.intervals import INTERVAL_S
from touchline.core.iou import max_distance_s
from touchline.models.lm.attention_masks import pad_spans, span_masks
from touchline.models.lm.distribution.answer_set import (
    first_answers,
    further_answers,
    moments_of,
)
from touchline.models.lm.distribution.answer_trie import (
    Trie,
    build_trie,
    cut_where_decided,
    forest_positions,
    plant,
    prefix_spans,
)
from touchline.models.lm.distribution.head import token_log_probabilities
from touchline.models.lm.shared_prefix import (
    IGNORED,
    Prefix,
    join_vision,
    pad_right,
    padded_length,
    positions_for_model,
)
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts.moments import Moments


@dataclass(frozen=True)
class Target:
    """What is trained on for a question: its trie, the target's path, and the terms of the loss.

    A term is a list of paths (edges), of which one is to be taken.
    """

    trie: Trie
    path: list[int]
    terms: list[list[list[int]]]


def make_target(
    encoder: Encoder, action: str, moments: Moments, events_s: Sequence[float]
) -> Target:
    """Return the target of a question, given the times of the action's events in the chunk."""
    time_of = {moments.index_of(time_s): time_s for time_s in sorted(events_s)}
    chosen = sorted(time_of)
    answers = [encoder.answer_ids(moments.answer(action, chosen))]
    wanted: list[tuple[range | list[int], int]] = []  # rows of `answers`, and tokens that are given
    first = cut_where_decided(first_answers(encoder, action, moments))
    near = _matching(moments, time_of[chosen[0]]) if chosen else []
    wanted.append(([1 + 1 + number for number in near] if chosen else [1], 0))
    answers += first
    for place, number in enumerate(chosen):
        further = cut_where_decided(further_answers(encoder, action, moments, chosen[: place + 1]))
        start = len(answers)
        rows = [start]  # the end of the answer
        if place + 1 < len(chosen):
            later = _matching(moments, time_of[chosen[place + 1]])
            rows = [start + other - number for other in later if other > number]
        wanted.append((rows, build_trie(further).stem if len(further) > 1 else 0))
        answers += further
    trie = build_trie(answers)
    terms = [[trie.paths[row][given:] for row in rows] for rows, given in wanted]
    return Target(trie, trie.paths[0], terms)


def _matching(moments: Moments, event_s: float) -> list[int]:
    """Return the moments whose interval matches an event."""
    near = np.abs(moments.times_s - event_s) < max_distance_s(INTERVAL_S)
    return np.flatnonzero(near).tolist()


@dataclass(frozen=True)
class PackedTries:
    """A chunk's sequence of prefix, questions and tries: ids (L,), spans (3, L).

    `rows` and `tokens` (E,) are the index that each edge starts from and its token; `paths` are the
    targets' and `terms` those of the loss, as edges of the chunk.
    """

    prefix: Prefix
    ids: Tensor
    positions: Tensor
    spans: Tensor
    rows: list[int]
    tokens: list[int]
    paths: list[list[int]]
    terms: list[list[list[int]]]


def pack_tries(
    encoder: Encoder, chunk: Chunk, events_s: Mapping[str, Sequence[float]]
) -> PackedTries:
    """Return the training sequence of a chunk, given the times of each asked action's events."""
    actions = list(events_s)
    prefix, questions = encoder.encode_prompt(chunk, actions or encoder.actions[:1])
    moments = moments_of(chunk, encoder)
    targets = [make_target(encoder, action, moments, events_s[action]) for action in actions]
    forest = plant(questions[: len(actions)], [target.trie for target in targets])
    length = len(prefix.ids)
    packed = PackedTries(
        prefix,
        torch.cat([prefix.ids, forest.tokens]),
        torch.cat([prefix.positions, forest_positions(prefix, forest)], dim=1),
        prefix_spans(length, forest),
        [], [], [], [],
    )  # fmt: skip
    for rows, target in zip(forest.rows, targets, strict=True):
        before = len(packed.rows)
        packed.rows.extend(length + row for row in rows)
        packed.tokens.extend(token for _, token in target.trie.edges)
        packed.paths.append([before + edge for edge in target.path])
        packed.terms.extend(
            [[before + edge for edge in path] for path in paths] for paths in target.terms
        )
    return packed


TRIES = "tries"  # key of a batch's `Loss`


@dataclass(frozen=True)
class Loss:
    """How the loss of a batch is computed from the logits of its tokens `kept` (B, L).

    `rows` (E, 2) are the row of the logits, and the token, of each edge. `paths` (E of all targets)
    and `terms`, one (paths, longest) each, are edges; -1 pads them.
    """

    kept: Tensor
    rows: Tensor
    paths: Tensor
    terms: list[Tensor]

    def __call__(self, logits: Tensor, match_weight: float) -> Tensor:
        """Return the sum of the losses of all questions in nats, given the logits (kept, V)."""
        logs = token_log_probabilities(logits, *self.rows.to(logits.device).unbind(1))  # (E,)
        by_tokens = -logs[self.paths.to(logits.device)].sum()
        padded = torch.cat([logs, logs.new_zeros(1)])  # the edge -1 is certain
        matches = [
            -padded[term.to(logits.device)].sum(dim=1).logsumexp(dim=0) for term in self.terms
        ]
        by_match = torch.stack(matches).sum() if matches else logits.sum() * 0
        return match_weight * by_match + (1 - match_weight) * by_tokens


def collate_tries(chunks: Sequence[PackedTries], pad_id: int) -> dict[str, Any]:
    """Return the model's inputs for a batch of chunks, and its `Loss` under `TRIES`.

    `labels` (1, 1 + T) are the targets' tokens, by whose number the trainer divides the loss; it
    counts from the second place, as the first token of a sequence has no loss.
    """
    attention = chunks[0].prefix.attention
    length = padded_length([len(chunk.ids) for chunk in chunks], attention)
    seen = pad_spans([chunk.spans for chunk in chunks], length)
    kept = torch.zeros(len(chunks), length, dtype=torch.bool)
    starts = np.cumsum([0, *(len(chunk.rows) for chunk in chunks)]).tolist()
    rows: list[tuple[int, int]] = []
    for number, chunk in enumerate(chunks):
        places_kept, row_of = np.unique(np.array(chunk.rows, dtype=int), return_inverse=True)
        before = int(kept.sum())  # rows of the logits of earlier chunks
        kept[number, places_kept] = True
        rows += zip((before + row_of).tolist(), chunk.tokens, strict=True)
    target = [
        start + edge
        for start, chunk in zip(starts, chunks, strict=False)
        for path in chunk.paths
        for edge in path
    ]
    terms = [
        _padded([[start + edge for edge in path] for path in paths])
        for start, chunk in zip(starts, chunks, strict=False)
        for paths in chunk.terms
    ]
    edges = torch.tensor(rows, dtype=torch.long).reshape(-1, 2)
    path = torch.tensor(target, dtype=torch.long)
    positions = pad_right([chunk.positions for chunk in chunks], length).transpose(0, 1)
    return {
        "input_ids": pad_right([chunk.ids for chunk in chunks], length, pad_id),  # (B, L)
        "attention_mask": span_masks(seen, attention),
        "position_ids": positions_for_model(positions),  # (A, B, L)
        "labels": pad(edges[path, 1], (1, 0), value=IGNORED)[None],
        TRIES: Loss(kept, edges, path, terms),
        **join_vision([chunk.prefix.vision for chunk in chunks]),
    }


def _padded(paths: list[list[int]]) -> Tensor:
    """Return paths as a table (paths, longest), filled with -1."""
    longest = max(map(len, paths))
    return torch.tensor([[*path, *[-1] * (longest - len(path))] for path in paths])

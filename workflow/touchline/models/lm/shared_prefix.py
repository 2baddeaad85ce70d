"""Shared-prefix batching: all questions about a chunk in one sequence, in training and in decoding.

The prompts of a chunk differ only in the question at their end, so their common prefix
(instructions, video, commentary) is encoded once. In training, one sequence is

    prefix | question 1, answer 1 | question 2, answer 2 | …

Each branch (a question and its answer) attends to the prefix and to itself, and its positions
continue those of the prefix, so its outputs equal those of [prefix, question, answer] alone. In
inference the prefix is in a key-value cache, and the answers are decoded in parallel after it,
separated by the same attention mask. Layers with a sliding window get a mask of their own
(`attention_masks`).

The code is the same for Qwen2-VL, Qwen2.5-VL, Qwen3-VL (three position axes) and text-only causal
models (one). Shapes: B chunks, L tokens of a sequence, P of a prefix, N questions, A position axes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from touchline.models.lm.attention_masks import (
    BLOCK,
    PADDING,
    PREFIX,
    Attention,
    attention_of,
    branch_mask,
    branch_spans,
    layer_masks,
)
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.positions import prompt_positions

IGNORED = -100  # label of a token without a loss

# The processor's outputs that a forward pass takes besides token ids: patches and their grids.
VISION = ("pixel_values", "image_grid_thw", "pixel_values_videos", "video_grid_thw")


@dataclass(frozen=True)
class Prefix:
    """An encoded prefix: token ids (P,), positions (A, P) and the inputs named in `VISION`.

    `attention` says how the model that it is for attends.
    """

    ids: Tensor
    positions: Tensor
    vision: dict[str, Tensor] = field(default_factory=dict)
    attention: Attention = field(default_factory=Attention)


@dataclass(frozen=True)
class Packed:
    """A chunk's training sequence: ids, owner and labels (L,), positions (A, L)."""

    ids: Tensor
    owner: Tensor
    positions: Tensor
    labels: Tensor
    vision: dict[str, Tensor]
    attention: Attention = field(default_factory=Attention)


@dataclass
class Decoded:
    """An answer's token ids and probabilities, without the stop token; `ended`: it had one."""

    ids: list[int]
    probabilities: list[float]
    ended: bool


def encode_prefix(encoded: Mapping[str, Tensor], model: PreTrainedModel) -> Prefix:
    """Return the prefix for a processor's (or tokenizer's) output on one text.

    `model` gives the positions; it may be without weights, on the meta device.
    """
    vision = {name: encoded[name] for name in VISION if name in encoded}
    positions = prompt_positions(encoded, model, bool(vision))
    return Prefix(encoded["input_ids"][0], positions, vision, attention_of(model))


def pack(prefix: Prefix, branches: Sequence[tuple[list[int], list[int]]]) -> Packed:
    """Return the training sequence of a prefix and its branches (question ids, answer ids)."""
    start, axes = branch_start(prefix), len(prefix.positions)
    ids, owner, positions = [prefix.ids], [torch.full_like(prefix.ids, PREFIX)], [prefix.positions]
    labels = [torch.full_like(prefix.ids, IGNORED)]
    for number, (question, answer) in enumerate(branches, start=1):
        tokens = torch.tensor([*question, *answer])
        ids.append(tokens)
        owner.append(torch.full_like(tokens, number))
        positions.append((start + torch.arange(len(tokens))).expand(axes, -1))
        labels.append(torch.tensor([IGNORED] * len(question) + answer))
    return Packed(
        torch.cat(ids),
        torch.cat(owner),
        torch.cat(positions, dim=1),
        torch.cat(labels),
        prefix.vision,
        prefix.attention,
    )


def collate(chunks: Sequence[Packed], pad_id: int) -> dict[str, Any]:
    """Return the model's inputs for a batch of chunks, padded on the right."""
    attention = chunks[0].attention
    length = padded_length([len(chunk.ids) for chunk in chunks], attention)
    positions = pad_right([chunk.positions for chunk in chunks], length).transpose(0, 1)
    owner = pad_right([chunk.owner for chunk in chunks], length, PADDING)  # (B, L)
    return {
        "input_ids": pad_right([chunk.ids for chunk in chunks], length, pad_id),  # (B, L)
        "attention_mask": branch_spans(owner)
        if attention.sparse
        else layer_masks(branch_mask(owner), owner, attention),
        "position_ids": positions_for_model(positions),  # (A, B, L)
        "labels": pad_right([chunk.labels for chunk in chunks], length, IGNORED),  # (B, L)
        **join_vision([chunk.vision for chunk in chunks]),
    }


def padded_length(lengths: Sequence[int], attention: Attention) -> int:
    """Return the length of a batch: the longest, or the next whole number of blocks."""
    longest = max(lengths)
    return longest + -longest % BLOCK if attention.sparse else longest


@torch.inference_mode()
def decode_answers(
    model: LanguageModel,
    prefix: Prefix,
    questions: Sequence[list[int]],
    max_new_tokens: int,
    stop_ids: Collection[int],
) -> list[Decoded]:
    """Return the answers to all questions about one chunk, decoded greedily in parallel.

    The cache holds the prefix once. A step feeds one token of each unfinished answer, side by side
    in one row, separated by the branch mask.
    """
    device = model.device
    cache = prefill(model, prefix)
    answers = [Decoded([], [], ended=False) for _ in questions]
    lengths = torch.tensor([len(question) for question in questions], device=device)  # (N,)
    start = branch_start(prefix)
    ids = torch.tensor([token for question in questions for token in question], device=device)
    owner = torch.arange(1, len(questions) + 1, device=device).repeat_interleave(lengths)
    positions = torch.cat([start + torch.arange(n, device=device) for n in lengths.tolist()])
    cached = torch.full_like(prefix.ids, PREFIX, device=device)  # owners of the cached tokens
    after = lengths.cumsum(0) - 1  # indices in `ids` whose next token belongs to an answer

    for _ in range(max_new_tokens):
        cached = torch.cat([cached, owner])
        logits = model(
            input_ids=ids[None],
            attention_mask=layer_masks(
                branch_mask(cached[None], len(ids)), cached[None], prefix.attention
            ),
            position_ids=positions_for_model(positions.expand(len(prefix.positions), 1, -1)),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=after,
        ).logits[0]  # (len(after), vocabulary)
        probability, token = logits.float().softmax(dim=-1).max(dim=-1)
        unfinished = [
            _append(answers[branch - 1], token_id, value, stop_ids)
            for branch, token_id, value in zip(
                owner[after].tolist(), token.tolist(), probability.tolist(), strict=True
            )
        ]
        fed = torch.tensor(unfinished, device=device)
        ids, owner, positions = token[fed], owner[after][fed], positions[after][fed] + 1
        if not len(ids):
            break
        after = torch.arange(len(ids), device=device)
    return answers


def _append(answer: Decoded, token: int, probability: float, stop_ids: Collection[int]) -> bool:
    """Append a token to an answer, and return whether the answer continues."""
    if token in stop_ids:
        answer.ended = True
        return False
    answer.ids.append(token)
    answer.probabilities.append(probability)
    return True


def prefill(model: LanguageModel, *prefixes: Prefix) -> DynamicCache:
    """Return the key-value cache of one prefix, or of several that are padded on the right.

    Causal attention alone keeps the padding from the tokens before it.
    """
    cache = DynamicCache()
    positions = pad_right([prefix.positions for prefix in prefixes]).transpose(0, 1)  # (A, B, P)
    model(
        input_ids=pad_right([prefix.ids for prefix in prefixes]).to(model.device),
        position_ids=positions_for_model(positions.to(model.device)),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **{
            name: value.to(model.device)
            for name, value in join_vision([prefix.vision for prefix in prefixes]).items()
        },
    )
    return cache


def pad_right(rows: Sequence[Tensor], length: int | None = None, value: int = 0) -> Tensor:
    """Return rows (…, any length) as one tensor (rows, …, length), by default of the longest."""
    length = length or max(row.shape[-1] for row in rows)
    pad = torch.nn.functional.pad
    return torch.stack([pad(row, (0, length - row.shape[-1]), value=value) for row in rows])


def join_vision(inputs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the vision inputs of several chunks as those of a batch."""
    return {
        name: torch.cat([one[name] for one in inputs if name in one])
        for name in VISION
        if any(name in one for one in inputs)
    }


def branch_start(prefix: Prefix) -> int:
    """Return the position at which every branch starts."""
    return int(prefix.positions[:, -1].max()) + 1


def positions_for_model(positions: Tensor) -> Tensor:
    """Return positions (A, B, L) as the model takes them: (3, B, L), or (B, L) for one axis."""
    return positions if len(positions) > 1 else positions[0]

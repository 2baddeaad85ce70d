"""Shared prefix: all questions about a chunk in one sequence, in training and in decoding.

Questions about a chunk differ in their last sentence alone, so the prefix (instructions, video,
commentary) is encoded once. In training, one sequence holds

    prefix | question 1, answer 1 | question 2, answer 2 | …

Each branch sees the prefix and itself, and its positions go on where the prefix ends, so that it is
the very computation of [prefix, question, answer] alone. In inference the prefix fills a key-value
cache, and the answers are decoded side by side over it, kept apart by the same mask.

The same code serves Qwen2-VL, Qwen2.5-VL, Qwen3-VL (three position axes) and text-only causal
models (one). Shapes: B chunks, L tokens of a sequence, P of a prefix, N questions, A position axes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

IGNORED = -100  # label of a token that is not trained
PREFIX, PADDING = 0, -1  # owners of tokens; branches are 1, 2, …
CHOSEN = -1  # in place of a given token: the most probable one is taken

# What a forward pass takes from the processor besides token ids: patches and their grids.
VISION = ("pixel_values", "image_grid_thw", "pixel_values_videos", "video_grid_thw")


@dataclass(frozen=True)
class Prefix:
    """An encoded prefix: token ids (P,), their positions (A, P) and the inputs named in `VISION`."""

    ids: Tensor
    positions: Tensor
    vision: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Packed:
    """A chunk's training sequence: ids, owner and labels (L,), positions (A, L)."""

    ids: Tensor
    owner: Tensor
    positions: Tensor
    labels: Tensor
    vision: dict[str, Tensor]


@dataclass
class Decoded:
    """An answer's token ids and probabilities, without the stop token; `ended` says it had one."""

    ids: list[int]
    probabilities: list[float]
    ended: bool


def prefix_of(encoded: Mapping[str, Tensor], model: PreTrainedModel) -> Prefix:
    """Return the prefix for a processor's (or tokenizer's) output on one text.

    `model` gives the positions; it may be without weights, on the meta device.
    """
    ids = encoded["input_ids"]  # (1, P)
    vision = {name: encoded[name] for name in VISION if name in encoded}
    if not hasattr(model.base_model, "get_rope_index"):
        return Prefix(ids[0], torch.arange(ids.shape[1])[None], vision)
    if not vision:
        return Prefix(ids[0], torch.arange(ids.shape[1]).expand(3, -1), vision)
    named = ("mm_token_type_ids", "image_grid_thw", "video_grid_thw", "second_per_grid_ts")
    positions, _ = model.base_model.get_rope_index(
        ids, **{name: encoded[name] for name in named if name in encoded}
    )  # (3, 1, P)
    kinds = encoded["mm_token_type_ids"][0].tolist()
    return Prefix(ids[0], _after_last_frame(positions[:, 0], kinds), vision)


def _after_last_frame(positions: Tensor, kinds: list[int]) -> Tensor:
    """Return positions (3, P) where whatever follows a video starts after all of it.

    Qwen's models were trained so (arXiv 2409.12191, section 2.1: the next modality starts at the
    maximum plus one). transformers 5.23 lets it start after the video's height and width, on
    positions that later frames have already. `kinds` is 0 for text, else image or video.
    """
    runs = [len(list(run)) for _, run in groupby(kinds)]
    moved, free = [], 0
    for run in positions.split(runs, dim=1):
        moved.append(run - run.min() + free)
        free = int(moved[-1].max()) + 1
    return torch.cat(moved, dim=1)


def pack(prefix: Prefix, branches: Sequence[tuple[list[int], list[int]]]) -> Packed:
    """Return the sequence of a prefix and its (question ids, answer ids)."""
    start, axes = _end(prefix), len(prefix.positions)
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
    )


def collate(chunks: Sequence[Packed], pad_id: int) -> dict[str, Tensor]:
    """Return what the model's forward takes for a batch of chunks, padded on the right."""
    length = max(len(chunk.ids) for chunk in chunks)

    def stack(rows: list[Tensor], value: int) -> Tensor:
        return torch.stack(
            [torch.nn.functional.pad(row, (0, length - row.shape[-1]), value=value) for row in rows]
        )

    positions = stack([chunk.positions for chunk in chunks], 0).transpose(0, 1)  # (A, B, L)
    return {
        "input_ids": stack([chunk.ids for chunk in chunks], pad_id),  # (B, L)
        "attention_mask": branch_mask(stack([chunk.owner for chunk in chunks], PADDING)),
        "position_ids": _for_model(positions),
        "labels": stack([chunk.labels for chunk in chunks], IGNORED),  # (B, L)
        **{
            name: torch.cat([chunk.vision[name] for chunk in chunks if name in chunk.vision])
            for name in VISION
            if any(name in chunk.vision for chunk in chunks)
        },
    }


def branch_mask(owner: Tensor, last: int | None = None) -> Tensor:
    """Return which tokens each of the last ones (of all, by default) sees: (B, 1, last, L).

    `owner` (B, L) says whose each token is. A token sees what comes before it in the prefix and in
    its own branch. Padding is seen by padding alone; it sees the prefix too, since a row that sees
    nothing has no softmax.
    """
    length = owner.shape[1]
    last = last or length
    before = torch.ones(last, length, dtype=torch.bool, device=owner.device).tril(length - last)
    seen, by = owner[:, None, :], owner[:, -last:, None]
    return (before & ((seen == PREFIX) | (seen == by)))[:, None]


@torch.inference_mode()
def answer(
    model: PreTrainedModel,
    prefix: Prefix,
    questions: Sequence[list[int]],
    max_new_tokens: int,
    stop_ids: Collection[int],
    openings: Sequence[list[int]] | None = None,
) -> list[Decoded]:
    """Decode all questions about one chunk greedily and together.

    `openings` are the tokens that each answer is made to begin with (none by default); they are part
    of what is returned. The cache holds the prefix once. Every step feeds one token of each answer
    that goes on, side by side in one row, and the branch mask keeps them apart.
    """
    device = model.device
    cache = _prefill(model, prefix)
    openings = openings or [[]] * len(questions)
    answers = [Decoded([], [], ended=False) for _ in questions]
    branches = [
        [*question, *opening] for question, opening in zip(questions, openings, strict=True)
    ]
    lengths = torch.tensor([len(branch) for branch in branches], device=device)  # (N,)
    start = _end(prefix)
    ids = torch.tensor([token for branch in branches for token in branch], device=device)
    owner = torch.arange(1, len(branches) + 1, device=device).repeat_interleave(lengths)
    positions = torch.cat([start + torch.arange(n, device=device) for n in lengths.tolist()])
    cached = torch.full_like(prefix.ids, PREFIX, device=device)  # owners of the cached tokens
    # After which of `ids` a token of an answer comes, and that token where it is given.
    ends = lengths.cumsum(0).tolist()
    after = [
        place
        for end, opening in zip(ends, openings, strict=True)
        for place in range(end - len(opening) - 1, end)
    ]
    given = [token for opening in openings for token in (*opening, CHOSEN)]
    after, given = torch.tensor(after, device=device), torch.tensor(given, device=device)

    for _ in range(max_new_tokens):
        cached = torch.cat([cached, owner])
        logits = model(
            input_ids=ids[None],
            attention_mask=branch_mask(cached[None], len(ids)),
            position_ids=_for_model(positions.expand(len(prefix.positions), 1, -1)),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=after,
        ).logits[0]  # (tokens that come, vocabulary)
        probabilities = logits.float().softmax(dim=-1)
        token = torch.where(given == CHOSEN, probabilities.argmax(dim=-1), given)
        probability = probabilities.gather(1, token[:, None])[:, 0]
        goes_on = [
            _append(answers[number - 1], *said, stop_ids)
            for number, *said in zip(
                owner[after].tolist(), token.tolist(), probability.tolist(), strict=True
            )
        ]
        kept = torch.tensor(goes_on, device=device) & (given == CHOSEN)
        ids, owner, positions = token[kept], owner[after][kept], positions[after][kept] + 1
        if not len(ids):
            break
        after = torch.arange(len(ids), device=device)
        given = torch.full_like(ids, CHOSEN)
    return answers


def _append(answer: Decoded, token: int, probability: float, stop_ids: Collection[int]) -> bool:
    """Add a token to an answer and say whether the answer goes on."""
    if token in stop_ids:
        answer.ended = True
        return False
    answer.ids.append(token)
    answer.probabilities.append(probability)
    return True


def _prefill(model: PreTrainedModel, prefix: Prefix) -> DynamicCache:
    """Return the key-value cache of the prefix."""
    cache = DynamicCache()
    model(
        input_ids=prefix.ids[None].to(model.device),
        position_ids=_for_model(prefix.positions[:, None].to(model.device)),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
        **{name: value.to(model.device) for name, value in prefix.vision.items()},
    )
    return cache


def _end(prefix: Prefix) -> int:
    """Return the position at which every branch starts."""
    return int(prefix.positions[:, -1].max()) + 1


def _for_model(positions: Tensor) -> Tensor:
    """Return positions (A, B, L) as the model takes them: (3, B, L), or (B, L) for one axis."""
    return positions if len(positions) > 1 else positions[0]

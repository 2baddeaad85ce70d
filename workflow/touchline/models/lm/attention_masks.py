"""Attention masks of shared-prefix sequences, for each kind of layer that a model has.

A layer with sliding-window attention sees the last tokens of a sequence alone (Gemma 2 and 3,
Mistral with `sliding_window`, Qwen2 with `use_sliding_window`). In a shared-prefix sequence the
distance between two tokens is that in the separate sequence of their branch, so the window is
applied to places there, not to indices in the row.

All branches and tries after a prefix form one tree of tokens, in which a token attends to itself and
its ancestors. Numbered depth first, they are the tokens in whose subtree it lies, so three numbers a
token say the whole mask: its `spans`. Shapes: B chunks, L tokens of a sequence.
"""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from touchline.core.problems import InputError

PREFIX, PADDING = 0, -1  # owners of tokens; branches are 1, 2, …
BLOCK = 128  # tokens; sequences with sparse attention are padded to a multiple of it
# Implementations with sparse attention, for families that otherwise use SDPA or their own code.
SPARSE_OVER_SDPA, SPARSE_OVER_EAGER = "shared_prefix_sdpa", "shared_prefix_eager"
FULL, SLIDING = "full_attention", "sliding_attention"  # transformers' names of kinds of layers

Mask = Tensor | dict[str, Tensor]  # a mask for each kind of layer, where a model has several


@dataclass(frozen=True)
class Attention:
    """How a model attends: the `windows` of its kinds of layers in tokens, None without a window.

    `additive`: its attention adds the mask to the scores, and so takes no Boolean one. `sparse`: it
    takes spans in place of a mask (`flex_attention`).
    """

    windows: Mapping[str, int | None] = field(default_factory=lambda: {FULL: None})
    additive: bool = False
    sparse: bool = False


def attention_of(model: PreTrainedModel) -> Attention:
    """Return how a model attends; it may be without weights, on the meta device."""
    config = model.config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # all layers are alike, and the setting counts where the code reads it
        code = sys.modules[type(model.base_model).__module__]
        has_window = window and hasattr(code, "create_sliding_window_causal_mask")
        kinds = [SLIDING if has_window else FULL]
    windows = {kind: window if kind == SLIDING else None for kind in sorted(set(kinds))}
    implementation = model.config._attn_implementation
    return Attention(
        windows,
        additive=implementation in ("eager", SPARSE_OVER_EAGER),
        sparse=implementation in (SPARSE_OVER_SDPA, SPARSE_OVER_EAGER),
    )


def check_attention(base: str, config: PreTrainedConfig, model: type[PreTrainedModel]) -> None:
    """Raise `InputError` for a family whose layers cannot be given a mask.

    State-space, recurrent, convolutional and linear attention layers pass a state from each token
    to the next, whatever the mask; families that derive positions from the mask cannot be given
    positions.
    """
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or [FULL])
    takes_positions = "position_ids" in inspect.signature(model.forward).parameters
    takes_masks = model._supports_sdpa or model._supports_attention_backend
    is_causal = getattr(text, "is_causal", True) and not getattr(
        text, "use_bidirectional_attention", False
    )
    if model._is_stateful or kinds - {FULL, SLIDING}:
        reason = "it has layers that are not causal attention over all tokens or a window"
    elif not takes_positions or not takes_masks or getattr(text, "alibi", False):
        reason = "its attention takes no masks and positions from outside"
    elif not is_causal:
        reason = "its attention sees later tokens, so it does not generate text"
    else:
        return
    raise InputError(
        f"base {base}: its family, {config.model_type}, is not supported: {reason}, so questions "
        "cannot share a prefix. Use a base whose layers are all causal attention, such as Llama, "
        "Mistral, Qwen2, Qwen3 or Gemma."
    )


def branch_mask(owner: Tensor, last: int | None = None) -> Tensor:
    """Return the attention mask of the last `last` tokens (by default all): (B, 1, last, L).

    `owner` (B, L) is `PREFIX`, the number of a branch, or `PADDING`. A token attends to the tokens
    before it in the prefix and in its own branch. Only padding attends to padding; it attends to
    the prefix too, since a row that attends to nothing has no softmax.
    """
    length = owner.shape[1]
    last = last or length
    before = torch.ones(last, length, dtype=torch.bool, device=owner.device).tril(length - last)
    keys, queries = owner[:, None, :], owner[:, -last:, None]
    return (before & ((keys == PREFIX) | (keys == queries)))[:, None]


def layer_masks(mask: Tensor, owner: Tensor, attention: Attention) -> Mask:
    """Return the mask that a model takes: one, or one for each of its kinds of layers.

    `mask` (B, 1, last, L) is the full one of the last tokens of `owner` (B, L).
    """
    return masks_by_layer(mask, lambda: sequence_places(owner), attention)


def masks_by_layer(mask: Tensor, places_of: Callable[[], Tensor], attention: Attention) -> Mask:
    """Return the mask that a model takes: one, or one for each of its kinds of layers.

    `mask` (B, 1, last, L) is the full one; `places_of` gives the index of each token in its
    separate sequence (B, L), and is called for a layer with a window alone.
    """
    masks = {
        kind: mask if window is None else mask & _within(window, places_of(), mask.shape[2])
        for kind, window in attention.windows.items()
    }
    if attention.additive:
        masks = {kind: _to_additive(mask) for kind, mask in masks.items()}
    return masks if len(masks) > 1 else next(iter(masks.values()))


def _within(window: int, places: Tensor, last: int) -> Tensor:
    """Return whether tokens lie within the window before the last ones: (B, 1, last, L)."""
    return (places[:, -last:, None] - places[:, None, :] < window)[:, None]


def sequence_places(owner: Tensor) -> Tensor:
    """Return the index of each token in the separate sequence of its branch (B, L).

    These are not positions, which for video have several axes.
    """
    places = torch.zeros_like(owner)
    for number in owner.unique().tolist():
        own = owner == number
        places += own * (own.cumsum(dim=1) - 1)
    prefix = (owner == PREFIX).sum(dim=1, keepdim=True)
    return places + (owner != PREFIX) * prefix


def spans(starts: Tensor, ends: Tensor, places: Tensor) -> Tensor:
    """Return how tokens see each other: (B, 3, L), of three tensors (B, L).

    `starts` numbers the tokens of a sequence, and a token attends to those with start <= its own
    start < end. `places` are the indices in the separate sequence, which windows count.
    """
    return torch.stack([starts, ends, places], dim=1).int()


def is_spans(mask: object) -> TypeGuard[Tensor]:
    """Return whether a model's attention mask is one of `spans`: other masks have 2 or 4 axes."""
    return isinstance(mask, Tensor) and mask.ndim == 3


def pad_spans(rows: Sequence[Tensor], length: int) -> Tensor:
    """Return spans (3, any length) as one tensor (B, 3, length); padding attends to itself alone."""
    index = torch.arange(length)
    padded = torch.stack([index, index + 1, torch.zeros_like(index)]).int()
    return torch.stack([torch.cat([row, padded[:, row.shape[1] :]], dim=1) for row in rows])


def branch_spans(owner: Tensor) -> Tensor:
    """Return the spans of sequences of a prefix, branches after it and padding: (B, 3, L).

    They say what `branch_mask` does, but that padding attends to itself alone.
    """
    starts = torch.arange(owner.shape[1], device=owner.device).expand_as(owner)
    ends = starts + 1
    for number in owner.unique().tolist():
        if number != PADDING:
            own = (owner != PADDING) if number == PREFIX else (owner == number)
            last = (own * starts).amax(dim=1, keepdim=True)
            ends = torch.where(owner == number, last + 1, ends)
    return spans(starts, ends, sequence_places(owner))


def span_masks(spans: Tensor, attention: Attention, last: int | None = None) -> Mask:
    """Return what a model takes as the mask of the last `last` tokens (by default all) of `spans`.

    That is the spans themselves for a model with sparse attention, or one dense mask, or one for
    each of its kinds of layers.
    """
    if attention.sparse:
        return spans
    starts, ends, places = spans.unbind(1)
    queries = starts[:, -(last or spans.shape[2]) :, None]
    mask = (starts[:, None] <= queries) & (queries < ends[:, None])
    return masks_by_layer(mask[:, None], lambda: places, attention)


def _to_additive(mask: Tensor) -> Tensor:
    """Return a Boolean mask as what is added to the attention scores."""
    hidden = torch.finfo(torch.float32).min
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, hidden)

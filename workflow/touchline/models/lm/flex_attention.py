"""Block-sparse attention over shared prefixes by torch's flex attention.

A dense mask makes attention compute every pair of tokens, also the half that causality hides, and
keeps it from the fastest kernels. Here the mask is known by blocks of 128 x 128 tokens: blocks that
are hidden are skipped, and only those that are partly hidden are looked at token by token. A model
that was loaded with this attention takes `attention_masks.spans` in place of a mask, and makes the
block masks once for all its layers; without spans it is that of `sdpa` (or `eager`).

The kernel is compiled when it is first used, and again for the second length; then lengths are
dynamic. On a CPU it is not compiled, and torch (2.14) has no gradients of it.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.integrations.flex_attention import flex_attention_forward
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask
from transformers.utils import is_torch_flex_attn_available

from touchline.models.lm.attention_masks import (
    BLOCK,
    FULL,
    SPARSE_OVER_EAGER,
    SPARSE_OVER_SDPA,
    Attention,
    branch_spans,
    is_spans,
    span_masks,
)

if is_torch_flex_attn_available():
    from torch.nn.attention.flex_attention import BlockMask


def choose(implementation: str) -> str:
    """Return the name of sparse attention over a family's `implementation`, `sdpa` or `eager`."""
    AttentionInterface.register(SPARSE_OVER_SDPA, _over_sdpa)
    AttentionMaskInterface.register(SPARSE_OVER_SDPA, sdpa_mask)
    AttentionInterface.register(SPARSE_OVER_EAGER, _over_eager)
    AttentionMaskInterface.register(SPARSE_OVER_EAGER, eager_mask)
    return SPARSE_OVER_SDPA if implementation == "sdpa" else SPARSE_OVER_EAGER


def find_obstacle(
    config: PreTrainedConfig, model: type[PreTrainedModel], gpu: bool, dtype: torch.dtype
) -> str | None:
    """Return why a model cannot have sparse attention here, or None. On a GPU, it is tried once."""
    text = config.get_text_config()
    if not is_torch_flex_attn_available():
        return "this version of torch has no flex attention"
    if not model._supports_attention_backend:
        return f"its family, {config.model_type}, takes no attention from outside"
    if getattr(text, "attention_dropout", 0.0):
        return "the base has a dropout of attention, which flex attention does not know"
    if not gpu:
        return None
    heads, keys = text.num_attention_heads, getattr(text, "num_key_value_heads", None)
    width = getattr(text, "head_dim", None) or text.hidden_size // heads
    device = torch.device("cuda", torch.cuda.current_device())
    windows = (None, BLOCK + 9) if getattr(text, "sliding_window", None) else (None,)
    try:
        for window in windows:
            _try(device, dtype, (heads, keys or heads, keys or heads), width, window)
    except Exception as error:  # of the compiler, the driver or a kernel
        lines = str(error).strip().splitlines() or [""]
        return f"flex attention fails here ({type(error).__name__}: {lines[0][:200].rstrip('.:')})"
    return None


def _try(
    device: torch.device,
    dtype: torch.dtype,
    heads: tuple[int, int, int],
    width: int,
    window: int | None,
) -> None:
    """Compare passes forward and back with those of a dense mask, for three lengths.

    `heads` are the numbers of heads of queries, keys and values. Raises ValueError where the passes
    differ, and whatever the compiler raises.
    """
    module = nn.Module().train()
    module.num_key_value_groups = heads[0] // heads[1]  # type: ignore[assignment]
    attention = Attention({FULL: window})
    generator = torch.Generator(device).manual_seed(0)
    for length in (2 * BLOCK, 3 * BLOCK, 5 * BLOCK):
        query, key, value = inputs = [
            torch.randn(
                2, n, length, width, generator=generator, device=device, dtype=dtype
            ).requires_grad_()
            for n in heads
        ]
        owner = (torch.arange(length, device=device) - length // 2).clamp(min=0) // 20
        spans = branch_spans(owner.expand(2, -1))
        found = []
        for mask in (block_mask(spans, length, window), span_masks(spans, attention)):
            output, _ = _over_sdpa(module, query, key, value, mask, scaling=width**-0.5)
            weights = torch.linspace(-1, 1, output.numel(), device=device).view_as(output)
            gradients = torch.autograd.grad((output * weights).sum(), inputs)
            found.append([output, *gradients])
        for sparse, dense in zip(*found, strict=True):
            error, scale = (sparse - dense).abs().max(), dense.abs().max()
            if not error <= 0.03 * scale:  # bfloat16 has three digits
                raise ValueError(f"it differs from the dense mask by {error:.1e} of {scale:.1e}")


def _over_sdpa(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **more: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend by blocks where the mask is one of blocks, else by SDPA."""
    is_sparse = isinstance(attention_mask, BlockMask)
    attend = _by_blocks if is_sparse else sdpa_attention_forward
    return attend(module, query, key, value, attention_mask, **more)


def _over_eager(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **more: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend by blocks where the mask is one of blocks, else as the model's own file says."""
    if isinstance(attention_mask, BlockMask):
        return _by_blocks(module, query, key, value, attention_mask, **more)
    attend = sys.modules[type(module).__module__].eager_attention_forward
    outputs: tuple[Tensor, Tensor | None] = attend(
        module, query, key, value, attention_mask, **more
    )
    return outputs


def _by_blocks(
    module: nn.Module, query: Tensor, *inputs: Any, **more: Any
) -> tuple[Tensor, Tensor | None]:
    """Attend by the compiled kernel, or by plain tensor operations on a CPU.

    There, torch 2.14 compiles a kernel that stops where lengths are dynamic and there is a window.
    """
    attend: Callable[..., tuple[Tensor, Tensor | None]] = flex_attention_forward
    if query.is_cuda:
        return attend(module, query, *inputs, **more)
    with torch.compiler.set_stance("force_eager"):
        return attend(module, query, *inputs, **more)


def take_spans(model: PreTrainedModel, attention: Attention) -> None:
    """Make a model take spans in place of a mask."""

    def convert(_: nn.Module, args: tuple, inputs: dict[str, Any]) -> tuple[tuple, dict]:
        mask = inputs.get("attention_mask")
        if is_spans(mask):
            ids = inputs.get("input_ids")
            queries = inputs["inputs_embeds"] if ids is None else ids  # (B, queries, …)
            inputs = {**inputs, "attention_mask": block_masks(mask, queries.shape[1], attention)}
        return args, inputs

    # Not of the whole model, whose `forward` PEFT calls without its hooks.
    model.base_model.register_forward_pre_hook(convert, with_kwargs=True)


def block_masks(
    spans: Tensor, queries: int, attention: Attention
) -> "BlockMask | dict[str, BlockMask]":
    """Return the mask of the last `queries` tokens: one, or one for each kind of layer."""
    masks = {kind: block_mask(spans, queries, window) for kind, window in attention.windows.items()}
    return masks if len(masks) > 1 else next(iter(masks.values()))


def block_mask(spans: Tensor, queries: int, window: int | None = None) -> "BlockMask":
    """Return the mask of the last `queries` tokens of `spans` (B, 3, L) as one of blocks.

    Which blocks are hidden follows from the least and largest values in each, so no mask of single
    tokens is made. A block that these do not decide is counted as partly hidden.
    """
    starts, ends, places = (row.contiguous() for row in spans.unbind(1))  # (B, L) each
    query_starts, query_places = (
        row[:, row.shape[1] - queries :].contiguous() for row in (starts, places)
    )

    def sees(chunk: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        start = query_starts[chunk, query]
        return (starts[chunk, key] <= start) & (start < ends[chunk, key])

    (first, last), (least_end, end) = _bounds(starts)[:, :, None], _bounds(ends)[:, :, None]
    query_first, query_last = _bounds(query_starts)[..., None]  # (B, blocks of queries, 1)
    possible = (first <= query_last) & (end > query_first)
    certain = (last <= query_first) & (least_end > query_last)
    mask_mod = sees
    if window is not None:

        def mask_mod(chunk: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            distance = query_places[chunk, query] - places[chunk, key]
            return sees(chunk, head, query, key) & (distance < window)

        near, far = _bounds(places)[:, :, None]
        query_near, query_far = _bounds(query_places)[..., None]
        possible &= query_near - far < window
        certain &= query_far - near < window
    # The last block may be shorter than the others, so the kernel has to look at its tokens.
    certain[:, queries // BLOCK :] = False
    certain[:, :, starts.shape[1] // BLOCK :] = False
    return BlockMask.from_kv_blocks(
        *_ordered(possible & ~certain),
        *_ordered(certain),
        BLOCK_SIZE=BLOCK,
        mask_mod=mask_mod,
        seq_lengths=(queries, starts.shape[1]),
    )


def _bounds(values: Tensor) -> Tensor:
    """Return the least and the largest value of each block: (2, B, blocks)."""
    missing = -values.shape[1] % BLOCK
    padded = torch.cat([values, values[:, -1:].expand(-1, missing)], dim=1)
    blocks = padded.unflatten(1, (-1, BLOCK))
    return torch.stack([blocks.amin(dim=2), blocks.amax(dim=2)])


def _ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the number of true blocks of keys of each block of queries, and the blocks in order."""
    numbers = blocks.sum(dim=-1, dtype=torch.int32)
    order = blocks.int().argsort(dim=-1, descending=True, stable=True).int()
    return numbers[:, None], order[:, None]  # one mask for all heads

"""Rotary position ids of a prompt: one axis for text models, three for the Qwen-VL family."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor
from transformers import PreTrainedModel

# The processor's outputs that the model's own position ids depend on, besides the token ids.
_LAYOUT = ("mm_token_type_ids", "image_grid_thw", "video_grid_thw", "second_per_grid_ts")


def prompt_positions(
    encoded: Mapping[str, Tensor], model: PreTrainedModel, has_vision: bool
) -> Tensor:
    """Return the position ids (A, P) of one encoded prompt, with A axes and P tokens.

    `encoded` is the processor's output, with `input_ids` (1, P). The model gives the positions of a
    prompt with vision; it may be without weights, on the meta device.
    """
    ids = encoded["input_ids"]
    sequential = torch.arange(ids.shape[1])
    rope_index = getattr(model.base_model, "get_rope_index", None)
    if rope_index is None:
        return sequential[None]
    if not has_vision:
        return sequential.expand(3, -1)
    positions, _ = rope_index(
        ids, **{name: encoded[name] for name in _LAYOUT if name in encoded}
    )  # (3, 1, P)
    return _after_last_frame(positions[:, 0], encoded["mm_token_type_ids"][0].tolist())


def _after_last_frame(positions: Tensor, kinds: Sequence[int]) -> Tensor:
    """Return positions (3, P) corrected so that the tokens after a video start after all of it.

    Qwen's models were trained so (arXiv 2409.12191, section 2.1: the next modality starts at the
    maximum plus one). transformers 5.23 starts them after the video's height and width, at
    positions that later frames have already. `kinds` is 0 for a text token, else image or video.
    """
    runs = [len(list(run)) for _, run in groupby(kinds)]
    shifted: list[Tensor] = []
    start = 0
    for run in positions.split(runs, dim=1):
        shifted.append(run - run.min() + start)
        start = int(shifted[-1].max()) + 1
    return torch.cat(shifted, dim=1)

"""Tiny base models: the real model classes with few, randomly initialised weights.

They are saved like any base and load by the ordinary `from_pretrained`, so the demo and the tests
run the production path with another folder in the configuration. The tokenizer is a byte-level BPE
of its own with Qwen's pre-tokenisation (digits one by one); the chat template has Qwen's form.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TypedDict

import torch
import transformers
from tokenizers import pre_tokenizers
from transformers import PreTrainedConfig, PreTrainedTokenizerBase, Qwen2Tokenizer

END_OF_TURN = "<|im_end|>"
SPECIAL = (
    "<|im_start|>",
    END_OF_TURN,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}"
    "{% else %}<|vision_start|><|{{ part.type }}_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

HEAD_DIM = 32  # of the language model's attention
LARGEST_FRAME = 768 * 32 * 32  # px of a frame that is not reduced, unless another number is given
PATCH_PX = {"qwen2_vl": 14, "qwen2_5_vl": 14, "qwen3_vl": 16}
FAMILIES = (*PATCH_PX, "mistral")
_ARCHITECTURES = {
    "qwen2_vl": "Qwen2VLForConditionalGeneration",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen3_vl": "Qwen3VLForConditionalGeneration",
    "mistral": "MistralForCausalLM",
}


class VisionIds(TypedDict):
    """Settings of a vision model's configuration: the tokens around and in place of pictures."""

    image_token_id: int
    video_token_id: int
    vision_start_token_id: int
    vision_end_token_id: int


def make(
    folder: Path,
    family: str,
    texts: Iterable[str],
    hidden: int = 64,
    layers: int = 2,
    depth: int = 2,
    vision_hidden: int | None = None,
    frame_pixels: int = LARGEST_FRAME,
    vocabulary: int = 512,
    weight_std: float = 0.02,
    seed: int = 0,
) -> None:
    """Write a base of one of `FAMILIES` with random weights into `folder`.

    `texts` are what the tokenizer is trained on and `vocabulary` is its size; `hidden` (a multiple
    of 64) and `layers` are the width and the number of layers of the language model, `vision_hidden`
    (by default `hidden`) and `depth` those of the vision tower. Frames of more than `frame_pixels`
    are reduced. `weight_std` is the standard deviation of the weights.
    """
    tokenizer = make_tokenizer(texts, vocabulary)
    config = _make_config(
        family, tokenizer, hidden, layers, depth, vision_hidden or hidden, weight_std
    )
    torch.manual_seed(seed)
    model = getattr(transformers, _ARCHITECTURES[family])(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    if family == "mistral":
        tokenizer.save_pretrained(folder)
    else:
        make_processor(family, tokenizer, frame_pixels).save_pretrained(folder)


def make_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerBase:
    """Train a byte-level BPE tokenizer of at most `vocabulary` tokens, with Qwen's special ones."""
    tokenizer = Qwen2Tokenizer(eos_token=END_OF_TURN).train_new_from_iterator(
        chain(["system", "user", "assistant"] * 100, texts),  # the chat template writes the roles
        vocabulary,
        new_special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _make_config(
    family: str,
    tokenizer: PreTrainedTokenizerBase,
    hidden: int,
    layers: int,
    depth: int,
    vision_hidden: int,
    weight_std: float,
) -> PreTrainedConfig:
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // HEAD_DIM,
        "num_key_value_heads": hidden // HEAD_DIM // 2,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 32768,
        "initializer_range": weight_std,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if family == "mistral":
        return transformers.MistralConfig(
            **text, sliding_window=None, architectures=[_ARCHITECTURES[family]]
        )
    del text["head_dim"]  # only Qwen3-VL does not derive it from the others
    tower = {
        "depth": depth,
        "num_heads": 2,
        "patch_size": PATCH_PX[family],
        "initializer_range": weight_std,
    }
    ids = vision_ids(tokenizer)
    # Multimodal rotary embedding: how many of a head's frequencies encode time, height and width.
    sections = [HEAD_DIM // 8, HEAD_DIM * 3 // 16, HEAD_DIM * 3 // 16]
    mrope = {"rope_type": "default", "mrope_section": sections}
    if family == "qwen2_vl":
        return transformers.Qwen2VLConfig(
            text_config={**text, "rope_parameters": mrope | {"rope_theta": 1e6}},
            vision_config={
                **tower,
                "embed_dim": vision_hidden,
                "hidden_size": hidden,
                "mlp_ratio": 2,
            },
            architectures=[_ARCHITECTURES[family]],
            **ids,
        )
    tower |= {
        "hidden_size": vision_hidden,
        "out_hidden_size": hidden,
        "intermediate_size": 2 * vision_hidden,
    }
    if family == "qwen2_5_vl":
        return transformers.Qwen2_5_VLConfig(
            text_config={**text, "rope_parameters": mrope | {"rope_theta": 1e6}},
            vision_config={**tower, "fullatt_block_indexes": [depth - 1], "tokens_per_second": 2},
            architectures=[_ARCHITECTURES[family]],
            **ids,
        )
    return transformers.Qwen3VLConfig(
        text_config={
            **text,
            "head_dim": HEAD_DIM,
            "rope_parameters": mrope | {"rope_theta": 5e6, "mrope_interleaved": True},
        },
        vision_config={
            **tower,
            # Features that are added after the last layer would have no effect.
            "deepstack_visual_indexes": list(range(min(depth, layers - 1))),
            "num_position_embeddings": 16 * 16,
        },
        architectures=[_ARCHITECTURES[family]],
        **ids,
    )


def vision_ids(tokenizer: PreTrainedTokenizerBase) -> VisionIds:
    """Return the ids of the tokens around and in place of pictures."""
    ids = tokenizer.get_vocab()
    return {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }


def make_processor(
    family: str, tokenizer: PreTrainedTokenizerBase, frame_pixels: int = LARGEST_FRAME
) -> transformers.ProcessorMixin:
    """Return a family's processor, which reduces frames of more than `frame_pixels`.

    The default leaves frames of usual sizes as they are.
    """
    patch_px = PATCH_PX[family]
    limits = {"shortest_edge": 28 * 28, "longest_edge": frame_pixels}
    images = transformers.Qwen2VLImageProcessor(patch_size=patch_px, size=limits)
    if family == "qwen3_vl":
        # Qwen3-VL's limits are for all frames of a video together.
        video_pixels = {"shortest_edge": 32 * 32, "longest_edge": 768 * frame_pixels}
        qwen3_videos = transformers.Qwen3VLVideoProcessor(
            patch_size=patch_px, size=video_pixels, cap_pixels_per_frame=False
        )
        return transformers.Qwen3VLProcessor(images, tokenizer, qwen3_videos, CHAT_TEMPLATE)
    videos = transformers.Qwen2VLVideoProcessor(
        patch_size=patch_px, size=limits, cap_pixels_per_frame=False
    )
    if family == "qwen2_vl":
        return transformers.Qwen2VLProcessor(images, tokenizer, videos, CHAT_TEMPLATE)
    return transformers.Qwen2_5_VLProcessor(images, tokenizer, videos, CHAT_TEMPLATE)

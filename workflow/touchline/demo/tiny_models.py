"""Tiny bases: small, randomly initialised models of the real classes, saved like any other.

They load by the ordinary `from_pretrained`, so the demo and the tests run the production path with
another folder in the configuration. The tokenizer is a byte-level BPE of their own with Qwen's
splitting (digits one by one); the chat template has Qwen's form.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

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

HEAD = 32  # width of an attention head in the language model
PATCH_PX = {"qwen2_vl": 14, "qwen2_5_vl": 14, "qwen3_vl": 16}
FAMILIES = (*PATCH_PX, "mistral")


def make(
    folder: Path,
    family: str,
    texts: Iterable[str],
    hidden: int = 64,
    layers: int = 2,
    depth: int = 2,
    vocabulary: int = 512,
    spread: float = 0.02,
    seed: int = 0,
) -> None:
    """Write a base of one of `FAMILIES` with random weights into `folder`.

    `texts` are what the tokenizer learns its merges from; `hidden` (a multiple of 64) is the width
    of the language model, `layers` its layers, `depth` those of the vision tower; `spread` is the
    standard deviation of the weights.
    """
    tokenizer = make_tokenizer(texts, vocabulary)
    config = _config(family, tokenizer, hidden, layers, depth, spread)
    torch.manual_seed(seed)
    model = getattr(transformers, config.architectures[0])(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    if family == "mistral":
        tokenizer.save_pretrained(folder)
    else:
        make_processor(family, tokenizer).save_pretrained(folder)


def make_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerBase:
    """Return a byte-level BPE tokenizer with at most so many tokens and Qwen's special ones."""
    tokenizer = Qwen2Tokenizer(eos_token=END_OF_TURN).train_new_from_iterator(
        chain(["system", "user", "assistant"] * 100, texts),  # the roles are words, too
        vocabulary,
        new_special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _config(
    family: str,
    tokenizer: PreTrainedTokenizerBase,
    hidden: int,
    layers: int,
    depth: int,
    spread: float,
) -> PreTrainedConfig:
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // HEAD,
        "num_key_value_heads": hidden // HEAD // 2,
        "head_dim": HEAD,
        "max_position_embeddings": 32768,
        "initializer_range": spread,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if family == "mistral":
        return transformers.MistralConfig(
            **text, sliding_window=None, architectures=["MistralForCausalLM"]
        )
    del text["head_dim"]  # follows from the others, but for Qwen3-VL
    tower = {
        "depth": depth,
        "num_heads": 2,
        "patch_size": PATCH_PX[family],
        "initializer_range": spread,
    }
    ids = vision_ids(tokenizer)
    # The shares of a head's rotations that turn with time, height and width.
    mrope = {"rope_type": "default", "mrope_section": [HEAD // 8, HEAD * 3 // 16, HEAD * 3 // 16]}
    if family == "qwen2_vl":
        return transformers.Qwen2VLConfig(
            text_config={**text, "rope_parameters": mrope | {"rope_theta": 1e6}},
            vision_config={**tower, "embed_dim": hidden, "hidden_size": hidden, "mlp_ratio": 2},
            architectures=["Qwen2VLForConditionalGeneration"],
            **ids,
        )
    tower |= {"hidden_size": hidden, "out_hidden_size": hidden, "intermediate_size": 2 * hidden}
    if family == "qwen2_5_vl":
        return transformers.Qwen2_5_VLConfig(
            text_config={**text, "rope_parameters": mrope | {"rope_theta": 1e6}},
            vision_config={**tower, "fullatt_block_indexes": [depth - 1], "tokens_per_second": 2},
            architectures=["Qwen2_5_VLForConditionalGeneration"],
            **ids,
        )
    return transformers.Qwen3VLConfig(
        text_config={
            **text,
            "head_dim": HEAD,
            "rope_parameters": mrope | {"rope_theta": 5e6, "mrope_interleaved": True},
        },
        vision_config={
            **tower,
            # Features added after the last layer would reach nothing.
            "deepstack_visual_indexes": list(range(min(depth, layers - 1))),
            "num_position_embeddings": 16 * 16,
        },
        architectures=["Qwen3VLForConditionalGeneration"],
        **ids,
    )


def vision_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Return the configuration's names for the tokens around and in place of pictures."""
    tokens = {
        "image": "image_pad",
        "video": "video_pad",
        "vision_start": "vision_start",
        "vision_end": "vision_end",
    }
    return {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in tokens.items()
    }


def make_processor(family: str, tokenizer: PreTrainedTokenizerBase) -> transformers.ProcessorMixin:
    """Return a family's processor, which scales no frame of a usual size."""
    size = {"shortest_edge": 28 * 28, "longest_edge": 768 * 32 * 32}
    settings = {"patch_size": PATCH_PX[family], "size": size, "cap_pixels_per_frame": False}
    images = transformers.Qwen2VLImageProcessor(patch_size=PATCH_PX[family], size=size)
    if family == "qwen3_vl":
        # Its limits are for a whole video.
        settings["size"] = {"shortest_edge": 32 * 32, "longest_edge": 768 * 768 * 32 * 32}
        videos = transformers.Qwen3VLVideoProcessor(**settings)
        return transformers.Qwen3VLProcessor(images, tokenizer, videos, CHAT_TEMPLATE)
    videos = transformers.Qwen2VLVideoProcessor(**settings)
    kind = {
        "qwen2_vl": transformers.Qwen2VLProcessor,
        "qwen2_5_vl": transformers.Qwen2_5_VLProcessor,
    }
    return kind[family](images, tokenizer, videos, CHAT_TEMPLATE)

"""Tiny models with sliding-window attention, and text models of families that cannot share a prefix."""

import json
from pathlib import Path

import torch
import transformers

from chunks import ACTIONS, tiny_base
from touchline.demo.tiny_models import make_tokenizer
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt

WINDOW = 24  # tokens: a small part of any prompt
LAYERS = 3
_MIXED = ["sliding_attention", "full_attention", "sliding_attention"]
_FAMILIES: dict[str, tuple[str, dict]] = {
    "gemma2": ("Gemma2", {"layer_types": _MIXED, "query_pre_attn_scalar": 16}),
    "gemma3_text": ("Gemma3", {"layer_types": _MIXED, "query_pre_attn_scalar": 16}),
    "mistral": ("Mistral", {}),
    "qwen2": ("Qwen2", {"layer_types": _MIXED, "use_sliding_window": True}),
}
SLIDING_FAMILIES = tuple(_FAMILIES)


def sliding_base(folder: Path, family: str, **settings) -> Path:
    """Write a base of one of `SLIDING_FAMILIES` with random weights into `folder`."""
    name, more = _FAMILIES[family]
    config = {"Gemma3": "Gemma3TextConfig"}.get(name, f"{name}Config")
    return text_base(
        folder, config, f"{name}ForCausalLM", sliding_window=WINDOW, **(more | settings)
    )


def sliding_vision_base(folder: Path) -> None:
    """Write a tiny Qwen2-VL whose first layer has a window into `folder`."""
    tiny_base(folder, "qwen2_vl", weight_std=0.3, seed=2)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= {
        "use_sliding_window": True,
        "sliding_window": WINDOW,
        "layer_types": ["sliding_attention", "full_attention"],
    }
    (folder / "config.json").write_text(json.dumps(config))


def text_base(folder: Path, config: str, model: str, **settings) -> Path:
    """Write a tiny text model of transformers' classes of these names into `folder`."""
    texts = [format_system_prompt(ACTIONS, PromptSettings()), *map(format_question, ACTIONS)]
    tokenizer = make_tokenizer(texts, 512)
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "initializer_range": 0.3,  # larger than usual, so that answers differ
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(2)
    made = getattr(transformers, model)(getattr(transformers, config)(**(sizes | settings)))
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

"""Bases of true size with random weights, and the operations and card that GPU benchmarks share."""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from transformers import PreTrainedModel

from prefix import ACTIONS, WORDS
from touchline.demo import tiny_models
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt

SIZES = ("tiny", "2b", "7b")

# Dense bfloat16 TFLOP/s (a multiply-add is two operations), from the data sheets.
PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "L40S": 362, "A40": 150}

# torch's counter has no formula for attention on CPUs.
ON_CPU = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value)
    )
}


def make_base(folder: Path, size: str) -> None:
    """Write the architecture of Qwen2-VL-2B or Qwen2.5-VL-7B with random weights, or a tiny one."""
    texts = [
        format_system_prompt(ACTIONS, PromptSettings()),
        *map(format_question, ACTIONS),
        " ".join(WORDS),
    ]
    if size == "tiny":
        tiny_models.make(folder, "qwen2_vl", texts)
        return
    tokenizer = tiny_models.make_tokenizer(texts, vocabulary=1000)
    config = _config_2b(tokenizer) if size == "2b" else _config_7b(tokenizer)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    family = "qwen2_vl" if size == "2b" else "qwen2_5_vl"
    tiny_models.make_processor(family, tokenizer).save_pretrained(folder)


def _text_config(tokenizer: Any, **sizes: int) -> dict:
    return {
        **sizes,
        "max_position_embeddings": 32768,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [16, 24, 24],
        },
    }


def _config_2b(tokenizer: Any) -> transformers.PreTrainedConfig:
    """Return the configuration of Qwen2-VL-2B-Instruct."""
    return transformers.Qwen2VLConfig(
        text_config=_text_config(
            tokenizer,
            vocab_size=151936,
            hidden_size=1536,
            intermediate_size=8960,
            num_hidden_layers=28,
            num_attention_heads=12,
            num_key_value_heads=2,
        ),
        vision_config={"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16},
        tie_word_embeddings=True,
        dtype=torch.bfloat16,
        **tiny_models.vision_ids(tokenizer),
    )


def _config_7b(tokenizer: Any) -> transformers.PreTrainedConfig:
    """Return the configuration of Qwen2.5-VL-7B-Instruct."""
    return transformers.Qwen2_5_VLConfig(
        text_config=_text_config(
            tokenizer,
            vocab_size=152064,
            hidden_size=3584,
            intermediate_size=18944,
            num_hidden_layers=28,
            num_attention_heads=28,
            num_key_value_heads=4,
        ),
        vision_config={
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 3584,
            "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31],
            "tokens_per_second": 2,
        },
        tie_word_embeddings=False,
        dtype=torch.bfloat16,
        **tiny_models.vision_ids(tokenizer),
    )


class Operations(NamedTuple):
    """Tera-operations of a forward pass: of the tower, and of the language model's two parts."""

    tower: float
    linear: float
    attention: float

    @property
    def forward(self) -> float:
        """All of a forward pass."""
        return sum(self)

    @property
    def training(self) -> float:
        """Those of a training step with LoRA, without recomputation by checkpointing.

        The backward pass of a frozen layer costs as much as its forward pass (the gradient of its
        input alone), that of attention twice as much. The tower has no backward pass, since no
        trained weight precedes it.
        """
        return self.tower + 2 * self.linear + 3 * self.attention


def count_operations(model: PreTrainedModel, run: Any, pairs: int) -> Operations:
    """Return the operations of `run`, a forward pass with a dense mask, by torch's counter.

    The language model's attention is counted by the `pairs` of tokens that see each other, so a mask
    that computes hidden pairs too is not credited with them.
    """
    counter = FlopCounterMode(display=False, custom_mapping=ON_CPU)
    with torch.no_grad(), counter:
        run()
    counts = counter.get_flop_counts()
    everything, tower = counts["Global"], counts[f"{type(model).__name__}.model.visual"]
    in_attention = sum(
        flops - tower.get(operation, 0)
        for operation, flops in everything.items()
        if "attention" in str(operation)
    )
    linear = sum(everything.values()) - sum(tower.values()) - in_attention
    text = model.config.get_text_config()
    width = text.num_attention_heads * (
        getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    )
    attention = 4 * pairs * width * text.num_hidden_layers  # queries by keys, and by values
    return Operations(sum(tower.values()) / 1e12, linear / 1e12, attention / 1e12)


def card() -> str:
    """Return the name of the card, or CPU."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def share_of_peak(tera_operations_per_s: float) -> float | None:
    """Return the share of the card's peak bfloat16 arithmetic, or None for an unknown card."""
    peak = next((peak for name, peak in PEAK_TFLOPS.items() if name in card()), None)
    return tera_operations_per_s / peak if peak else None


class Results:
    """The results of a benchmark, written as JSON after each of them, and its time limit."""

    def __init__(self, out: Path, limit_s: float) -> None:
        self.out, self.end_s = out, time.monotonic() + limit_s
        self.rows: list[dict] = []
        self.versions = {
            "card": card(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }

    def left_s(self) -> float:
        """Return the time until the limit."""
        return self.end_s - time.monotonic()

    def measure(self, name: dict, run: Any) -> None:
        """Add the figures of `run`, or that no time is left for it."""
        figures = run() if self.left_s() > 0 else {"not measured": "no time left"}
        self.rows.append(name | figures)
        self.out.write_text(json.dumps(self.versions | {"results": self.rows}, indent=2))
        print(json.dumps(name | figures), flush=True)

    def print_table(self) -> None:
        """Print a column for each result."""
        print(", ".join(f"{name} {version}" for name, version in self.versions.items()))
        names = dict.fromkeys(name for row in self.rows for name in row)
        width = max(map(len, names))
        for name in names:
            cells = (row.get(name, "") for row in self.rows)
            shown = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
            print(f"{name:{width}}" + "".join(f"{cell[:13]:>14}" for cell in shown))

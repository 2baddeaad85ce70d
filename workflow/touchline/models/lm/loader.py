"""Base models: loading by name or folder, 4-bit quantisation, and LoRA adapters."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)

from touchline.core.problems import InputError

# On a CPU with bf16, bitsandbytes logs an error that a package, which would fetch code, is missing.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

LanguageModel = PreTrainedModel | PeftModel  # with and without an adapter

VISION_FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")

# The linear layers of a transformer block, which all families give the same names.
LORA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class LoraSettings:
    """The LoRA adapter that is trained.

    It adapts the language model's linear layers named in `modules` and, unless `freeze_vision`, all
    linear layers of the vision tower.
    """

    rank: int = 16
    alpha: float = 32
    dropout: float = 0.05
    modules: Sequence[str] = LORA_MODULES
    freeze_vision: bool = True


MIN_VOCABULARY = 256  # a byte-level tokenizer has at least a token for each byte


def load_base(
    base: str, quantize: str | None, device: str, vision: bool
) -> tuple[PreTrainedModel, ProcessorMixin | PreTrainedTokenizerBase]:
    """Load a base model and its processor (its tokenizer for a text model).

    `base` is a folder or a name on the model hub, `quantize` is `nf4` or None, `device` is `auto`,
    `cpu` or `cuda`. Raises `InputError` for values that cannot be loaded.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device is cuda, but torch finds no GPU here: use auto or cpu, or a GPU.")
    gpu = device != "cpu" and torch.cuda.is_available()
    _check_family(base, vision)
    processor = _processor(base, vision)
    dtype = torch.bfloat16 if gpu and torch.cuda.is_bf16_supported() else torch.float32
    kind = AutoModelForImageTextToText if vision else AutoModelForCausalLM
    try:
        model = kind.from_pretrained(
            base,
            dtype=dtype,
            device_map={"": int(os.environ.get("LOCAL_RANK", 0)) if gpu else "cpu"},
            attn_implementation="sdpa",
            quantization_config=_quantization(quantize, dtype),
            use_safetensors=True,
        )
    except OSError as error:
        raise InputError(
            f"base {base}: no safetensors weights there. Weights in other files, which can run "
            "code when they are read, are refused: convert them, or use another base."
        ) from error
    return model, processor


def add_adapter(model: PreTrainedModel, lora: LoraSettings, seed: int) -> PeftModel:
    """Return the model with a new adapter, the only trainable weights.

    Raises `InputError` where the base has none of its layers.
    """
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and (not lora.freeze_vision if ".visual." in name else name.split(".")[-1] in lora.modules)
    ]
    if not names:
        raise InputError(f"lora modules {list(lora.modules)}: the base has no such layers.")
    torch.manual_seed(seed)
    return get_peft_model(
        model,
        LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,  # type: ignore[arg-type]  # peft takes fractions too
            lora_dropout=lora.dropout,
            target_modules=names,
            task_type="CAUSAL_LM",
        ),
    )


def load_adapter(model: PreTrainedModel, base: str, folder: Path) -> PeftModel:
    """Return the model with the adapter in `folder`; raise `InputError` for one of another base."""
    trained_on = base_of(folder)
    if trained_on != base:
        raise InputError(f"{folder}: the adapter was trained on base {trained_on}, not on {base}.")
    return PeftModel.from_pretrained(model, str(folder))


def base_of(folder: Path) -> str:
    """Return the name of an adapter's base model; raise `InputError` where there is no adapter."""
    try:
        name = PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    except (ValueError, OSError) as error:
        raise InputError(f"{folder}: no adapter there. Delete it; it is trained again.") from error
    if name is None:
        raise InputError(f"{folder}: the adapter's configuration names no base model.")
    return name


def _check_family(base: str, vision: bool) -> None:
    try:
        family = AutoConfig.from_pretrained(base).model_type
    except (OSError, ValueError) as error:
        raise InputError(
            f"base {base}: no readable config.json, neither as a folder nor on the model hub."
        ) from error
    if vision and family not in VISION_FAMILIES:
        known = ", ".join(VISION_FAMILIES)
        raise InputError(f"base {base}: its family is {family}; this backend knows {known}.")
    if not vision and family in VISION_FAMILIES:
        raise InputError(f"base {base}: its family is {family}, which is for the backend vlm.")


def _processor(base: str, vision: bool) -> ProcessorMixin | PreTrainedTokenizerBase:
    loader, name = (AutoProcessor, "processor") if vision else (AutoTokenizer, "tokenizer")
    missing = InputError(f"base {base}: no {name} there; copy its files beside the weights.")
    try:
        processor = loader.from_pretrained(base)
    except (OSError, ValueError, TypeError) as error:
        raise missing from error
    # Where files are missing, transformers returns a tokenizer instead, or an empty tokenizer.
    if vision and not isinstance(processor, ProcessorMixin):
        raise missing
    if len(processor.tokenizer if vision else processor) < MIN_VOCABULARY:
        raise InputError(f"base {base}: no tokenizer there; copy its files beside the weights.")
    return processor


def _quantization(quantize: str | None, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    if quantize is None:
        return None
    if quantize != "nf4":
        raise InputError(f"quantize is '{quantize}'; there are nf4 and null.")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        # The vision tower is small, and quantisation would harm it most.
        llm_int8_skip_modules=["visual", "lm_head"],
    )

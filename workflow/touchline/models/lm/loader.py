"""Base models: loading by name or folder, 4-bit quantisation, and LoRA adapters."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftConfig, PeftModel, PeftType, get_peft_model
from torch import nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)

from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.models import shipped_bases
from touchline.models.lm import flex_attention, weights
from touchline.models.lm.attention_masks import attention_of, check_attention
from touchline.models.shipped_bases import RETRAIN

# On a CPU with bf16, bitsandbytes logs an error that a package, which would fetch code, is missing.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

LanguageModel = PreTrainedModel | PeftModel  # with and without an adapter

VISION_FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")

# How attention is computed: `auto` is flex on a GPU, and SDPA with a dense mask elsewhere.
AUTO, SDPA, FLEX = ATTENTIONS = ("auto", "sdpa", "flex")

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


ADAPTER_CONFIG = "adapter_config.json"
MIN_VOCABULARY = 256  # a byte-level tokenizer has at least a token for each byte


def load_base(
    base: str, quantize: str | None, device: str, vision: bool, attention: str = AUTO
) -> tuple[PreTrainedModel, ProcessorMixin | PreTrainedTokenizerBase]:
    """Load a base model and its processor (its tokenizer for a text model).

    `base` is a folder, a name on the model hub or a base of the package (`shipped_bases`),
    `quantize` is `nf4` or None, `device` is `auto`, `cpu` or `cuda`, and `attention` one of
    `ATTENTIONS`. Raises `InputError` for values that cannot be loaded.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device is cuda, but torch finds no GPU here: use auto or cpu, or a GPU.")
    gpu = device != "cpu" and torch.cuda.is_available()
    config = read_config(base)
    family = _check_family(base, config, vision)
    folder = shipped_bases.locate(base)
    processor = _processor(base, folder, vision)
    dtype = torch.bfloat16 if gpu and torch.cuda.is_bf16_supported() else torch.float32
    quantization = _quantization(quantize, dtype)
    implementation = _implementation(attention, config, family, gpu, dtype)
    weights.check_base_files(folder)
    kind = AutoModelForImageTextToText if vision else AutoModelForCausalLM
    try:
        loaded: Any = kind.from_pretrained(
            folder,
            dtype=dtype,
            device_map={"": int(os.environ.get("LOCAL_RANK", 0)) if gpu else "cpu"},
            attn_implementation=implementation,
            quantization_config=quantization,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are in the loading information
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except (OSError, *weights.LOADING_ERRORS) as error:
        raise InputError(f"base {base}: transformers cannot load it{_reason(error)}.") from error
    model, loading = loaded
    weights.check_loaded(base, loading)
    if (attends := attention_of(model)).sparse:
        flex_attention.take_spans(model, attends)
    return model, processor


def add_adapter(model: PreTrainedModel, lora: LoraSettings, seed: int) -> PeftModel:
    """Return the model with a new adapter, the only trainable weights.

    Raises `InputError` where the base has none of its layers, or the rank is none.
    """
    if lora.rank < 1:
        raise InputError(f"lora rank is {lora.rank}; it is 1 or more.")
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


def save_adapter(adapted: PeftModel, base: str, folder: Path) -> None:
    """Write the adapter of a base, under whose name it is kept: the same on every machine."""
    adapted.save_pretrained(str(folder))
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    write_text(
        folder / ADAPTER_CONFIG, json.dumps(config | {"base_model_name_or_path": base}, indent=2)
    )


def load_adapter(
    model: PreTrainedModel, base: str, folder: Path, remedy: str = RETRAIN
) -> PeftModel:
    """Return the model with the adapter in `folder`.

    Raises `InputError`, with what to do, for one of another base, and for one whose weights are
    damaged or are not those that its configuration says.
    """
    trained_on = base_of(folder, remedy)
    if trained_on != base:
        raise InputError(f"{folder}: the adapter was trained on base {trained_on}, not on {base}.")
    shapes = weights.read_shapes(folder / weights.ADAPTER, remedy)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder))
    except torch.OutOfMemoryError:
        raise
    except (OSError, *weights.LOADING_ERRORS) as error:
        raise InputError(
            f"{folder}: the adapter does not fit base {base}, or its weights not its "
            f"adapter_config.json{_reason(error)}. {remedy}"
        ) from error
    weights.check_adapter(folder, adapted, shapes)
    return adapted


def base_of(folder: Path, remedy: str = RETRAIN) -> str:
    """Return the name of an adapter's base model; raise `InputError` where there is no adapter."""
    try:
        config = PeftConfig.from_pretrained(str(folder))
    except (OSError, *weights.LOADING_ERRORS) as error:
        raise InputError(f"{folder}: no adapter there. {remedy}") from error
    if config.peft_type != PeftType.LORA or config.task_type not in (None, "CAUSAL_LM"):
        raise InputError(
            f"{folder}: the adapter is of the type {config.peft_type} for the task "
            f"{config.task_type}; only LORA for CAUSAL_LM is supported. {remedy}"
        )
    if config.base_model_name_or_path is None:
        raise InputError(f"{folder}: the adapter's configuration names no base model.")
    return str(config.base_model_name_or_path)


def read_config(base: str) -> PreTrainedConfig:
    """Return a base's configuration; raise `InputError` where none is readable or it brings code."""
    folder = shipped_bases.locate(base)
    weights.check_no_code(folder)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # whatever the validation of a stranger's file raises
        raise InputError(
            f"base {base}: no readable config.json, neither as a folder nor on the model hub"
            f"{_reason(error)}."
        ) from error


def _implementation(
    attention: str,
    config: PreTrainedConfig,
    family: type[PreTrainedModel],
    gpu: bool,
    dtype: torch.dtype,
) -> str:
    """Return transformers' name of the attention that a base is loaded with.

    Raises `InputError` for `flex` where there is none.
    """
    dense = "sdpa" if family._supports_sdpa else "eager"
    if attention == SDPA or (attention == AUTO and not gpu):
        return dense
    if not (obstacle := flex_attention.find_obstacle(config, family, gpu, dtype)):
        return flex_attention.choose(dense)
    if attention == FLEX:
        raise InputError(f"attention is flex, but {obstacle}: use auto or sdpa.")
    print(f"attention is sdpa with a dense mask, since {obstacle}.", file=sys.stderr)
    return dense


def _check_family(base: str, config: PreTrainedConfig, vision: bool) -> type[PreTrainedModel]:
    """Return the class of a base; raise `InputError` for a family that is not supported."""
    family = config.model_type
    if vision and family not in VISION_FAMILIES:
        known = ", ".join(VISION_FAMILIES)
        raise InputError(f"base {base}: its family is {family}; this backend knows {known}.")
    if vision:
        seeing: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
        return cast(type[PreTrainedModel], seeing)
    if family in VISION_FAMILIES:
        raise InputError(f"base {base}: its family is {family}, which is for the backend vlm.")
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(f"base {base}: its family, {family}, does not generate text.")
    model: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    check_attention(base, config, model)
    return cast(type[PreTrainedModel], model)


def _processor(base: str, folder: str, vision: bool) -> ProcessorMixin | PreTrainedTokenizerBase:
    loader, name = (AutoProcessor, "processor") if vision else (AutoTokenizer, "tokenizer")
    remedy = "Copy its files beside the weights."
    try:
        processor = loader.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises plain exceptions
        raise InputError(
            f"base {base}: no {name} there that can be read{_reason(error)}. {remedy}"
        ) from error
    # Where files are missing, transformers returns a tokenizer instead, or an empty tokenizer.
    if vision and not isinstance(processor, ProcessorMixin):
        raise InputError(f"base {base}: no {name} there. {remedy}")
    tokenizer = processor.tokenizer if vision else processor
    if len(tokenizer) < MIN_VOCABULARY:
        raise InputError(f"base {base}: no tokenizer there. {remedy}")
    if tokenizer.eos_token_id is None:
        raise InputError(
            f"base {base}: its tokenizer has no token that ends an answer. Set eos_token in its "
            "tokenizer_config.json."
        )
    return processor


def _reason(error: Exception) -> str:
    """Return the first line of a library's error in brackets, shortened."""
    lines = str(error).strip().splitlines()
    return f" ({lines[0][:200].rstrip('.:')})" if lines else ""


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
        llm_int8_skip_modules=[r".*\bvisual", "lm_head"],  # patterns from the start of a name
    )

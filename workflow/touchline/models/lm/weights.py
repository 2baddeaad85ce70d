"""Checks of the weights of a base or an adapter, before random numbers answer in their place.

transformers and PEFT initialise weights that they do not find at random, with a warning at most.
"""

import functools
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)
from transformers.utils import cached_file

from touchline.core.files import inside
from touchline.core.problems import InputError
from touchline.core.text_files import UnreadableError, read_json

ADAPTER = "adapter_model.safetensors"
_INDEX, _SINGLE = "model.safetensors.index.json", "model.safetensors"
# Reading such files, or loading what is in them, raises errors of many kinds.
LOADING_ERRORS = (ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError)


def find_file(base: str, name: str) -> Path | None:
    """Return the path of a base's file, in its folder or fetched from the model hub, or None."""
    try:
        path = cached_file(
            base,
            name,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except (OSError, ValueError):  # no such base
        return None
    return Path(path) if path else None


def check_base_files(base: str) -> None:
    """Raise `InputError` for a base without safetensors weights, or with damaged ones."""
    files = [find_file(base, _SINGLE)]
    if files == [None] and (index := find_file(base, _INDEX)):
        files = [find_file(base, name) for name in _shards(index)]
    if None in files:
        raise InputError(
            f"base {base}: no safetensors weights there, or not all of them. Weights in other "
            "files, which can run code when they are read, are refused: convert them, or use "
            "another base."
        )
    for file in files:
        assert file is not None
        read_shapes(file, "Copy or download the base again.")


def _shards(index: Path) -> list[str]:
    """Return the names of the files that an index of weights lists."""
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
    except (UnreadableError, RecursionError, *LOADING_ERRORS) as error:
        raise InputError(
            f"{index}: no readable index of weights. Copy or download the base again."
        ) from error
    return [
        inside(index.parent, name, index).relative_to(index.parent).as_posix() for name in names
    ]


def read_shapes(file: Path, remedy: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a file's weights by name.

    Raises `InputError` for a file that is truncated or no safetensors, and for weights that are not
    finite.
    """
    shapes = {}
    try:
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118  # it is not a dictionary
                weight = opened.get_tensor(name)
                shapes[name] = tuple(weight.shape)
                if weight.is_floating_point() and not _is_finite(weight):
                    raise InputError(
                        f"{file}: the weight {name} has values that are no finite numbers. {remedy}"
                    )
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: truncated or no safetensors file ({error}). {remedy}") from error
    return shapes


def _is_finite(weight: torch.Tensor) -> bool:
    # 8-bit floating point has no such operation.
    return bool(torch.isfinite(weight.float() if weight.itemsize == 1 else weight).all())


def check_loaded(base: str, loading: Mapping[str, Any]) -> None:
    """Raise `InputError` unless exactly the base's weights were loaded (tied weights excepted).

    `loading` is what `from_pretrained` returns with `output_loading_info`.
    """
    mismatched = [name for name, *_ in loading["mismatched_keys"]]
    _check_names(
        f"base {base}",
        {
            "missing": loading["missing_keys"],
            "of another shape than config.json says": mismatched,
            "of a name that the family does not have": loading["unexpected_keys"],
        },
        "Copy or download the base again, with the config.json that belongs to its weights.",
    )


def check_adapter(folder: Path, adapted: PeftModel, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `InputError` unless the weights in the adapter's file are those of the loaded one."""
    expected = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    _check_names(
        str(folder / ADAPTER),
        {
            "missing": expected.keys() - shapes.keys(),
            "of another shape than adapter_config.json says": {
                name
                for name in expected.keys() & shapes.keys()
                if tuple(expected[name].shape) != shapes[name]
            },
            "of a name that the adapter does not have": shapes.keys() - expected.keys(),
        },
        "Delete the adapter's folder, and it is trained again; or copy the whole folder again.",
    )


def _check_names(what: str, names: Mapping[str, Collection[str]], remedy: str) -> None:
    """Raise `InputError` where there are weights with anything wrong, by what is wrong."""
    wrong = [
        f"{len(found)} {'weight is' if len(found) == 1 else 'weights are'} {problem} "
        f"({', '.join(sorted(found)[:2])}{', …' if len(found) > 2 else ''})"
        for problem, found in names.items()
        if found
    ]
    if wrong:
        raise InputError(
            f"{what}: {'; '.join(wrong)}. Random numbers would answer in their place. {remedy}"
        )


def check_no_code(base: str) -> None:
    """Raise `InputError` for a base that needs program code of its own (`auto_map`).

    Where config.json names code of the model alone, and the transformers library has the family
    itself, the library's class is used: the base's code is ignored, which one line on stderr says.
    Code of a tokenizer or a processor is refused always, since the library's could encode otherwise.
    """
    for name in (
        "config.json",
        "tokenizer_config.json",
        "processor_config.json",
        "preprocessor_config.json",
        "video_preprocessor_config.json",
    ):
        file = find_file(base, name)
        if file is None:
            continue
        try:
            content = read_json(file)
        except (UnreadableError, RecursionError):
            continue  # loading it says what is wrong
        if name == "config.json" and _has_own_class(content):
            _report_ignored_code(base, content["model_type"])
            content = {key: value for key, value in content.items() if key != "auto_map"}
        if _has_auto_map(content):
            raise InputError(
                f"base {base}: its {name} names program code of the base's own (auto_map), which "
                "was refused and not run: only families that the transformers library has itself "
                "are supported. Use a base without it."
            )


def _has_own_class(config: Any) -> bool:
    """Return whether transformers has the class of each model that `auto_map` gives code of."""
    if not (isinstance(config, dict) and isinstance(config.get("auto_map"), dict)):
        return False
    models = [name for name in config["auto_map"] if name != "AutoConfig"]
    return all(name.startswith("AutoModel") for name in models) and any(
        str(config.get("model_type")) in names
        for names in (MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
    )


@functools.cache
def _report_ignored_code(base: str, family: str) -> None:
    print(
        f"base {base}: its own program code (auto_map in config.json) is ignored; the family "
        f"{family} of the transformers library is used.",
        file=sys.stderr,
    )


def _has_auto_map(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    return bool(content.get("auto_map")) or any(map(_has_auto_map, content.values()))

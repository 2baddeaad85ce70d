"""Reduction of a trained temporal convolutional network: fewer words, and 8 or 16 bits a weight.

It makes the commentary model that comes with Touchline (`benchmarks/commentary_model.py`).
"""

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from touchline.core.files import atomic_folder, write_text
from touchline.models.words.tcn_weights import DESCRIPTION, SCALE, WEIGHTS, WORDS

Tensors = dict[str, np.ndarray]
LARGEST = 127  # of a signed 8-bit number, symmetric around 0


def reduce_model(
    trained: Path,
    folder: Path,
    kept: Collection[str],
    store: Callable[[str, np.ndarray], Tensors],
    description: Mapping[str, object],
) -> None:
    """Write a trained model with only the words in `kept`, its weights as `store` returns them.

    `description` is what `model.json` says.
    """
    words = json.loads((trained / WORDS).read_text(encoding="utf-8"))
    rows = np.array([row for row, word in enumerate(words) if word in kept], np.int64)
    tensors: Tensors = {}
    for name, weight in sorted(load_file(trained / WEIGHTS).items()):
        tensors |= store(name, weight[rows] if is_embedding(name) else weight)
    with atomic_folder(folder) as partial:
        (partial / WEIGHTS).write_bytes(save(tensors))  # with the usual rights
        content = json.dumps([words[row] for row in rows], ensure_ascii=False, indent=0)
        write_text(partial / WORDS, content + "\n")
        write_text(partial / DESCRIPTION, json.dumps(description, indent=1) + "\n")


def is_embedding(name: str) -> bool:
    """Say whether a weight, by its name, has a row for each word."""
    return name.endswith("words.weight")


def keep(name: str, weight: np.ndarray) -> Tensors:
    """Store a weight as it is."""
    return {name: weight}


def halve(name: str, weight: np.ndarray) -> Tensors:
    """Store a weight in half precision."""
    return {name: weight.astype(np.float16)}


def quantise(name: str, weight: np.ndarray) -> Tensors:
    """Store a weight as signed 8-bit numbers, with a half-precision scale for each row.

    The scale is the row's largest absolute value divided by `LARGEST`, rounded up.
    """
    largest = np.abs(weight).max(axis=1, initial=0)
    scale = np.nextafter((largest / LARGEST).astype(np.float16), np.float16(np.inf))
    rounded = np.rint(weight / scale[:, None].astype(np.float32))
    return {name: rounded.astype(np.int8), name + SCALE: scale}


def quantise_words(name: str, weight: np.ndarray) -> Tensors:
    """Store the word embeddings in 8 bits and all other weights in half precision."""
    return quantise(name, weight) if is_embedding(name) else halve(name, weight)


def quantise_matrices(name: str, weight: np.ndarray) -> Tensors:
    """Store all matrices in 8 bits and all vectors in half precision."""
    return quantise(name, weight) if weight.ndim > 1 else halve(name, weight)

"""The files of a trained temporal convolutional network, read and checked without torch.

A folder holds `model.safetensors`, `words.json` (the vocabulary) and `model.json`. Its outputs are
a study's `actions`, or SoccerNet's `labels`, which a study maps to its own actions. A weight of 8
bits has a scale for each row beside it, `<name>.scale`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from touchline.core.problems import InputError, quoted
from touchline.core.text_files import UnreadableError, read_json
from touchline.models import shipped_bases
from touchline.models.backend import trained_folder
from touchline.models.words.numpy_network import NumpyNetwork, count_layers, expected_shapes

WEIGHTS, WORDS, DESCRIPTION = FILES = ("model.safetensors", "words.json", "model.json")
SCALE = ".scale"


@dataclass(frozen=True)
class Description:
    """What `model.json` says of a model: its outputs, and the length of a time step in seconds."""

    outputs: list[str]
    are_labels: bool  # the outputs are labels of SoccerNet, not actions of a study
    step_s: float

    def actions(self, labels: Mapping[str, str]) -> list[str | None]:
        """Return each output's action, None for a label that leads to none.

        `labels` is the configuration's mapping of labels to actions.
        """
        return [labels.get(name) if self.are_labels else name for name in self.outputs]

    def check_actions(self, asked: list[str], labels: Mapping[str, str], model: str) -> None:
        """Raise `InputError` for an action that no output of the model leads to."""
        known = self.actions(labels)
        if unknown := [action for action in asked if action not in known]:
            outputs = (
                "SoccerNet's labels, and none of them" if self.are_labels else "no output that"
            )
            raise InputError(
                f"{model} does not know {', '.join(unknown)}: it has {outputs} leads there under "
                f"labels: in the configuration. It knows {', '.join(sorted(filter(None, known)))}. "
                "Take the others out of samples.actions or the query, or use another model."
            )


def find_folder(weights: str | None, folder: Path | None, files: Sequence[str]) -> tuple[Path, str]:
    """Return the folder of a model, and what to do where its files are damaged.

    It is that of the setting `weights`, else the `folder` that a training wrote. Raises `InputError`
    where there is none.
    """
    if weights is None:
        found = trained_folder(folder, WEIGHTS)
    else:
        found = shipped_bases.weights_folder(weights, files)
    return found, shipped_bases.remedy_of(weights)


def read_description(folder: Path, remedy: str) -> Description:
    """Return what a model's `model.json` says; raise `InputError` where it is missing or damaged."""
    path = folder / DESCRIPTION
    content = _read(path, remedy)
    if isinstance(content, dict):
        are_labels = "labels" in content
        outputs, step_s = content.get("labels" if are_labels else "actions"), content.get("step_s")
        if _are_names(outputs) and isinstance(step_s, int | float) and 0 < step_s < np.inf:
            return Description(outputs, are_labels, float(step_s))
    raise InputError(f"{path}: is no description of a trained network. {remedy}")


def read_words(folder: Path, remedy: str) -> list[str]:
    """Return a model's vocabulary; raise `InputError` where the file is missing or damaged."""
    words = _read(folder / WORDS, remedy)
    if not _are_names(words):
        raise InputError(f"{folder / WORDS}: is no list of different words. {remedy}")
    return words


def read_networks(folder: Path, words: int, outputs: int, remedy: str) -> list[NumpyNetwork]:
    """Return the networks of an ensemble, of a vocabulary of `words` words.

    Raises `InputError` for a file that is missing, truncated or no safetensors, and for weights
    that are missing, of a wrong shape or not finite.
    """
    path = folder / WEIGHTS
    stored = read_weights(path, remedy)
    numbers = {name.partition(".")[0] for name in stored}
    networks = []
    for number in map(str, range(len(numbers))):
        weights = {
            name.removeprefix(f"{number}."): value
            for name, value in stored.items()
            if name.startswith(f"{number}.")
        }
        channels = len(weights.get("norm.bias", ()))
        expected = expected_shapes(words, outputs, channels, count_layers(weights))
        wrong = [
            name
            for name in sorted(expected | weights)
            if name not in weights or expected.get(name) != weights[name].shape
        ]
        if wrong:
            raise InputError(
                f"{path}: {len(wrong)} weights are missing, unknown or of another shape than "
                f"{WORDS} and {DESCRIPTION} say ({quoted(', '.join(wrong[:2]))}). {remedy}"
            )
        networks.append(NumpyNetwork(weights))
    if not networks:
        raise InputError(f"{path}: has no weights. {remedy}")
    return networks


def read_weights(path: Path, remedy: str, infinite: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Return the weights of a safetensors file by name, as 32-bit numbers.

    Raises `InputError` for a file that cannot be read, and for weights that are not finite; those
    named in `infinite` may be infinite.
    """
    try:
        stored = load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError) as error:  # the latter: unknown numbers
        raise InputError(f"{path}: truncated or no safetensors file ({error}). {remedy}") from error
    weights = {}
    for name, value in stored.items():
        if name.endswith(SCALE):
            continue
        weight = value.astype(np.float32)
        if (scale := stored.get(name + SCALE)) is not None:
            if scale.shape != weight.shape[:1]:
                raise InputError(f"{path}: {quoted(name)} has not one scale a row. {remedy}")
            weight *= scale.astype(np.float32).reshape(-1, *[1] * (weight.ndim - 1))
        if np.isnan(weight).any() or (name not in infinite and np.isinf(weight).any()):
            raise InputError(f"{path}: {quoted(name)} has values that are not finite. {remedy}")
        weights[name] = weight
    return weights


def _read(path: Path, remedy: str) -> object:
    try:
        return read_json(path)
    except UnreadableError as error:
        raise InputError(f"{path}: {error}. {remedy}") from error


def _are_names(value: object) -> TypeGuard[list[str]]:
    """Say whether a value is a list of different strings."""
    return (
        isinstance(value, list)
        and all(isinstance(name, str) for name in value)
        and len(set(value)) == len(value)
    )

"""A folder with a temporal convolutional network of random weights, as a training writes it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from touchline.models.words.numpy_network import expected_shapes


def write_network(
    folder: Path,
    words: Sequence[str],
    outputs: Sequence[str],
    *,
    kind: str = "actions",
    seed: int = 0,
) -> Path:
    """Write the files of a network of 8 channels and 2 layers, and return the folder.

    `kind` says what the outputs are: actions or labels.
    """
    random = np.random.default_rng(seed)
    shapes = expected_shapes(len(words), len(outputs), 8, 2)
    weights = {
        f"0.{name}": random.normal(0, 0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors")
    (folder / "words.json").write_text(json.dumps(list(words)))
    (folder / "model.json").write_text(json.dumps({kind: list(outputs), "step_s": 2.0}))
    return folder

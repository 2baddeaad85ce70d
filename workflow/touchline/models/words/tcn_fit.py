"""Training of the temporal convolutional networks, which keeps those that are done."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from touchline.core.files import atomic_file, write_text
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.words.commentary_words import halves
from touchline.models.words.features import (
    Half,
    count_words,
    meanings,
    numbered,
    read_half,
    vocabulary,
)
from touchline.models.words.tcn_network import train

# Chosen on the valid split (benchmarks/README.md).
DEFAULTS = {
    "step_s": 2.0,
    "channels": 128,
    "layers": 6,
    "epochs": 6,
    "min_updates": 400,
    "min_count": 15,
    "ensemble_size": 4,
    "seed": 0,
}
PROCESSES = 2  # that train at once, one thread each


def fit(study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
    """Train the networks and write `model.safetensors`, `model.json` and `words.json`.

    A network that is done is kept in `checkpoints`: a training that is interrupted does not make it
    again. The labels of all actions are learnt, also of those that no sample asks for.
    Raises `InputError` when there is nothing to train on.
    """
    settings = DEFAULTS | settings
    read, counts, found = [], Counter(), set()
    for match in study:
        for half, lines, end_s in halves(match.samples):
            counts.update(count_words(lines))
            read.append((half, lines, end_s, match.labels))
        found.update(match.labels["action"])
    if not read:
        raise InputError("the train split has no samples, so there is nothing to train on.")
    known, actions = vocabulary(counts, settings["min_count"]), sorted(found)
    described = [
        read_half(half, lines, end_s, known, numbered(labels, half, actions))
        for half, lines, end_s, labels in read
    ]
    del read, counts
    vectors = meanings(described, len(known), settings["channels"])
    weights = _train_all(described, vectors, len(actions), settings, checkpoints)
    for name, content in (
        ("words", list(known)),
        ("model", {"actions": actions, **{key: settings[key] for key in ("step_s", "layers")}}),
    ):
        write_text(folder / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False))
    save_file(weights, folder / "model.safetensors")


def _train_all(
    described: list[Half], words: np.ndarray, actions: int, settings: dict, checkpoints: Path
) -> dict[str, torch.Tensor]:
    """Return the weights of all networks, `PROCESSES` of which are trained at once."""
    paths = [
        checkpoints / f"network{number}.safetensors" for number in range(settings["ensemble_size"])
    ]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    arguments = (missing, paths, described, words, actions, settings)
    processes = min(PROCESSES, len(missing))
    if processes:
        started = torch.multiprocessing.start_processes(
            _train_some, (processes, *arguments), processes, join=False
        )
        try:
            while not started.join():  # raises when one of them has failed
                pass
        finally:
            for process in started.processes:
                process.terminate()
    return {
        f"{number}.{name}": value
        for number, path in enumerate(paths)
        for name, value in load_file(path).items()
    }


def _train_some(
    process: int, processes: int, missing: list[int], paths: list[Path], described: list[Half],
    words: np.ndarray, actions: int, settings: dict,
) -> None:  # fmt: skip
    """Be one of the processes: train every so many-th of the missing networks."""
    for number in missing[process::processes]:
        seed = settings["seed"] * settings["ensemble_size"] + number
        weights = train(described, words, actions, settings, seed, process)
        with atomic_file(paths[number]) as partial:
            save_file(weights, partial)

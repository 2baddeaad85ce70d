"""A temporal convolutional network on the words of the commentary, for a CPU: several, in fact, averaged.

It learns how probable an event of each action is in every step of a half. An answer is the stretch of
time that most probably matches an event of its chunk, and its confidence is that probability.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file, save_file
from scipy.special import expit

from touchline.backends import Match
from touchline.backends.spoken import halves
from touchline.backends.spots import choose
from touchline.backends.steps import Half, count_words, meanings, numbered, read_half, vocabulary
from touchline.backends.tcn_net import Network, rates, train
from touchline.files import whole, write_text
from touchline.intervals import INTERVAL_S
from touchline.problems import InputError
from touchline.schema import fill_predictions

# Chosen on the valid split (benchmarks/README.md).
DEFAULTS = {
    "step_s": 2.0,
    "width": 128,
    "layers": 6,
    "epochs": 6,
    "min_count": 15,
    "networks": 4,
    "length_s": INTERVAL_S,
    "seed": 0,
}
PROCESSES = 2  # that train at once, one thread each
NO_EVENTS = np.zeros((0, 2))


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
    vectors = meanings(described, len(known), settings["width"])
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
    paths = [checkpoints / f"network{number}.safetensors" for number in range(settings["networks"])]
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
        seed = settings["seed"] * settings["networks"] + number
        weights = train(described, words, actions, settings, seed, process)
        with whole(paths[number]) as partial:
            save_file(weights, partial)


class Tcn:
    """Trained networks: the mean of their log-odds, and what to answer."""

    def __init__(
        self, networks: list[Network], words: list[str], actions: list[str], step_s: float,
        length_s: float,
    ) -> None:  # fmt: skip
        self.networks, self.actions = networks, actions
        self.step_s, self.length_s = step_s, length_s
        self.known = {word: number for number, word in enumerate(words)}

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the answers to the samples."""
        tables = [
            choose(
                match.samples.filter(half=half),
                dict(zip(self.actions, self.rates(half, lines, end_s).T, strict=True)),
                self.step_s,
                self.length_s,
            )
            for half, lines, end_s in halves(match.samples)
        ]
        return pl.concat(tables) if tables else fill_predictions(match.samples.clear())

    def rates(self, half: int, lines: pl.DataFrame, end_s: float) -> np.ndarray:
        """Return the expected number of events in each step of a half: (steps, actions)."""
        read = read_half(half, lines, end_s, self.known, NO_EVENTS)
        found = [network.log_odds(read, self.step_s) for network in self.networks]
        return rates(expit(np.mean(found, axis=0)), self.step_s)


def load(settings: dict, folder: Path) -> Tcn:
    """Load what `fit` wrote; `length_s` is the length of an answer."""
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    weights = load_file(folder / "model.safetensors")
    layers, actions = described.pop("layers"), described["actions"]
    networks = []
    for number in range(1 + max(int(name.partition(".")[0]) for name in weights)):
        own = {
            name.removeprefix(f"{number}."): value
            for name, value in weights.items()
            if name.startswith(f"{number}.")
        }
        network = Network(len(words), len(actions), own["norm.weight"].shape[0], layers).eval()
        network.load_state_dict(own)
        networks.append(network)
    return Tcn(networks, words, length_s=(DEFAULTS | settings)["length_s"], **described)

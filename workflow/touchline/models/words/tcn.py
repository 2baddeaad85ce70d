"""A temporal convolutional network on the words of the commentary, for a CPU: several, in fact, averaged.

It learns how probable an event of each action is in every step of a half. An answer is the stretch of
time that most probably matches an event of its chunk, and its confidence is that probability.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.torch import load_file
from scipy.special import expit

from touchline.core.intervals import INTERVAL_S
from touchline.core.problems import Problem
from touchline.core.schema import fill_predictions
from touchline.models.backend import Match
from touchline.models.peaks import choose
from touchline.models.words.commentary_words import halves
from touchline.models.words.features import read_half
from touchline.models.words.tcn_network import Network, rates

NO_EVENTS = np.zeros((0, 2))


class Tcn:
    """Trained networks: the mean of their log-odds, and what to answer."""

    def __init__(
        self, networks: list[Network], words: list[str], actions: list[str], step_s: float,
        length_s: float,
    ) -> None:  # fmt: skip
        self.networks, self.actions = networks, actions
        self.step_s, self.length_s = step_s, length_s
        self.problems: list[Problem] = []
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
    """Load what `tcn_fit.fit` wrote; `length_s` is the length of an answer."""
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
    return Tcn(networks, words, length_s=settings.get("length_s", INTERVAL_S), **described)

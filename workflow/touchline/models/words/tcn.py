"""Temporal convolutional network on the words of the commentary: inference with an ensemble.

The networks predict the probability of an event of each action in every time step of a half. An
interval is placed where it most probably matches an event of its chunk, and its confidence is that
probability. Everything runs on a CPU.
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
from touchline.models.backend import Match, trained_folder
from touchline.models.check_settings import check_names
from touchline.models.peaks import choose_intervals
from touchline.models.words.commentary_words import split_halves
from touchline.models.words.features import encode_half
from touchline.models.words.tcn_network import TRAINING_DEFAULTS, Network, event_rates

NO_EVENTS = np.zeros((0, 2))


class Tcn:
    """An ensemble of networks, whose log-odds are averaged; intervals are `length_s` long."""

    def __init__(
        self, networks: list[Network], words: list[str], actions: list[str], step_s: float,
        length_s: float,
    ) -> None:  # fmt: skip
        self.networks, self.actions = networks, actions
        self.step_s, self.length_s = step_s, length_s
        self.problems: list[Problem] = []
        self.vocabulary = {word: index for index, word in enumerate(words)}

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions for the samples."""
        tables = [
            choose_intervals(
                match.samples.filter(half=half),
                dict(zip(self.actions, self.event_rates(half, lines, end_s).T, strict=True)),
                self.step_s,
                self.length_s,
            )
            for half, lines, end_s in split_halves(match.samples)
        ]
        return pl.concat(tables) if tables else fill_predictions(match.samples.clear())

    def event_rates(self, half: int, lines: pl.DataFrame, end_s: float) -> np.ndarray:
        """Return the expected number of events in each step of a half: (steps, actions)."""
        encoded = encode_half(half, lines, end_s, self.vocabulary, NO_EVENTS)
        log_odds = [network.log_odds(encoded, self.step_s) for network in self.networks]
        mean: np.ndarray = np.mean(log_odds, axis=0)
        return event_rates(expit(mean), self.step_s)


def load(settings: dict, folder: Path | None) -> Tcn:
    """Load the model that `tcn_fit.fit` wrote; `length_s` is the length of an interval.

    Raises `InputError` for an unknown setting, and where there is no model.
    """
    check_names(settings, [*TRAINING_DEFAULTS, "length_s"])
    folder = trained_folder(folder, "model.safetensors")
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    weights = load_file(folder / "model.safetensors")
    actions = description["actions"]
    networks = []
    for number in range(1 + max(int(name.partition(".")[0]) for name in weights)):
        state = {
            name.removeprefix(f"{number}."): value
            for name, value in weights.items()
            if name.startswith(f"{number}.")
        }
        channels = state["norm.weight"].shape[0]
        network = Network(len(words), len(actions), channels, description["layers"]).eval()
        network.load_state_dict(state)
        networks.append(network)
    length_s = settings.get("length_s", INTERVAL_S)
    return Tcn(networks, words, actions, description["step_s"], length_s)

"""Temporal convolutional network on the words of the commentary: inference with an ensemble.

The networks predict the probability of an event of each action in every time step of a half. An
interval is placed where it most probably matches an event of its chunk, and its confidence is that
probability. Everything runs on a CPU, without torch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import expit

from touchline.core.intervals import INTERVAL_S
from touchline.core.problems import Problem
from touchline.core.schema import fill_predictions
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.peaks import choose_intervals, event_rates
from touchline.models.words import tcn_weights
from touchline.models.words.commentary_words import split_transcripts
from touchline.models.words.features import encode_half
from touchline.models.words.numpy_network import NumpyNetwork
from touchline.models.words.tcn_settings import TRAINING_DEFAULTS
from touchline.models.words.tcn_weights import Description

NO_EVENTS = np.zeros((0, 2))


class Tcn:
    """An ensemble of networks, whose log-odds are averaged; intervals are `length_s` long.

    Each network answers on `grids` grids of steps, shifted against each other, which are averaged.
    `labels` maps the outputs to actions where these are SoccerNet's labels; `weights` names a model
    that was not trained in this study, whose actions are then checked.
    """

    def __init__(
        self, networks: list[NumpyNetwork], words: list[str], description: Description,
        length_s: float, grids: int, labels: Mapping[str, str], weights: str | None,
    ) -> None:  # fmt: skip
        self.networks, self.description, self.length_s = networks, description, length_s
        self.grids, self.labels, self.weights = grids, labels, weights
        self.problems: list[Problem] = []
        self.vocabulary = {word: index for index, word in enumerate(words)}

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions for the samples.

        Raises `InputError` for an action that a model of another study does not know.
        """
        if self.weights is not None:
            asked = match.samples["action"].unique(maintain_order=True).to_list()
            self.description.check_actions(asked, self.labels, self.weights)
        tables = [
            choose_intervals(
                match.samples.filter(half=half),
                self.event_rates(half, transcripts, end_s),
                self.description.step_s / self.grids,
                self.length_s,
            )
            for half, transcripts, end_s in split_transcripts(match)
        ]
        return pl.concat(tables) if tables else fill_predictions(match.samples.clear())

    def event_rates(
        self, half: int, transcripts: Sequence[pl.DataFrame], end_s: float
    ) -> dict[str, np.ndarray]:
        """Return the expected number of events in each step of a half: action → (steps,).

        Steps are `step_s` / `grids` long. The networks read all transcripts of the half together,
        and their log-odds are averaged. The rates of several labels that lead to one action are
        added: the sum of independent Poisson processes is one with the sum of their rates.
        """
        step_s = self.description.step_s
        heard = [
            encode_half(half, lines, end_s, self.vocabulary, NO_EVENTS) for lines in transcripts
        ]
        log_odds = [network.log_odds(heard, step_s, self.grids) for network in self.networks]
        mean: np.ndarray = np.mean(log_odds, axis=0)  # (steps, outputs)
        rates: dict[str, np.ndarray] = {}
        outputs = event_rates(expit(mean), step_s / self.grids).T
        for action, rate in zip(self.description.actions(self.labels), outputs, strict=True):
            if action is not None:
                rates[action] = rates[action] + rate if action in rates else rate
        return rates


def load(settings: dict, folder: Path | None) -> Tcn:
    """Load the model that `tcn_fit.fit` wrote.

    `length_s` is the length of an interval, `grids` the number of grids of steps that it answers on,
    1 without the setting. The setting `weights` names a model that is there already: one that comes with Touchline, or the
    folder of another study's; `labels` is the configuration's mapping of labels to actions.
    Raises `InputError` for an unknown setting, and where there is no model or a damaged one.
    """
    check_names(settings, [*TRAINING_DEFAULTS, "length_s", "grids", "weights", "labels"])
    weights = settings.get("weights")
    folder, remedy = tcn_weights.find_folder(weights, folder, tcn_weights.FILES)
    description = tcn_weights.read_description(folder, remedy)
    words = tcn_weights.read_words(folder, remedy)
    networks = tcn_weights.read_networks(folder, len(words), len(description.outputs), remedy)
    return Tcn(
        networks, words, description, settings.get("length_s", INTERVAL_S),
        settings.get("grids", 1), settings.get("labels", {}), weights,
    )  # fmt: skip

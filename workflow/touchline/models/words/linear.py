"""Linear text baseline: logistic regression on hashed commentary words, one model per action.

Time is divided into steps. The features of a step are the hashed words and word pairs spoken in
each of seven windows around it, so that a word has separate weights before and after the event. The
model's output is the probability of an event within a step of the step's middle.
`linear_fit` trains it.
"""

from pathlib import Path

import mmh3
import numpy as np
import polars as pl

from touchline.core.intervals import INTERVAL_S
from touchline.core.problems import InputError, Problem
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.peaks import suppress, to_predictions
from touchline.models.words import tcn_weights
from touchline.models.words.commentary_words import split_halves, timed_words
from touchline.models.words.tcn_weights import Description

# First and last step of each window, relative to the step that the features are of.
WINDOWS = ((-4, -2), (-1, -1), (0, 0), (1, 1), (2, 2), (3, 4), (5, 7))
HASH_SIZE = 2**18
FILES = (tcn_weights.WEIGHTS, tcn_weights.DESCRIPTION)
# Chosen on the valid split (benchmarks/README.md).
DEFAULTS = {"step_s": 4.0, "alpha": 1e-6, "epochs": 5, "seed": 0}
# Spots below this confidence are dropped; tuned thresholds have not been below .03.
MIN_CONFIDENCE = 0.01


class Linear:
    """A trained model: its probabilities per step and action are thinned to spots.

    `given` names a model that was not trained in this study, whose actions are then checked.
    """

    def __init__(
        self, weights: np.ndarray, biases: np.ndarray, description: Description, given: str | None
    ) -> None:
        self.weights, self.biases = weights, biases  # (actions, features), (actions,)
        self.description, self.given = description, given
        self.actions, self.step_s = description.outputs, description.step_s
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions; spots of an action are more than `INTERVAL_S` apart.

        Raises `InputError` for an action that a model of another study does not know.
        """
        if self.given is not None:
            asked = match.samples["action"].unique(maintain_order=True).to_list()
            self.description.check_actions(asked, {}, self.given)
        spots = []
        radius = round(INTERVAL_S / self.step_s)
        for half, lines, end_s in split_halves(match.samples):
            features, counts = step_features(timed_words(lines), end_s, self.step_s)
            confidences = self._confidences(features, counts)  # (actions, steps)
            for action, confidence in zip(self.actions, confidences, strict=True):
                kept = suppress(confidence, radius, MIN_CONFIDENCE)
                spots += [
                    (half, (step + 0.5) * self.step_s, action, float(confidence[step]))
                    for step in kept
                ]
        schema = {"half": pl.Int64, "time_s": pl.Float64, "action": pl.String, "confidence": float}
        return to_predictions(match.samples, pl.DataFrame(spots, schema=schema, orient="row"))

    def _confidences(self, features: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Return the probability of each action in each step: (actions, steps)."""
        step = np.repeat(np.arange(len(counts)), counts)
        sums = [
            np.bincount(step, of_action, len(counts)) for of_action in self.weights[:, features]
        ]
        scores = sums / np.sqrt(np.maximum(counts, 1)) + self.biases[:, None]
        return 1 / (1 + np.exp(-scores))


def load(settings: dict, folder: Path | None) -> Linear:
    """Load the model that `linear_fit.fit` wrote, or the one that the setting `weights` names.

    Raises `InputError` for an unknown setting, and where there is no model or a damaged one.
    """
    check_names(settings, [*DEFAULTS, "weights", "labels"])
    given = settings.get("weights")
    folder, remedy = tcn_weights.find_folder(given, folder, FILES)
    description = tcn_weights.read_description(folder, remedy)
    # The bias of an action without any event to train on is minus infinity: it is never answered.
    stored = tcn_weights.read_weights(folder / tcn_weights.WEIGHTS, remedy, ("biases",))
    shapes = {name: value.shape for name, value in stored.items()}
    actions = len(description.outputs)
    if shapes != {"weights": (actions, len(WINDOWS) * HASH_SIZE), "biases": (actions,)}:
        raise InputError(
            f"{folder / tcn_weights.WEIGHTS}: its weights are not those of a linear model of "
            f"{actions} actions. {remedy}"
        )
    return Linear(stored["weights"], stored["biases"], description, given)


def step_features(
    words: pl.DataFrame, end_s: float, step_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of the steps, those of a step in rising order, and how many each has.

    A feature is a hashed word or pair in a window, a number below windows * hash size; it is there
    or not. The hash is MurmurHash3, as in scikit-learn's FeatureHasher.
    """
    steps = int(np.ceil(end_s / step_s))
    tokens = [*words["word"], *words["pair"]]
    hashed = np.abs(np.array([mmh3.hash(token) for token in tokens], np.int64)) % HASH_SIZE
    spoken = np.minimum((words["time_s"].to_numpy() // step_s).astype(int), steps - 1)
    spoken = np.tile(spoken, 2)  # the step that a word or pair is spoken in
    size = len(WINDOWS) * HASH_SIZE
    found = []  # features, numbered through over all steps
    for window, (first, last) in enumerate(WINDOWS):
        for distance in range(first, last + 1):
            step = spoken - distance
            inside = (step >= 0) & (step < steps)
            found.append(step[inside] * size + window * HASH_SIZE + hashed[inside])
    numbers = np.sort(np.concatenate(found))  # np.unique takes ten times as long
    numbers = numbers[np.diff(numbers, prepend=-1) > 0]
    return numbers % size, np.bincount(numbers // size, minlength=steps)

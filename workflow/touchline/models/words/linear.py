"""Linear text baseline: logistic regression on hashed commentary words, one model per action.

Time is divided into steps. The features of a step are the hashed words and word pairs spoken in
each of seven windows around it, so that a word has separate weights before and after the event. The
model's output is the probability of an event within a step of the step's middle.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file
from scipy.special import expit
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier
from tqdm import tqdm

from touchline.core.files import write_text
from touchline.core.intervals import INTERVAL_S
from touchline.core.problems import InputError, Problem
from touchline.models.backend import Match, trained_folder
from touchline.models.check_settings import check_names
from touchline.models.peaks import suppress, to_predictions
from touchline.models.words.commentary_words import split_halves, timed_words

# First and last step of each window, relative to the step that the features are of.
WINDOWS = ((-4, -2), (-1, -1), (0, 0), (1, 1), (2, 2), (3, 4), (5, 7))
HASH_SIZE = 2**18
# Chosen on the valid split (benchmarks/README.md).
DEFAULTS = {"step_s": 4.0, "alpha": 1e-6, "epochs": 5, "seed": 0}
# Spots below this confidence are dropped; tuned thresholds have not been below .03.
MIN_CONFIDENCE = 0.01


def fit(study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
    """Train one logistic regression per action and write `model.safetensors` and `model.json`.

    It takes half a minute, so it writes no checkpoints. Raises `InputError` for an unknown setting,
    and where there is nothing to train on.
    """
    check_names(settings, DEFAULTS)
    settings = DEFAULTS | settings
    step_s = settings["step_s"]
    indices: list[np.ndarray] = []  # of the features of each half's steps
    lengths: list[np.ndarray] = []  # number of features of each step
    targets: list[np.ndarray] = []
    actions: list[str] = []
    for match in study:
        actions = match.samples["action"].unique(maintain_order=True).to_list()
        for half, lines, end_s in split_halves(match.samples):
            features = step_features(timed_words(lines), end_s, step_s)
            indices.append(features.indices)
            lengths.append(np.diff(features.indptr))
            targets.append(_targets(match.events, half, actions, features.shape[0], step_s))
    if not targets:
        raise InputError("the train split has no samples, so there is nothing to train on.")
    x = _stack(indices, lengths)  # (steps of all halves, windows * hash size)
    y = np.concatenate(targets)  # (steps of all halves, actions)
    weights = np.zeros((len(actions), x.shape[1]), np.float32)
    biases = np.zeros(len(actions), np.float32)
    for number, action in enumerate(tqdm(actions, desc="training", unit="action")):
        if not y[:, number].any():
            biases[number] = -np.inf  # an action without any event is never predicted
            continue
        model = SGDClassifier(
            loss="log_loss",
            alpha=settings["alpha"],
            max_iter=settings["epochs"],
            tol=None,
            random_state=settings["seed"],
        ).fit(x, y[:, number])
        weights[number], biases[number] = model.coef_[0], model.intercept_[0]
        tqdm.write(f"{action}: {y[:, number].sum()} of {len(y)} steps")
    save_file({"weights": weights, "biases": biases}, folder / "model.safetensors")
    write_text(folder / "model.json", json.dumps({"actions": actions, "step_s": step_s}, indent=1))


class Linear:
    """A trained model: its probabilities per step and action are thinned to spots."""

    def __init__(
        self, weights: np.ndarray, biases: np.ndarray, actions: list[str], step_s: float
    ) -> None:
        self.weights, self.biases = weights, biases  # (actions, features), (actions,)
        self.actions, self.step_s = actions, step_s
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions; spots of an action are more than `INTERVAL_S` apart."""
        spots = []
        radius = round(INTERVAL_S / self.step_s)
        for half, lines, end_s in split_halves(match.samples):
            features = step_features(timed_words(lines), end_s, self.step_s)
            confidences = expit(features @ self.weights.T + self.biases)  # (steps, actions)
            for action, confidence in zip(self.actions, confidences.T, strict=True):
                kept = suppress(confidence, radius, MIN_CONFIDENCE)
                spots += [
                    (half, (step + 0.5) * self.step_s, action, float(confidence[step]))
                    for step in kept
                ]
        schema = {"half": pl.Int64, "time_s": pl.Float64, "action": pl.String, "confidence": float}
        return to_predictions(match.samples, pl.DataFrame(spots, schema=schema, orient="row"))


def load(settings: dict, folder: Path | None) -> Linear:
    """Load the model that `fit` wrote; raise `InputError` where there is none."""
    check_names(settings, DEFAULTS)
    folder = trained_folder(folder, "model.safetensors")
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    weights = load_file(folder / "model.safetensors")
    return Linear(
        weights["weights"], weights["biases"], description["actions"], description["step_s"]
    )


def step_features(words: pl.DataFrame, end_s: float, step_s: float) -> sp.csr_matrix:
    """Return the binary features of each step: the hashed words and pairs in each of its windows.

    Shape (steps, windows * hash size); each row is divided by its Euclidean norm.
    """
    steps = int(np.ceil(end_s / step_s))
    if len(words):
        hasher = FeatureHasher(
            HASH_SIZE, input_type="string", alternate_sign=False, dtype=np.float32
        )
        hashed = hasher.transform(zip(words["word"], words["pair"], strict=True))
        step = np.minimum((words["time_s"].to_numpy() // step_s).astype(int), steps - 1)
        spoken = _binary(step, np.arange(len(words)), (steps, len(words))) @ hashed
    else:
        spoken = _binary(np.zeros(0, int), np.zeros(0, int), (steps, HASH_SIZE))
    windows = []
    for first, last in WINDOWS:
        rows = np.repeat(np.arange(steps), last - first + 1)
        columns = rows + np.tile(np.arange(first, last + 1), steps)
        inside = (columns >= 0) & (columns < steps)
        windows.append(_binary(rows[inside], columns[inside], (steps, steps)) @ spoken)
    features = sp.hstack(windows, format="csr")
    features.sort_indices()
    return _normalised(features.indices, features.indptr)


def _binary(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    """Return the matrix with ones at these rows and columns."""
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _normalised(indices: np.ndarray, indptr: np.ndarray) -> sp.csr_matrix:
    """Return the binary matrix with these non-zero columns, its rows divided by their norms."""
    counts = np.diff(indptr)
    data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    shape = (len(counts), len(WINDOWS) * HASH_SIZE)
    return sp.csr_matrix((data, indices.astype(np.int32), indptr), shape=shape)


def _stack(indices: list[np.ndarray], lengths: list[np.ndarray]) -> sp.csr_matrix:
    """Return the halves' features stacked, with one copy of them in memory at a time."""
    joined = np.concatenate(indices)
    indices.clear()
    return _normalised(joined, np.concatenate([[0], np.cumsum(np.concatenate(lengths))]))


def _targets(
    labels: pl.DataFrame, half: int, actions: list[str], steps: int, step_s: float
) -> np.ndarray:
    """Return whether an event of the action is within a step of the middle: (steps, actions)."""
    middles = (np.arange(steps) + 0.5) * step_s
    targets = np.zeros((steps, len(actions)), bool)
    for number, action in enumerate(actions):
        times = labels.filter(half=half, action=action)["time_s"].to_numpy()
        targets[:, number] = (np.abs(middles[:, None] - times) <= step_s).any(axis=1)
    return targets

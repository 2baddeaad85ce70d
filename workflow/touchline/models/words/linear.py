"""A linear model on the words of the commentary: the least that a text model must beat.

Time is cut into steps. A step is described by which hashed words and pairs of words are spoken in
seven windows around it, so that a word counts differently before and after the event. One logistic
regression per action says how likely an event is in the step.
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
from touchline.models.backend import Match
from touchline.models.peaks import suppress, to_predictions
from touchline.models.words.commentary_words import halves, spoken_words

# Steps before (-) and after (+) the described step, both ends included.
WINDOWS = ((-4, -2), (-1, -1), (0, 0), (1, 1), (2, 2), (3, 4), (5, 7))
HASH_SIZE = 2**18
# Chosen on the valid split (benchmarks/README.md).
DEFAULTS = {"step_s": 4.0, "alpha": 1e-6, "epochs": 5, "seed": 0}
# Spots below this are never written: with tuned thresholds none has been used below .03.
FLOOR = 0.01


def fit(study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
    """Train one logistic regression per action and write `model.safetensors` and `model.json`.

    It takes half a minute, so it leaves no checkpoints.
    Raises `InputError` when there is nothing to train on.
    """
    settings = DEFAULTS | settings
    step_s = settings["step_s"]
    indices, lengths, targets, actions = [], [], [], []
    for match in study:
        actions = match.samples["action"].unique(maintain_order=True).to_list()
        for half, lines, end_s in halves(match.samples):
            features = describe(spoken_words(lines), end_s, step_s)
            indices.append(features.indices)
            lengths.append(np.diff(features.indptr))
            targets.append(_targets(match.labels, half, actions, features.shape[0], step_s))
    if not targets:
        raise InputError("the train split has no samples, so there is nothing to train on.")
    x = _stack(indices, lengths)  # (steps of all halves, windows * hash size)
    y = np.concatenate(targets)  # (steps of all halves, actions)
    weights = np.zeros((len(actions), x.shape[1]), np.float32)
    biases = np.zeros(len(actions), np.float32)
    for number, action in enumerate(tqdm(actions, desc="training", unit="action")):
        if not y[:, number].any():
            biases[number] = -np.inf  # never seen, never answered
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
    """A trained model: confidences per step and action, thinned out to spots."""

    def __init__(self, weights: np.ndarray, biases: np.ndarray, actions: list, step_s: float):
        self.weights, self.biases = weights, biases  # (actions, features), (actions,)
        self.actions, self.step_s = actions, step_s
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the answers to the samples; spots are at least an interval apart."""
        spots = []
        radius = round(INTERVAL_S / self.step_s)
        for half, lines, end_s in halves(match.samples):
            features = describe(spoken_words(lines), end_s, self.step_s)
            confidences = expit(features @ self.weights.T + self.biases)  # (steps, actions)
            for action, confidence in zip(self.actions, confidences.T, strict=True):
                kept = suppress(confidence, radius, FLOOR)
                spots += [
                    (half, (step + 0.5) * self.step_s, action, float(confidence[step]))
                    for step in kept
                ]
        schema = {"half": pl.Int64, "time_s": pl.Float64, "action": pl.String, "confidence": float}
        return to_predictions(match.samples, pl.DataFrame(spots, schema=schema, orient="row"))


def load(settings: dict, folder: Path) -> Linear:
    """Load what `fit` wrote."""
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return Linear(**load_file(folder / "model.safetensors"), **described)


def describe(words: pl.DataFrame, end_s: float, step_s: float) -> sp.csr_matrix:
    """Return which words and pairs occur in each window of each step of a half.

    Shape (steps, windows * hash size); the entries of a row are equal and its length is 1.
    """
    steps = int(np.ceil(end_s / step_s))
    spoken = sp.csr_matrix((steps, HASH_SIZE), dtype=np.float32)
    if len(words):
        hasher = FeatureHasher(
            HASH_SIZE, input_type="string", alternate_sign=False, dtype=np.float32
        )
        hashed = hasher.transform(zip(words["word"], words["pair"], strict=True))
        step = np.minimum((words["time_s"].to_numpy() // step_s).astype(int), steps - 1)
        ones = np.ones(len(words), np.float32)
        gather = sp.csr_matrix((ones, (step, np.arange(len(words)))), shape=(steps, len(words)))
        spoken = gather @ hashed
    windows = []
    for first, last in WINDOWS:
        window = sp.csr_matrix((steps, steps), dtype=np.float32)
        for k in range(max(first, 1 - steps), min(last, steps - 1) + 1):
            window += sp.eye(steps, k=k, dtype=np.float32, format="csr")
        windows.append(window @ spoken)
    features = sp.hstack(windows, format="csr")
    features.sort_indices()
    return _normalised(features.indices, features.indptr)


def _normalised(indices: np.ndarray, indptr: np.ndarray) -> sp.csr_matrix:
    """Return the matrix with these non-zero places and rows of length 1."""
    counts = np.diff(indptr)
    data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    shape = (len(counts), len(WINDOWS) * HASH_SIZE)
    return sp.csr_matrix((data, indices.astype(np.int32), indptr), shape=shape)


def _stack(indices: list[np.ndarray], lengths: list[np.ndarray]) -> sp.csr_matrix:
    """Put the halves' features below each other, with one copy of them in memory at a time."""
    joined = np.concatenate(indices)
    indices.clear()
    return _normalised(joined, np.concatenate([[0], np.cumsum(np.concatenate(lengths))]))


def _targets(
    labels: pl.DataFrame, half: int, actions: list[str], steps: int, step_s: float
) -> np.ndarray:
    """Return whether an event of each action is within a step of each step's middle: (steps, actions)."""
    middles = (np.arange(steps) + 0.5) * step_s
    targets = np.zeros((steps, len(actions)), bool)
    for number, action in enumerate(actions):
        times = labels.filter(half=half, action=action)["time_s"].to_numpy()
        targets[:, number] = (np.abs(middles[:, None] - times) <= step_s).any(axis=1)
    return targets

"""Training of the linear text baseline: one logistic regression per action, by SGD."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp
from safetensors.numpy import save_file
from sklearn.linear_model import SGDClassifier
from tqdm import tqdm

from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.words import linear
from touchline.models.words.commentary_words import split_halves, timed_words
from touchline.models.words.linear import DEFAULTS, WINDOWS, step_features


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
            features, counts = step_features(timed_words(lines), end_s, step_s)
            indices.append(features.astype(np.int32))
            lengths.append(counts)
            targets.append(_targets(match.events, half, actions, len(counts), step_s))
    if not targets:
        raise InputError("the train split has no samples, so there is nothing to train on.")
    x = _stack(indices, lengths)  # (steps of all halves, features)
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


def _stack(indices: list[np.ndarray], lengths: list[np.ndarray]) -> sp.csr_matrix:
    """Return the halves' features stacked, with one copy of them in memory at a time.

    The matrix is binary, but each row is divided by its Euclidean norm.
    """
    joined = np.concatenate(indices)
    indices.clear()
    counts = np.concatenate(lengths)
    data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    shape = (len(counts), len(WINDOWS) * linear.HASH_SIZE)
    return sp.csr_matrix((data, joined, np.concatenate([[0], np.cumsum(counts)])), shape=shape)


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

"""Fit of a fused model: logistic regressions on the parents' evidence around each second.

The weights for an action's own evidence are first fitted for all actions together. Those of each
action are then fitted with that score as one more feature, which has hardly any penalty, so they
depart from the common weights as far as the action's own events warrant. All is fitted again without
each fold of the matches.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from touchline.core.files import write_text
from touchline.core.intervals import INTERVAL_S
from touchline.core.iou import max_distance_s
from touchline.core.problems import InputError
from touchline.data.folds import split_folds
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.fusion.evidence import (
    FLOOR,
    OWN,
    OWN_WINDOWS,
    make_features,
    read_evidence,
    rows_of,
)
from touchline.models.fusion.model_files import DESCRIPTION, SETTINGS, WEIGHTS
from touchline.models.peaks import TARGET_RADIUS_S

# Of the seconds far from all evidence and events only this share is fitted on, each for many.
KEPT_SHARE = 0.05
NEAR_EVIDENCE = np.log1p(0.01 / FLOOR)  # of at least .01 events a second in a window
NEAR = [number for number, (first, last) in enumerate(OWN_WINDOWS) if first >= -10 and last <= 10]
# Rows of an action; with many games, fewer of the seconds without an event are fitted on.
MOST_ROWS = 40_000
BLANKED_SHARE = 0.1  # of the rows have one parent blanked, to learn what a missing answer is worth
STRENGTH = 0.1  # inverse strength of the L2 penalty
LOOSE = 10.0  # scale of the common score among the features of an action
POOLED_ROWS = 4  # the common weights are fitted on every fourth row


class Rows(NamedTuple):
    """Seconds that an action is fitted on: features, targets, weight and match.

    The targets are whether an event is within each of the two distances.
    """

    x: np.ndarray  # (rows, features)
    y: np.ndarray  # (rows, 2)
    weight: np.ndarray
    match: np.ndarray

    def where(self, kept: np.ndarray | slice) -> "Rows":
        """Return some of the rows."""
        return Rows(*(column[kept] for column in self))

    def without(self, matches: Sequence[int]) -> "Rows":
        """Return the rows of all other matches."""
        return self.where(~np.isin(self.match, matches)) if matches else self


def fit(study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
    """Fit the model and write `model.safetensors` and `model.json`.

    It takes less than a minute, so it writes no checkpoints. Raises `InputError` for an unknown
    setting, and where there is nothing to fit on.
    """
    check_names(settings, SETTINGS)
    parents = settings.get("parents", [])
    # An event near the second, and one that an answer around the second matches.
    radii_s = np.array([TARGET_RADIUS_S, max_distance_s(settings.get("length_s", INTERVAL_S))])
    names, actions, tables = _read_rows(study, parents, radii_s)
    folds = [fold for fold in split_folds(names) if fold]
    held_out = [[names.index(name) for name in fold] for fold in folds if len(names) > 1]
    fits = [
        _fit_both([table.without(fold) for table in tables], len(parents), radii_s)
        for fold in tqdm([*held_out, []], desc="fitting", unit="fit")
    ]
    save_file(
        {
            "weights": np.stack([weights for weights, _ in fits]),
            "biases": np.stack([biases for _, biases in fits]),
        },
        folder / WEIGHTS,
    )
    description = {
        "parents": parents,
        "actions": actions,
        "fold_of": {name: number for number, fold in enumerate(folds) for name in fold},
    }
    write_text(folder / DESCRIPTION, json.dumps(description, indent=1))


def _read_rows(
    study: Iterable[Match], parents: Sequence[str], radii_s: np.ndarray
) -> tuple[list[str], list[str], list[Rows]]:
    """Return the names of the matches, the actions, and the rows of each action.

    Raises `InputError` where there is no match, and where a parent has answered nothing in any.
    """
    random = np.random.default_rng(0)
    names: list[str] = []
    parts: dict[str, list[Rows]] = {}  # by action, of each half
    has_answered = np.zeros(len(parents), bool)
    for match in study:
        parts = parts or {
            action: [] for action in match.samples["action"].unique(maintain_order=True)
        }
        for evidence in read_evidence(match, parents, list(parts)):
            has_answered |= ~evidence.unanswered.all(axis=(1, 2))
            own, other = make_features(evidence)
            events = match.events.filter(half=evidence.half)
            for number, (action, rows) in enumerate(parts.items()):
                times_s = events.filter(action=action)["time_s"].to_numpy()
                rows.append(_draw_rows(own, other, number, times_s, radii_s, len(names), random))
        names.append(match.name)
    if not names:
        raise InputError(
            "there is no labelled match that all parents have answered, so there is nothing to "
            "train on."
        )
    if not has_answered.all():
        parent = parents[int(np.argmin(has_answered))]
        raise InputError(
            f"{parent} has answered nothing in the {len(names)} matches that the fused model is "
            "fitted on, so what it is worth cannot be learnt. Take it out of parents, or set fit_on: "
            "scored if it can answer those."
        )
    tables = [
        _thin(Rows(*map(np.concatenate, zip(*halves, strict=True))), random)
        for halves in parts.values()
    ]
    for table in tables:
        _blank(table.x, len(parents), random)
    return names, list(parts), tables


def _draw_rows(
    own: np.ndarray, other: np.ndarray, action: int, times_s: np.ndarray, radii_s: np.ndarray,
    match: int, random: np.random.Generator,
) -> Rows:  # fmt: skip
    """Return the seconds of a half that an action is fitted on.

    They are all that are near an event or have evidence near, and a share of the others.
    """
    seconds = own.shape[-1]
    middles_s = np.arange(seconds) + 0.5
    distances_s = np.abs(middles_s[:, None] - times_s).min(axis=1, initial=np.inf)
    targets = distances_s[:, None] <= radii_s
    near = own[:, action, NEAR].max(axis=(0, 1))
    share = np.where(targets.any(axis=1) | (near > NEAR_EVIDENCE), 1.0, KEPT_SHARE)
    kept = random.random(seconds) < share
    x = rows_of(own[..., kept], other[..., kept], action).astype(np.float32)
    return Rows(x, targets[kept], 1 / share[kept], np.full(len(x), match))


def _thin(rows: Rows, random: np.random.Generator) -> Rows:
    """Return at most about `MOST_ROWS` rows: all with an event, and a share of the others."""
    is_event = np.any(rows.y, axis=1)
    share = min(1.0, max(0.1, (MOST_ROWS - is_event.sum()) / max(1, (~is_event).sum())))
    kept = is_event | (random.random(len(is_event)) < share)
    return rows._replace(weight=np.where(is_event, rows.weight, rows.weight / share)).where(kept)


def _blank(x: np.ndarray, parents: int, random: np.random.Generator) -> None:
    """Blank one parent in a share of the rows, as if it had not answered there."""
    if parents < 2:
        return
    blanked = random.integers(0, parents, len(x))
    blanked[random.random(len(x)) >= BLANKED_SHARE] = -1
    others = (x.shape[1] - parents * OWN) // parents
    for parent in range(parents):
        rows = np.flatnonzero(blanked == parent)
        first = parents * OWN + parent * others
        x[rows, first : first + others] = 0
        x[rows, parent * OWN : (parent + 1) * OWN - 1] = 0
        x[rows, (parent + 1) * OWN - 1] = 1


def _fit_both(
    tables: Sequence[Rows], parents: int, radii_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (2, actions, features) and biases (2, actions) of both regressions."""
    fits = []
    for target, radius_s in enumerate(radii_s):
        # Each event makes several seconds positive, which are one observation.
        of_target = [
            table._replace(y=table.y[:, target], weight=table.weight / (2 * radius_s))
            for table in tables
        ]
        fits.append(_fit_actions(of_target, parents))
    return np.stack([weights for weights, _ in fits]), np.stack([biases for _, biases in fits])


def _fit_actions(tables: Sequence[Rows], parents: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (actions, features) and biases (actions,) of the features as they are."""
    owns = parents * OWN
    own_scale = _scales(np.concatenate([table.x[:, :owns] for table in tables]))
    common = _fit_common(tables, own_scale)
    weights = np.zeros((len(tables), tables[0].x.shape[1]))
    biases = np.full(len(tables), -np.inf)  # of an action without events, which is never answered
    for number, table in enumerate(tables):
        if table.y.all() or not table.y.any():
            biases[number] = np.inf if table.y.any() else -np.inf
            continue
        scale = np.concatenate([own_scale, _scales(table.x[:, owns:])])
        score = table.x[:, :owns] @ common
        x = np.column_stack([LOOSE * score, table.x * scale.astype(float)])
        model = _regression().fit(x, table.y, table.weight)
        on_score, own = model.coef_[0, 0] * LOOSE, model.coef_[0, 1:]
        weights[number] = own * scale
        weights[number, :owns] += on_score * common
        biases[number] = model.intercept_[0]
    return weights, biases


def _fit_common(tables: Sequence[Rows], own_scale: np.ndarray) -> np.ndarray:
    """Return weights for an action's own evidence that hold for all actions together."""
    owns = len(own_scale)
    some = [table.where(slice(None, None, POOLED_ROWS)) for table in tables]
    y = np.concatenate([table.y for table in some])
    if y.all() or not y.any():
        return np.zeros(owns, np.float32)
    is_action = np.repeat(np.eye(len(some), dtype=np.float32), [len(table.y) for table in some], 0)
    x = np.concatenate([table.x[:, :owns] for table in some]) * own_scale.astype(float)
    weight = np.concatenate([table.weight for table in some]) * POOLED_ROWS
    model = _regression().fit(np.column_stack([x, is_action]), y, weight)
    return (model.coef_[0, :owns] * own_scale).astype(np.float32)


def _regression() -> LogisticRegression:
    # Newton's method, in 64 bits: far more rows than features, and the score is a sum of others.
    return LogisticRegression(C=STRENGTH, solver="newton-cholesky")


def _scales(x: np.ndarray) -> np.ndarray:
    """Return what gives each feature a standard deviation of 1; 0 for one that never varies."""
    deviation = x.std(axis=0)
    return np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0).astype(np.float32)

"""The contract of a model backend: what its module and its models must have.

A backend is a module with `load`; where it trains, a module with `fit` (the same one, or one of its
own: then another way to answer does not train again). Its row in `touchline.models.catalogue` names
both. A backend's `settings` are the model's entry in the configuration without what others read.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import polars as pl

from touchline.core.problems import Problem


class Match(NamedTuple):
    """A match to answer or to train on.

    `samples` (columns `schema.SAMPLES`); for training its events of all actions as `labels` (columns
    `schema.LABELS`); for models that read video the chunk manifests of its halves.
    """

    name: str
    samples: pl.DataFrame
    labels: pl.DataFrame | None = None
    manifests: Sequence[Path] = ()

    @property
    def events(self) -> pl.DataFrame:
        """Return the labels of a match of the train split; raise ValueError where it has none."""
        if self.labels is None:
            raise ValueError(f"{self.name}: a match to train on has labels")
        return self.labels


class Model(Protocol):
    """A model that answers matches; `problems` lists what went wrong with single chunks."""

    problems: list[Problem]

    def answer(self, match: Match) -> pl.DataFrame:
        """Return a row (columns `schema.PREDICTIONS`) for each row of the match's samples, in their order.

        Raises `InputError` where the match as a whole cannot be answered.
        """
        ...


class Backend(Protocol):
    """A backend's module, as it is asked."""

    def load(self, settings: dict, folder: Path | None) -> Model:
        """Return a model; `folder` holds what `fit` wrote, or is None for one that is not trained.

        Raises `InputError` for settings or a folder that make no model.
        """
        ...


class TrainableBackend(Protocol):
    """A backend's module, as it is trained."""

    def fit(self, study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
        """Train on `study`, one match of the train split at a time, and write into the empty `folder`.

        `checkpoints` outlives the job: a training that was cut off goes on from there. Raises
        `InputError` where there is nothing to train on, and `Unfinished` where its state was saved.
        """
        ...

"""The contract of a model backend: the protocols of its modules and of its models.

A backend is a module with `load` and, where it is trained, a module with `fit`: the same one, or a
separate one, so that a change of inference code does not train again. The backend's row in
`touchline.models.catalogue` names both. `settings` are the model's entry in the configuration
without what other stages read (`catalogue.settings_of`).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import polars as pl

from touchline.core import schema
from touchline.core.problems import InputError, Problem


class Match(NamedTuple):
    """A match to predict or to train on.

    `samples` has the columns `schema.SAMPLES`. For training, `labels` are the match's events of all
    actions (columns `schema.LABELS`). For models that read video, `manifests` are the chunk
    manifests of its halves. `scoreboards` are the files of `touchline scoreboard` of its halves, for
    models that answer from them. `answers` are those of other models by name (columns
    `schema.PREDICTIONS`), for models that join them. `further` are the lines of further transcripts
    (columns `schema.FURTHER`), for models that read several; those of the first are in the samples.
    """

    name: str
    samples: pl.DataFrame
    labels: pl.DataFrame | None = None
    manifests: Sequence[Path] = ()
    scoreboards: Sequence[Path] = ()
    answers: Mapping[str, pl.DataFrame] = {}  # read only; a mapping proxy cannot be pickled
    further: pl.DataFrame | None = None

    @property
    def events(self) -> pl.DataFrame:
        """Return the labels of a match of the train split; raise ValueError where it has none."""
        if self.labels is None:
            raise ValueError(f"{self.name}: a match of the train split needs labels")
        return self.labels


class Model(Protocol):
    """A loaded model; `problems` lists the chunks and labels that it could not process."""

    problems: list[Problem]

    def answer(self, match: Match) -> pl.DataFrame:
        """Return one row (columns `schema.PREDICTIONS`) per sample of the match, in their order.

        A sample whose chunk cannot be read gets the status `skipped`. Raises `InputError` where the
        match as a whole cannot be predicted.
        """
        ...


class Backend(Protocol):
    """The inference module of a backend."""

    def load(self, settings: dict, folder: Path | None) -> Model:
        """Return the model that `fit` wrote into `folder`, or the untrained one for None.

        Raises `InputError` for invalid settings or a folder without such a model.
        """
        ...


class TrainableBackend(Protocol):
    """The training module of a backend."""

    def fit(self, study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
        """Train on the matches of the train split, and write the model into the empty `folder`.

        `checkpoints` outlives the job: an interrupted training resumes from there. Raises
        `InputError` where there is nothing to train on, and `Unfinished` where its state was saved
        to resume.
        """
        ...


def trained_folder(folder: Path | None, file: str) -> Path:
    """Return the folder of a trained model; raise `InputError` where `file` is not in it."""
    if folder is None:
        raise InputError(
            "this model is trained before inference: give the folder of the trained model."
        )
    if not (folder / file).is_file():
        raise InputError(
            f"{folder}: no {file} there. Delete the folder; the model is trained again."
        )
    return folder


def read_answers(match: str, paths: Mapping[str, str]) -> dict[str, pl.DataFrame]:
    """Return the answers of other models to a match by name; the paths have `{match}`."""
    return {
        model: schema.read(path.format(match=match), schema.PREDICTIONS)
        for model, path in paths.items()
    }

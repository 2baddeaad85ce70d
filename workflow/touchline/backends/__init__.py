"""Model backends: what a backend is, and the table of them.

A backend is a module with

- `load(settings, folder)` → a model; `folder` holds what `fit` wrote, or is None for a model that
  is not trained;
- the model's `answer(match)` → a table with the columns of `schema.PREDICTIONS`, one row per row of
  the match's samples; what went wrong with single chunks is in its list `problems`, if it has one;
- where it trains, `fit(study, settings, folder, checkpoints)`, which writes the trained model into an
  existing, empty folder; `study` yields one match of the train split at a time, and `checkpoints`
  is a folder that outlives the job, for a training that goes on in the next one. Where a training
  takes long, `fit` has a module of its own: a change of how answers are made does not train again.

`settings` is the model's entry in the configuration without what others read. Modules are imported
on use, so that a text-only study never loads torch.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import polars as pl

from touchline.problems import InputError


class Match(NamedTuple):
    """A match to answer or to train on.

    `samples` (columns `schema.SAMPLES`); for training its events of all actions as `labels` (columns
    `schema.LABELS`); for models that read video the chunk manifests of its halves.
    """

    name: str
    samples: pl.DataFrame
    labels: pl.DataFrame | None = None
    manifests: Sequence[Path] = ()


class Backend(NamedTuple):
    """Where a backend is, and what it needs.

    `training` is the module of its `fit`, if it trains, which writes a log of its steps (`log.parquet`)
    where it `logs`; `sees`: it can read video; `converses`: it is asked in words, so it takes open questions; `relabels`: it
    reads files with SoccerNet's labels, so its settings get `labels`, label → action; `answering`: those
    of its settings that `fit` does not read, so that another value does not train again. Backends with
    the environment `models` run a language model here.
    """

    module: str
    training: str | None = None
    sees: bool = False
    converses: bool = False
    logs: bool = False
    relabels: bool = False
    answering: tuple[str, ...] = ()
    environment: str = "tables"  # envs/*.yaml


_DECODING = ("max_new_tokens", "candidates")
BACKENDS = {
    "constant": Backend("touchline.backends.constant"),
    "linear": Backend("touchline.backends.linear", training="touchline.backends.linear"),
    "tcn": Backend(
        "touchline.backends.tcn",
        training="touchline.backends.tcn_fit",
        answering=("length_s",),
        environment="networks",
    ),
    "external": Backend("touchline.backends.external", relabels=True),
    "vlm": Backend(
        "touchline.backends.vlm",
        training="touchline.backends.vlm_fit",
        sees=True,
        converses=True,
        logs=True,
        answering=_DECODING,
        environment="models",
    ),
    "causal_lm": Backend(
        "touchline.backends.causal_lm",
        training="touchline.backends.causal_lm_fit",
        converses=True,
        logs=True,
        answering=_DECODING,
        environment="models",
    ),
    "openai_api": Backend("touchline.backends.openai_api", converses=True, environment="api"),
}


# Of a model's entry: what the plan or the score reads, not the backend.
_OTHERS_SETTINGS = ("backend", "threshold", "fine_tune")


def is_trained(entry: dict) -> bool:
    """Say whether a model, by its entry in the configuration, is trained before it is asked."""
    return BACKENDS[entry["backend"]].training is not None and entry.get("fine_tune", True)


def sees_video(entry: dict) -> bool:
    """Say whether a model reads the chunks' videos."""
    inputs = entry.get("prompt", {}).get("inputs", ["video", "commentary"])
    return BACKENDS[entry["backend"]].sees and "video" in inputs


def settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return a backend's `settings`; `labels` are the configuration's."""
    own = {key: entry[key] for key in entry if key not in _OTHERS_SETTINGS}
    return own | {"labels": labels} if BACKENDS[entry["backend"]].relabels else own


def training_settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return those of a backend's `settings` that its training depends on."""
    settings, answering = settings_of(entry, labels), BACKENDS[entry["backend"]].answering
    return {key: settings[key] for key in settings if key not in answering}


def load_module(name: str) -> ModuleType:
    """Import a backend by its name in the configuration."""
    return importlib.import_module(_find(name, list(BACKENDS)).module)


def load_training(name: str) -> ModuleType:
    """Import the module that trains a backend."""
    training = [backend for backend, entry in BACKENDS.items() if entry.training]
    return importlib.import_module(_find(name, training).training)


def _find(name: str, known: list[str]) -> Backend:
    if name not in known:
        what = "backend that trains" if name in BACKENDS else "backend"
        raise InputError(f"{name}: there is no such {what}. There are {', '.join(known)}.")
    return BACKENDS[name]

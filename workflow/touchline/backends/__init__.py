"""Model backends: what a backend is, and the table of them.

A backend is a module with

- `load(settings, folder)` → a model; `folder` holds what `fit` wrote, or is None where it wrote nothing;
- the model's `answer(samples)` → a table with the columns of `schema.PREDICTIONS`, one row per row
  of `samples` (columns `schema.SAMPLES`), which are those of one match;
- where it trains, `fit(study, settings, folder)`, which writes the trained model into an existing,
  empty folder; `study` yields a `Match` of the train split at a time.

`settings` is the model's entry in the configuration. Modules are imported on use, so that a
text-only study never loads torch.
"""

import importlib
from types import ModuleType
from typing import NamedTuple

import polars as pl

from touchline.problems import InputError


class Match(NamedTuple):
    """A match to train on: its samples, and its events of all actions (columns `schema.LABELS`)."""

    name: str
    samples: pl.DataFrame
    labels: pl.DataFrame


class Backend(NamedTuple):
    """Where a backend is, and whether it has a `fit`."""

    module: str
    trains: bool


BACKENDS = {
    "constant": Backend("touchline.backends.constant", trains=False),
    "linear": Backend("touchline.backends.linear", trains=True),
}


def load_module(name: str) -> ModuleType:
    """Import a backend by its name in the configuration."""
    if name not in BACKENDS:
        raise InputError(f"no backend '{name}'. There are {', '.join(BACKENDS)}.")
    return importlib.import_module(BACKENDS[name].module)

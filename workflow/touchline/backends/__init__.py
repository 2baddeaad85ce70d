"""Model backends: what a backend is.

A backend is a module of this package with

- `load(settings, folder)` → a model; `folder` holds what `fit` wrote, or is None for a model that
  is not trained;
- the model's `answer(match)` → a table with the columns of `schema.PREDICTIONS`, one row per row of
  the match's samples; what went wrong with single chunks is in its list `problems`, if it has one;
- where it trains, `fit(study, settings, folder, checkpoints)`, which writes the trained model into an
  existing, empty folder; `study` yields one match of the train split at a time, and `checkpoints`
  is a folder that outlives the job, for a training that goes on in the next one. Where training takes
  long, `fit` is in a module of its own, `<backend>_fit`: then another way to answer does not train again.

`settings` is the model's entry in the configuration without what others read. Modules are imported
on use, so that a text-only study never loads torch. What the rules know about each backend is in `catalogue`,
apart from here: a new row there is not another code of those that are there already.
"""

import importlib
from collections.abc import Sequence
from importlib.util import find_spec
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


def module_of(backend: str, training: bool = False) -> str:
    """Return the name of the module of a backend, or of the one that trains it."""
    # By its name: the catalogue is no part of the code of a stage or a backend.
    catalogue = importlib.import_module(f"{__name__}.catalogue").BACKENDS
    known = [name for name, entry in catalogue.items() if entry.trains or not training]
    if backend not in known:
        what = "backend that trains" if training else "backend"
        raise InputError(f"'{backend}': no such {what}. There are {', '.join(known)}.")
    own = f"{__name__}.{backend}"
    return f"{own}_fit" if training and find_spec(f"{own}_fit") else own


def load_module(backend: str, training: bool = False) -> ModuleType:
    """Import a backend, or the module that trains it, by its name in the configuration."""
    return importlib.import_module(module_of(backend, training))

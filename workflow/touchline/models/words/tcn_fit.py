"""Training of the temporal convolutional networks; finished networks are kept as checkpoints."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file, save_file

from touchline.core import cli
from touchline.core.files import atomic_file, write_text
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.words.commentary_words import split_transcripts
from touchline.models.words.features import (
    Half,
    build_vocabulary,
    count_words,
    encode_half,
    index_events,
)
from touchline.models.words.lsa import lsa_vectors
from touchline.models.words.tcn_network import train_network
from touchline.models.words.tcn_settings import TRAINING_DEFAULTS


def fit(study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
    """Train the ensemble and write `model.safetensors`, `model.json` and `words.json`.

    Of a half with several transcripts, each window has some at random, as one.

    A finished network is kept in `checkpoints`, so an interrupted training does not repeat it. All
    actions of the labels are learnt, also those of which there is no sample. Raises `InputError`
    for an unknown setting, and where there is nothing to train on.
    """
    check_names(settings, [*TRAINING_DEFAULTS, "length_s", "grids"])
    settings = TRAINING_DEFAULTS | settings
    parts: list[tuple[int, list[pl.DataFrame], float, pl.DataFrame]] = []
    counts: Counter[str] = Counter()
    labelled: set[str] = set()
    for match in study:
        for half, transcripts, end_s in split_transcripts(match):
            for lines in transcripts:
                counts.update(count_words(lines))
            parts.append((half, transcripts, end_s, match.events))
        labelled.update(match.events["action"])
    if not parts:
        raise InputError("the train split has no samples, so there is nothing to train on.")
    transcripts_of_half = sum(len(transcripts) for _, transcripts, _, _ in parts) / len(parts)
    vocabulary = build_vocabulary(counts, settings["min_count"] * transcripts_of_half)
    actions = sorted(labelled)
    halves = [
        [
            encode_half(half, lines, end_s, vocabulary, index_events(events, half, actions))
            for lines in transcripts
        ]
        for half, transcripts, end_s, events in parts
    ]
    del parts, counts
    vectors = lsa_vectors(halves, len(vocabulary), settings["channels"])
    weights = _train_all(halves, vectors, len(actions), settings, checkpoints)
    for name, content in (
        ("words", list(vocabulary)),
        ("model", {"actions": actions, **{key: settings[key] for key in ("step_s", "layers")}}),
    ):
        write_text(folder / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False))
    save_file(weights, folder / "model.safetensors")


def _train_all(
    halves: list[list[Half]], vectors: np.ndarray, actions: int, settings: dict, checkpoints: Path
) -> dict[str, torch.Tensor]:
    """Return the weights of all networks, as many trained in parallel as there are threads."""
    paths = [
        checkpoints / f"network{number}.safetensors" for number in range(settings["ensemble_size"])
    ]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    arguments = (missing, paths, halves, vectors, actions, settings)
    processes = min(cli.given_threads(), len(missing))  # of one thread each
    if processes:
        started = torch.multiprocessing.start_processes(
            _train_some, (processes, *arguments), processes, join=False
        )
        try:
            while not started.join():  # raises when one of them has failed
                pass
        finally:
            for process in started.processes:
                process.terminate()
    return {
        f"{number}.{name}": value
        for number, path in enumerate(paths)
        for name, value in load_file(path).items()
    }


def _train_some(
    process: int, processes: int, missing: list[int], paths: list[Path], halves: list[list[Half]],
    vectors: np.ndarray, actions: int, settings: dict,
) -> None:  # fmt: skip
    """Train the share of one process: every `processes`-th of the missing networks."""
    for number in missing[process::processes]:
        seed = settings["seed"] * settings["ensemble_size"] + number
        weights = train_network(halves, vectors, actions, settings, seed, process)
        with atomic_file(paths[number]) as partial:
            save_file(weights, partial)

"""Answers of one model to the halves of a user's own video, and the threshold that they have to reach."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import polars as pl

from touchline.core import cli
from touchline.core.problems import InputError
from touchline.data.samples import make_samples
from touchline.evaluation.thresholds import read_thresholds
from touchline.models import catalogue
from touchline.models.backend import Match
from touchline.reels.highlights import HalfVideo
from touchline.reels.query import Query
from touchline.video.chunks import chunk_half
from touchline.video.grid import Box, ChunkSettings

# Backends that answer without looking at anything, or from a file of their own.
SCOREBOARD = "scoreboard"
NEED_NO_INPUT = ("constant", "external", SCOREBOARD)


def can_answer(entry: dict, lines: pl.DataFrame) -> bool:
    """Say whether a model has something to answer from; the score's goals are joined without one."""
    if entry["backend"] == SCOREBOARD:
        return False
    has_input = catalogue.reads_video(entry) or not lines.is_empty()
    return has_input or entry["backend"] in NEED_NO_INPUT


def run_model(
    config: dict,
    model: str,
    trained: Path | None,
    match: str,
    halves: dict[int, HalfVideo],
    are_parts: bool,
    lines: pl.DataFrame,
    actions: Sequence[str],
    work: Path,
    is_open: bool = False,
) -> pl.DataFrame:
    """Return a model's answers (`schema.PREDICTIONS`) for each half.

    `trained` is the folder of the trained model; `are_parts` says that the halves are parts of
    their videos; chunks are written into the folder `work`; `is_open` says that the action is an open
    question. Raises `InputError` for a model that
    reads commentary alone where there is none.
    """
    entry = config["models"][model]
    reads_video = catalogue.reads_video(entry)
    if not reads_video and lines.is_empty() and entry["backend"] not in NEED_NO_INPUT:
        raise InputError(
            f"{model} reads commentary alone, and there is none. Give --commentary, or a model "
            "that reads video (vlm)."
        )
    if reads_video and (late := [n for n, half in halves.items() if half.start_s < 0]):
        raise InputError(
            f"half {late[0]} began before its video, and {model} reads video in chunks of whole "
            "halves. Give the halves with --halves."
        )
    durations = {number: half.duration_s for number, half in halves.items()}
    grid = config["grid"]
    samples = make_samples(lines, durations, list(actions), grid["length_s"], grid["overlap_s"])
    manifests = []
    if reads_video:
        cutting = config["chunks"]
        given = cutting["score_bug"]  # auto is for a study
        box = Box(**given) if isinstance(given, dict) else None
        chunk_settings = ChunkSettings(
            grid["length_s"], grid["overlap_s"], cutting["fps"], cutting["height"], box
        )
        for number, half in halves.items():
            manifests.append(work / f"{number}.parquet")
            cli.report(
                chunk_half(
                    cast(Path, half.video),
                    match,
                    number,
                    work / str(number),
                    manifests[-1],
                    chunk_settings,
                    span_s=(half.start_s, half.duration_s) if are_parts else None,
                )
            )
    settings_of = catalogue.open_question_settings_of if is_open else catalogue.settings_of
    settings = settings_of(entry, config["labels"])
    loaded = catalogue.load_backend(entry["backend"]).load(settings, trained)
    try:
        answers = loaded.answer(Match(match, samples, manifests=manifests))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    cli.report(loaded.problems)
    return answers


def trained_folder(config: dict, model: str, given: Path | None) -> Path | None:
    """Return the folder of a trained model, None for a model that is not trained.

    Raises `InputError` where the folder does not exist, and for a model that joins the answers of
    others, which only a study has.
    """
    entry = config["models"][model]
    if parents := catalogue.parents_of(entry):
        raise InputError(
            f"{model} joins the answers of {', '.join(parents)}, which a study makes. Name one of "
            "these, or run the workflow with a query."
        )
    if not catalogue.is_trained(entry):
        return None
    folder = given or Path(f"results/models/{entry.get('trained_as', model)}")
    if not folder.is_dir():
        raise InputError(
            f"{model} has to be trained, and there is no {folder}. Run the workflow with it in "
            "`compare`, or name the folder with --folder."
        )
    return folder


def threshold_of(
    entry: dict, model: str, folder: Path | None, query: Query, given: float | None
) -> float | dict[str, float]:
    """Return the given threshold, else the model's own, tuned where a run tuned it.

    The tuned ones are in the results that hold the model's folder, `results/models/<model>`.
    """
    if given is not None:
        return given
    threshold = entry.get("threshold", 0.0)
    if threshold != "tuned":
        is_open = query.open_text is not None
        return catalogue.open_question_threshold(entry) if is_open else threshold
    results = Path(os.path.abspath(folder or f"results/models/{model}")).parents[1]
    tuned = results / f"scores/{model}.thresholds.csv"
    if query.open_text is None and tuned.is_file():
        return read_thresholds(tuned)
    print(f"No tuned thresholds of {model} ({tuned}): every answer counts. Set --threshold.")
    return 0.0

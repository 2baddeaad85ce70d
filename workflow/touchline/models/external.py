"""The published answers of any other system: its `results_spotting.json` files, in a folder or a zip.

A spot becomes the 12 s around it. Everything else (thresholds, scores, tables) is as for every model.
"""

from pathlib import Path

import polars as pl

from touchline.core import actions
from touchline.core.problems import NOTED, InputError, Problem
from touchline.data import spotting_json
from touchline.models.backend import Match
from touchline.models.peaks import to_predictions


class External:
    """Reads the answers to a match; `labels` maps the file's labels to the study's actions."""

    def __init__(self, path: Path, labels: dict[str, str]) -> None:
        self.path, self.labels = path, labels
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the answers; spots of actions that are not asked for, and outside the chunks, drop out.

        Raises `InputError` when there is no sound file for the match, or no label of it is known.
        """
        spots = spotting_json.read_spots(self.path, match.name)
        asked = match.samples["action"].unique().to_list()
        # Our own exports name an action that joins several labels by the action's name.
        known = {actions.action_name(action): action for action in asked} | self.labels
        unknown = sorted(set(spots["label"]) - known.keys())
        if unknown and len(unknown) == spots["label"].n_unique():
            raise InputError(
                f"{self.path}: {match.name}: no known label, but {', '.join(unknown)}. "
                "Add them under labels: in the configuration."
            )
        if unknown:
            self.problems.append(
                Problem(
                    match.name, "infer", f"unknown labels {', '.join(unknown)}.",
                    "Nothing to do if the study does not ask for them.", NOTED, file=str(self.path),
                )
            )  # fmt: skip
        action = pl.col("label").replace_strict(known, default=None, return_dtype=pl.String)
        return to_predictions(match.samples, spots.with_columns(action=action).drop_nulls("action"))


def load(settings: dict, folder: Path | None) -> External:
    """Return the model; `path` is its folder or zip, `labels` the study's label → action."""
    return External(Path(settings["path"]), settings["labels"])

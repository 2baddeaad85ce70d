"""Fused model: joins the answers of other models of the run, its parents. `fused_fit` fits it.

A logistic regression gives the probability of an event of each action near each second of a half
from the parents' evidence around it (late fusion), from which intervals are chosen. A second one
gives the probability that an interval around the second matches an event: its confidence. A
match that the model was fitted on is answered by the fit to the other folds of these matches.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import load_file
from scipy.special import expit

from touchline.core.intervals import INTERVAL_S
from touchline.core.problems import NOTED, InputError, Problem
from touchline.core.schema import fill_predictions
from touchline.models.backend import Match, trained_folder
from touchline.models.check_settings import check_names
from touchline.models.fusion.evidence import KEY, UNANSWERED, make_features, read_evidence, rows_of
from touchline.models.fusion.model_files import DESCRIPTION, SETTINGS, WEIGHTS
from touchline.models.peaks import choose_intervals, event_rates

STEP_S = 1.0


class Fused:
    """A fitted model; its intervals are `length_s` long.

    `weights` (fits, 2, actions, features) and `biases` (fits, 2, actions) are those of the two
    regressions, fitted without each fold and last to all matches. `fold_of` is the fold of each of these matches.
    """

    def __init__(
        self, parents: list[str], actions: list[str], fold_of: dict[str, int],
        weights: np.ndarray, biases: np.ndarray, length_s: float,
    ) -> None:  # fmt: skip
        self.parents, self.actions, self.fold_of = parents, actions, fold_of
        self.weights, self.biases, self.length_s = weights, biases, length_s
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the joined answers; a sample that no parent has answered is `skipped`.

        Raises `InputError` where the answers of a parent are missing, or are to other samples.
        """
        fit = self.fold_of.get(match.name, -1)
        tables = []
        for evidence in read_evidence(match, self.parents, self.actions):
            own, other = make_features(evidence)
            rates, confidences = {}, {}
            for number, action in enumerate(self.actions):
                log_odds = rows_of(own, other, number) @ self.weights[fit, :, number].T
                near, matching = expit(log_odds + self.biases[fit, :, number]).T
                rates[action], confidences[action] = event_rates(near, STEP_S), matching
            samples = match.samples.filter(half=evidence.half)
            tables.append(choose_intervals(samples, rates, STEP_S, self.length_s, confidences))
        if not tables:
            return fill_predictions(match.samples.clear())
        self._note(match)
        is_skipped = pl.all_horizontal(
            match.answers[parent]["status"].is_in(UNANSWERED) for parent in self.parents
        )
        nothing = pl.lit([], dtype=pl.List(pl.Float32))
        return pl.concat(tables).with_columns(
            intervals=pl.when(is_skipped)
            .then(pl.col("intervals").list.head(0))
            .otherwise("intervals"),
            rates=pl.when(is_skipped).then(nothing).otherwise("rates"),
            status=pl.when(is_skipped).then(pl.lit("skipped")).otherwise("status"),
        )

    def _note(self, match: Match) -> None:
        """Note the chunks that a parent left without any answer, and an answer that is no test."""
        for parent in self.parents:
            is_left = pl.col("status").is_in(UNANSWERED).all()
            chunks = match.answers[parent].group_by(KEY[:2]).agg(is_left)["status"]
            if chunks.any():
                self._add(
                    match,
                    f"{parent} gave no answer in {chunks.sum()} of {len(chunks)} chunks.",
                    f"The answers of the others are joined there. See the problems of {parent}.",
                )
        if self.fold_of.get(match.name, -1) == len(self.weights) - 1:
            self._add(
                match,
                "it is the only match that the fused model is fitted on, so that its answers there "
                "are no test.",
                "Label another match of the split.",
            )

    def _add(self, match: Match, text: str, remedy: str) -> None:
        self.problems.append(Problem(match.name, "infer", text, remedy, NOTED))


def load(settings: dict, folder: Path | None) -> Fused:
    """Load the model that `fused_fit.fit` wrote; raise `InputError` where there is none."""
    check_names(settings, SETTINGS)
    folder = trained_folder(folder, WEIGHTS)
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    if description["parents"] != settings.get("parents"):
        raise InputError(
            f"{folder}: joins {', '.join(description['parents'])}. Delete the folder; the model is "
            "fitted again."
        )
    stored = load_file(folder / WEIGHTS)
    return Fused(
        **description,
        weights=stored["weights"],
        biases=stored["biases"],
        length_s=settings.get("length_s", INTERVAL_S),
    )

"""Constant baseline: the middle of every chunk is answered for every action, whatever the input."""

from pathlib import Path

import polars as pl

from touchline.core import schema
from touchline.core.intervals import INTERVAL_S
from touchline.core.problems import Problem
from touchline.models.backend import Match
from touchline.models.check_settings import check_names


class Constant:
    """Predicts the middle `length_s` seconds of each chunk, cut to the chunk, with confidence 1."""

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return one interval for every sample."""
        middle = (pl.col("start_s") + pl.col("end_s")) / 2
        interval = pl.struct(
            start_s=pl.max_horizontal(middle - self.length_s / 2, "start_s"),
            end_s=pl.min_horizontal(middle + self.length_s / 2, "end_s"),
            confidence=pl.lit(1.0),
        )
        return schema.fill_predictions(
            match.samples.select(
                "half", "chunk", "action", intervals=pl.concat_list(interval), status=pl.lit("ok")
            )
        )


def load(settings: dict, folder: Path | None) -> Constant:
    """Return the baseline; `length_s` defaults to the length of an event's interval.

    Raises `InputError` for an unknown setting.
    """
    check_names(settings, ["length_s"])
    return Constant(float(settings.get("length_s", INTERVAL_S)))

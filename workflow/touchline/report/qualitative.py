"""Moments to look at: answers of a model that are right or invented, and events that it missed.

Each comes with the commentary around it, so that a reader sees what the model could have known.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from touchline.core import actions, schema
from touchline.evaluation.matching import pairs

EACH = 3  # moments of a kind
AROUND_S = 20.0  # commentary before and after
LINES = 8
FAR_S = 30.0  # from any event of the action: what is nearer is late, early or in the next chunk


class Moment(NamedTuple):
    """A moment of a half: what should be or was said to be there, and the commentary around it."""

    match: str
    half: int
    clock: str
    action: str
    confidence: float | None
    lines: list[str]


def clock(time_s: float) -> str:
    """Return a time in a half as mm:ss."""
    return f"{int(time_s // 60):02d}:{int(time_s % 60):02d}"


def choose(truths: pl.DataFrame, answers: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the most confident right and invented answers, and some missed events.

    Tables with match, half, action, time_s and confidence (empty for events). No two of a kind are of
    one match while there are other matches.
    """
    said = answers.filter("counted")
    hits = pairs(said, truths)
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    said = said.with_columns(
        time_s=middle, is_hit=pl.int_range(pl.len()).is_in(hits["answer"].implode())
    )
    event = truths.select("match", "half", "action", event_s="time_s")
    near = (
        said.with_row_index("answer")
        .join(event, on=["match", "half", "action"])
        .filter((pl.col("time_s") - pl.col("event_s")).abs() < FAR_S)
    )
    is_far = ~pl.int_range(pl.len()).is_in(near["answer"].implode())
    missed = truths.filter(~pl.int_range(pl.len()).is_in(hits["truth"].implode()))
    missed = missed[np.random.default_rng(0).permutation(len(missed))]
    found = {
        "right": said.filter("is_hit"),
        "invented": said.filter(is_far),
        "missed": missed.with_columns(confidence=pl.lit(None, pl.Float64)),
    }
    columns = ["match", "half", "action", "time_s", "confidence"]
    return {
        kind: table.select(columns)
        .sort("confidence", descending=True, nulls_last=True, maintain_order=True)
        .with_columns(turn=pl.int_range(pl.len()).over("match"))
        .sort("turn", maintain_order=True)
        .head(EACH)
        .select(columns)
        for kind, table in found.items()
    }


def describe(table: pl.DataFrame, samples: str) -> list[Moment]:
    """Return the moments with their commentary; `samples` is a path with `{match}`."""
    moments = []
    for match, half, action, time_s, confidence in table.iter_rows():
        said = lines_of(schema.read(samples.format(match=match), schema.SAMPLES))
        texts = [f"{clock(start_s)} {text}" for start_s, text in spoken(said, half, time_s, LINES)]
        moments.append(
            Moment(match, half, clock(time_s), actions.action_name(action), confidence, texts)
        )
    return moments


def lines_of(samples: pl.DataFrame) -> pl.DataFrame:
    """Return the commentary in a match's samples (columns `schema.COMMENTARY`), each line once."""
    lines = samples.select("half", "lines").explode("lines").drop_nulls("lines").unnest("lines")
    return lines.unique(maintain_order=True)


def spoken(lines: pl.DataFrame, half: int, time_s: float, most: int) -> list[tuple[float, str]]:
    """Return the lines (start_s, text) nearest to a moment, in time."""
    near = (
        lines.filter(
            pl.col("half") == half,
            pl.col("start_s") < time_s + AROUND_S,
            pl.col("end_s") > time_s - AROUND_S,
        )
        .sort((pl.col("start_s") - time_s).abs(), maintain_order=True)
        .head(most)
        .sort("start_s", maintain_order=True)
    )
    return list(near.select("start_s", "text").iter_rows())

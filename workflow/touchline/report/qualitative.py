"""Qualitative examples: right answers, hallucinations and missed events, with commentary."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from touchline.core import actions, schema
from touchline.core.clock import format_time
from touchline.data.match_names import written_name
from touchline.evaluation.matching import pairs

MOMENTS = 3  # of each kind
AROUND_S = 20.0  # commentary shown before and after a moment
LINES = 8  # of commentary at most
# An answer nearer than this to an event of its action is not called invented: it may be early, late
# or in the neighbouring chunk.
FAR_S = 30.0


class Moment(NamedTuple):
    """A moment with the action that happened or was answered, and the commentary around it."""

    match: str
    half: int
    clock: str
    action: str
    confidence: float | None
    lines: list[str]


def choose_moments(truths: pl.DataFrame, answers: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the most confident right and invented answers, and missed events drawn at random.

    Tables with match, half, action, time_s and confidence (null for events), of at most `MOMENTS`
    rows. Two moments of a kind are from different matches where there are enough matches.
    """
    counted = answers.filter("counted")
    hits = pairs(counted, truths)
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    counted = counted.with_columns(
        time_s=middle, is_hit=pl.int_range(pl.len()).is_in(hits["answer"].implode())
    )
    event = truths.select("match", "half", "action", event_s="time_s")
    near = (
        counted.with_row_index("answer")
        .join(event, on=["match", "half", "action"])
        .filter((pl.col("time_s") - pl.col("event_s")).abs() < FAR_S)
    )
    is_far = ~pl.int_range(pl.len()).is_in(near["answer"].implode())
    missed = truths.filter(~pl.int_range(pl.len()).is_in(hits["truth"].implode()))
    missed = missed[np.random.default_rng(0).permutation(len(missed))]
    candidates = {
        "right": counted.filter("is_hit"),
        "invented": counted.filter(is_far),
        "missed": missed.with_columns(confidence=pl.lit(None, pl.Float64)),
    }
    columns = ["match", "half", "action", "time_s", "confidence"]
    return {
        kind: table.select(columns)
        .sort("confidence", descending=True, nulls_last=True, maintain_order=True)
        .with_columns(rank_in_match=pl.int_range(pl.len()).over("match"))
        .sort("rank_in_match", maintain_order=True)
        .head(MOMENTS)
        .select(columns)
        for kind, table in candidates.items()
    }


def describe_moments(
    table: pl.DataFrame, samples: str, titles: Mapping[str, str] | None = None
) -> list[Moment]:
    """Return moments of `choose_moments` with commentary; `samples` is a path with `{match}`.

    `titles` are the names of matches as people write them (`match_names.written_name`).
    """
    moments = []
    for match, half, action, time_s, confidence in table.iter_rows():
        commentary = commentary_of(schema.read(samples.format(match=match), schema.SAMPLES))
        lines = [
            f"{format_time(start_s)} {text}"
            for start_s, text in nearest_lines(commentary, half, time_s, LINES)
        ]
        action_name = actions.action_name(action)
        title = (titles or {}).get(match, written_name(match))
        moments.append(Moment(title, half, format_time(time_s), action_name, confidence, lines))
    return moments


def commentary_of(samples: pl.DataFrame) -> pl.DataFrame:
    """Return the commentary in a match's samples (columns `schema.COMMENTARY`), each line once."""
    lines = samples.select("half", "lines").explode("lines").drop_nulls("lines").unnest("lines")
    return lines.unique(maintain_order=True)


def nearest_lines(
    lines: pl.DataFrame, half: int, time_s: float, limit: int
) -> list[tuple[float, str]]:
    """Return the commentary lines (start_s, text) nearest to a moment, in order of time.

    `lines` has the columns `schema.COMMENTARY`. At most `limit` lines within `AROUND_S` are
    returned.
    """
    near = (
        lines.filter(
            pl.col("half") == half,
            pl.col("start_s") < time_s + AROUND_S,
            pl.col("end_s") > time_s - AROUND_S,
        )
        .sort((pl.col("start_s") - time_s).abs(), maintain_order=True)
        .head(limit)
        .sort("start_s", maintain_order=True)
    )
    return list(near.select("start_s", "text").iter_rows())

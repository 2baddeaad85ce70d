"""Invented matches with a fixed phrase 2 s after each event, and a model's F1 on them."""

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.evaluation.matching import answer_intervals, count, truth_intervals
from touchline.models.backend import Match

ACTIONS = ["goal", "foul", "offside"]
PHRASES = {"goal": "it is in the net", "foul": "he brings him down"}
KEY = ["half", "chunk", "action"]


def make_match(seed, actions=ACTIONS, phrases=PHRASES, half_s=600.0, silent=False, share_true=1.0):
    """Return a match of two halves.

    A fraction `share_true` of the phrases follow an event; the others follow nothing.
    """
    random = np.random.default_rng(seed)
    segments, events = [], []
    for half in (1, 2):
        for start in np.arange(0, half_s - 4, 4.0):
            words = random.choice(["ball", "to", "left", "and", "wide", "pass", "him"], 8)
            segments.append((half, start, start + 4, " ".join(words)))
        for moment in np.arange(30.0, half_s - 20, 45.0) + random.integers(0, 20):
            action = ["goal", "foul"][random.integers(2)]
            if share_true == 1 or random.random() < share_true:
                events.append((half, moment, action, action, None, None))
            segments.append((half, moment + 2, moment + 4, phrases[action]))
    lines = pl.DataFrame([] if silent else segments, schema.COMMENTARY, orient="row")
    samples = make_samples(lines, {1: half_s, 2: half_s}, actions, 60.0, 0.0)
    return Match(f"match{seed}", samples, pl.DataFrame(events, schema.LABELS, orient="row"))


def f1_of(answers, match):
    """Return the F1 of answers of confidence above 0.5, with one-to-one matching."""
    name = pl.lit(match.name).alias("match")
    samples = match.samples.with_columns(name)
    predicted = answer_intervals(answers.with_columns(name)).filter(pl.col("confidence") > 0.5)
    table = count(samples, truth_intervals(samples, match.labels), predicted)
    row = table.filter(protocol="full", matching="one").select("tp", "fp", "fn").sum()
    tp, fp, fn = row.row(0)
    return 2 * tp / (2 * tp + fp + fn)

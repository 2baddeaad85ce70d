"""The figures of the real data, counted in one process.

TOUCHLINE_SOCCERNET names a folder with SoccerNet/, sn-echoes/ and half_lengths.csv.
"""

import os
import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from touchline.data import sheet
from touchline.data.commentary import read_commentary
from touchline.data.labels import read_labels
from touchline.data.loops import collapse_loops
from touchline.data.samples import make_samples
from touchline.evaluation.matching import answer_intervals, count, truth_intervals
from touchline.models import constant, shipped_bases
from touchline.models.backend import Match
from touchline.models.catalogue import settings_of
from touchline.models.words import tcn

CONFIG = Path(__file__).parents[2] / "config.yaml"
BASELINE_COUNTS = {
    ("full", "many"): {"samples": 64267, "tp": 1935, "fp": 62346, "fn": 7166},
    ("full", "one"): {"samples": 64267, "tp": 1921},
    ("positives", "many"): {"samples": 8594, "tp": 1935, "fp": 6673, "fn": 7166},
}


@pytest.fixture(scope="module")
def halves():
    """The sheet of all games, or a skip; where CI is set, a missing folder is a failure."""
    folder = os.environ.get("TOUCHLINE_SOCCERNET")
    if not folder:
        reason = "TOUCHLINE_SOCCERNET names no folder with SoccerNet/, sn-echoes/, half_lengths.csv"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    folder = Path(folder)
    lengths = sheet.read_columns(folder / "half_lengths.csv", ["game", "half", "duration_s"])
    rows, _ = sheet.from_soccernet(
        folder / "SoccerNet",
        folder / "sn-echoes",
        sheet.soccernet_splits(),
        {(game, half): float(length) for game, half, length in lengths.iter_rows()},
        ["whisper_v1_en", "whisper_v1"],
        [],
    )
    return rows


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load(CONFIG.read_text(encoding="utf-8"))


def matches(halves, split=None):
    kept = halves.filter(split=split) if split else halves
    for (name,), rows in kept.group_by("match", maintain_order=True):
        yield name, rows["labels"][0], dict(rows.select("half", "duration_s").iter_rows()), rows


def test_the_constant_baseline_on_the_valid_games(halves, config):
    counts = []
    for name, labels, durations, rows in matches(halves, "valid"):
        events, _ = read_labels(labels, name, durations, config["labels"])
        segments = [
            read_commentary(path, name, half)[0]
            for half, path in rows.select("half", "commentary").drop_nulls().iter_rows()
        ]
        samples = make_samples(
            pl.concat(segments), durations, config["samples"]["actions"], **config["grid"]
        ).with_columns(match=pl.lit(name))
        answers = (
            constant.load({}, None).answer(Match(name, samples)).with_columns(match=pl.lit(name))
        )
        counts.append(count(samples, truth_intervals(samples, events), answer_intervals(answers)))
    assert len(counts) == 100
    numbers = pl.col("samples", "tp", "fp", "fn")
    pooled = pl.concat(counts).group_by("protocol", "matching").agg(numbers.sum())
    for (protocol, matching), expected in BASELINE_COUNTS.items():
        row = pooled.row(
            by_predicate=(pl.col("protocol") == protocol) & (pl.col("matching") == matching),
            named=True,
        )
        assert {name: row[name] for name in expected} == expected


def test_the_events_past_the_end_of_a_half_are_left_out_and_listed(halves, config):
    asked = {
        label: action
        for label, action in config["labels"].items()
        if action in config["samples"]["actions"]
    }
    kept, listed, games = 0, [], 0
    for name, labels, durations, _ in matches(halves):
        events, problems = read_labels(labels, name, durations, asked)
        kept += len(events)
        listed += [problem for problem in problems if "past the end" in problem.problem]
        games += 1
    assert games == 400
    assert len(listed) == 11
    assert kept == 37_689 - 11
    assert all(problem.row and problem.effect == "row left out" for problem in listed)


def test_the_shipped_commentary_model_reaches_what_its_card_says(halves, config):
    card = (shipped_bases.TRAINED["touchline:commentary"] / "README.md").read_text(encoding="utf-8")
    stated = re.search(r"F1 on the first (\d+) valid games .* threshold (\.\d+): (\.\d+)", card)
    entry, labels = config["models"]["commentary"], config["labels"]
    assert entry["threshold"] == float(stated[2])
    model = tcn.load(settings_of(entry, labels), None)
    valid = sorted(matches(halves, "valid"), key=lambda match: match[0])[: int(stated[1])]
    totals = {"tp": 0, "fp": 0, "fn": 0}
    for name, path, durations, rows in valid:
        events, _ = read_labels(path, name, durations, labels)
        lines = pl.concat(
            read_commentary(row["commentary"], name, row["half"])[0]
            for row in rows.iter_rows(named=True)
            if row["commentary"]
        )
        actions = config["samples"]["actions"]
        samples = make_samples(collapse_loops(lines), durations, actions, 60.0, 0.0)
        named = samples.with_columns(match=pl.lit(name))
        answers = model.answer(Match(name, samples)).with_columns(match=pl.lit(name))
        kept = answer_intervals(answers).filter(pl.col("confidence") >= entry["threshold"])
        counts = count(named, truth_intervals(named, events), kept)
        pooled = counts.filter(protocol="full", matching="many").select(*totals).sum()
        totals = {key: totals[key] + pooled[key][0] for key in totals}
    tp, fp, fn = totals.values()
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(float(stated[3]), abs=0.002)

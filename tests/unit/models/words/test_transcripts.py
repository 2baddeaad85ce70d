"""Several transcripts of a half: the temporal convolutional network hears all of them."""

import json

import numpy as np
import polars as pl
import pytest

from planted import make_match
from random_tcn import write_network
from touchline.core import schema
from touchline.models.words import tcn, tcn_fit
from touchline.models.words.commentary_words import split_transcripts

WORDS = ["ball", "to", "left", "and", "wide", "pass", "him", "net", "down", "ball_to"]
SMALL = {"channels": 8, "layers": 1, "min_updates": 20, "min_count": 3, "ensemble_size": 1}


def lines_of(match, transcript):
    """Return a match's lines as its further transcript of this number."""
    lines = match.samples.filter(action="goal").explode("lines").select("lines").unnest("lines")
    halves = match.samples.filter(action="goal").explode("lines")["half"]
    table = lines.with_columns(half=halves).unique(maintain_order=True)
    return table.select(
        pl.lit(transcript, pl.Int64).alias("transcript"), "half", "start_s", "end_s", "text"
    )


def heard(match, *others):
    """Return a match with the commentary of others as further transcripts."""
    tables = [lines_of(other, number) for number, other in enumerate(others, start=1)]
    return match._replace(further=pl.concat([pl.DataFrame(schema=schema.FURTHER), *tables]))


@pytest.fixture
def model(tmp_path):
    return tcn.load({}, write_network(tmp_path / "net", WORDS, ["goal", "foul"]))


def rates(model, match):
    ((_, transcripts, end_s), *_) = split_transcripts(match)
    return model.event_rates(1, transcripts, end_s)["goal"]


def log_odds(rate):
    return np.log(np.expm1(rate * 2.5))  # of a step of 2 s, within 2.5 s of which an event is


def test_an_answer_is_that_of_the_mean_log_odds_of_the_transcripts(model):
    first, second, third = (make_match(seed) for seed in (1, 2, 3))
    alone = [log_odds(rates(model, match)) for match in (first, second, third)]
    together = log_odds(rates(model, heard(first, second, third)))
    assert together == pytest.approx(np.mean(alone, axis=0), abs=1e-3)
    assert np.abs(together - alone[0]).max() > 0.1


def test_a_transcript_that_is_missing_costs_nothing(model):
    match, silent = make_match(1), make_match(1, silent=True)
    expected = model.answer(match)
    assert model.answer(heard(match)).equals(expected)  # none is there
    empty = lines_of(match, 1).filter(half=2)  # none of the first half
    answers = model.answer(match._replace(further=empty))
    assert answers.filter(half=1).equals(expected.filter(half=1))
    # Where the first is missing, the others alone are heard.
    assert model.answer(heard(silent, match)).equals(expected)


def test_lines_that_repeat_are_heard_once(model):
    match = make_match(1)
    twice = lines_of(match, 1).select(pl.all().repeat_by(2)).explode(pl.all())
    once = model.answer(heard(match, match))
    assert model.answer(match._replace(further=twice)).equals(once)


@pytest.mark.slow
def test_training_hears_all_transcripts_and_one_alone_trains_as_before(tmp_path):
    study = [make_match(seed) for seed in range(2)]
    other = {"goal": "golazo de cabeza", "foul": "falta clara"}
    foreign = [make_match(seed, phrases=other) for seed in range(2)]
    for name, matches in {
        "one": study,
        "none": [heard(match) for match in study],
        "both": [heard(*pair) for pair in zip(study, foreign, strict=True)],
    }.items():
        (tmp_path / name).mkdir()
        tcn_fit.fit(matches, SMALL, tmp_path / name, tmp_path / f"{name}.kept")
    one, none, both = (tmp_path / name / "model.safetensors" for name in ("one", "none", "both"))
    assert one.read_bytes() == none.read_bytes() != both.read_bytes()
    words = json.loads((tmp_path / "both/words.json").read_text())
    assert {"net", "golazo"} <= set(words)
    assert "golazo" not in json.loads((tmp_path / "one/words.json").read_text())

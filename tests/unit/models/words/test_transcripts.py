"""Several transcripts of a half: the temporal convolutional network hears all of them."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from planted import make_match
from random_tcn import write_network
from touchline.core import schema
from touchline.models.words import tcn, tcn_fit
from touchline.models.words.commentary_words import split_transcripts
from touchline.models.words.features import encode_half, join_windows, make_window
from touchline.models.words.tcn_network import TRANSCRIPT_DROPOUT, _drop_transcripts

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


def test_transcripts_are_read_together_in_whatever_order(model):
    first, second, third = (make_match(seed) for seed in (1, 2, 3))
    together = log_odds(rates(model, heard(first, second, third)))
    assert log_odds(rates(model, heard(third, first, second))) == pytest.approx(together, abs=1e-3)
    for match in (first, second, third):
        assert np.abs(together - log_odds(rates(model, match))).max() > 0.1


def test_the_same_transcript_three_times_is_the_transcript(model):
    match = make_match(1)
    alone = log_odds(rates(model, match))
    assert log_odds(rates(model, heard(match, match, match))) == pytest.approx(alone, abs=1e-3)


def half_of(match):
    lines = lines_of(match, 1).filter(half=1)
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    return encode_half(1, lines, 600.0, vocabulary, np.zeros((0, 2)))


def test_a_joined_window_has_the_words_of_each_step_in_all_transcripts():
    windows = [make_window(half_of(make_match(seed)), -20.0, 300, 2.0) for seed in (1, 2, 3)]
    joined = join_windows(windows)

    def words(window):
        return [sorted(part.tolist()) for part in np.split(window.tokens, window.offsets[1:])]

    expected = [
        sorted(one + two + three) for one, two, three in zip(*map(words, windows), strict=True)
    ]
    assert words(joined) == expected
    assert joined.position == pytest.approx(np.mean([w.position for w in windows], axis=0))
    assert joined.transcripts == 3
    assert join_windows(windows[:1]) is windows[0]


def test_training_drops_transcripts_but_never_all():
    halves = list(range(5))
    random = np.random.default_rng(0)
    drawn = [_drop_transcripts(halves, random) for _ in range(1000)]
    assert {len(kept) for kept in drawn} == {1, 2, 3, 4, 5}
    assert np.mean([len(kept) for kept in drawn]) == pytest.approx(
        5 * (1 - TRANSCRIPT_DROPOUT), abs=0.2
    )
    assert {one for kept in drawn for one in kept} == set(halves)


def test_on_two_grids_an_answer_follows_the_words_by_the_second(tmp_path):
    model = tcn.load({"grids": 2}, write_network(tmp_path / "net", WORDS, ["goal", "foul"]))
    (network,) = model.networks
    network.weights["extra.weight"][:] = 0  # the words alone
    half = half_of(make_match(1))
    later = replace(half, token_s=half.token_s + 1)
    inner = slice(20, -20)  # seconds; outside the half is nothing
    before, after = (network.log_odds([one], 2.0, grids=2) for one in (half, later))
    assert len(before) == 600
    assert np.abs(before[inner] - after[21:-19]).max() < 1e-4
    coarse = [np.repeat(network.log_odds([one], 2.0), 2, axis=0) for one in (half, later)]
    assert np.abs(coarse[0][inner] - coarse[1][21:-19]).max() > 0.1
    curves = model.answer(make_match(1)).filter(action="goal")["rates"]
    assert {len(curve) for curve in curves} == {60}  # values of a chunk of 60 s


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

"""The commentary model that comes with Touchline: its files, its card and its entry in config.yaml."""

import json
import re

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from goal_commentary import goal_lines
from project import ROOT
from touchline.core.schema import COMMENTARY
from touchline.data.samples import make_samples
from touchline.models import shipped_bases
from touchline.models.backend import Match
from touchline.models.catalogue import settings_of
from touchline.models.words import tcn, tcn_weights
from touchline.models.words.features import encode_half, make_window
from touchline.models.words.tcn_network import Network

FOLDER = shipped_bases.TRAINED["touchline:commentary"]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
ENTRY = CONFIG["models"]["commentary"]


@pytest.fixture(scope="module")
def model():
    return tcn.load(settings_of(ENTRY, CONFIG["labels"]), None)


@pytest.fixture(scope="module")
def match():
    lines = pl.DataFrame([(1, *line) for line in goal_lines(102.0)], COMMENTARY, orient="row")
    actions = sorted(set(CONFIG["labels"].values()))
    return Match("a", make_samples(lines, {1: 420.0}, actions, 60.0, 0.0))


def test_it_is_small_and_knows_all_labels(model):
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 4e6
    assert model.description.are_labels
    assert sorted(model.description.outputs) == sorted(CONFIG["labels"])
    assert len(model.vocabulary) > 5000


def test_it_finds_a_goal_when_it_is_scored_and_nowhere_else(model, match):
    goals = model.answer(match).filter(action="goal").explode("intervals").drop_nulls("intervals")
    goals = goals.unnest("intervals").filter(pl.col("confidence") >= ENTRY["threshold"])
    (goal,) = goals.iter_rows(named=True)
    assert goal["start_s"] < 102 < goal["end_s"]
    assert goal["end_s"] - goal["start_s"] == pytest.approx(ENTRY["length_s"])


def test_in_numpy_it_equals_torch(model):
    weights = tcn_weights.read_weights(FOLDER / "model.safetensors", "")
    state = {name.removeprefix("0."): torch.from_numpy(value) for name, value in weights.items()}
    network = Network(len(model.vocabulary), len(model.description.outputs), 128, 6).eval()
    network.load_state_dict(state)
    lines = pl.DataFrame([(1, *line) for line in goal_lines(102.0)], COMMENTARY, orient="row")
    half = encode_half(1, lines, 420.0, model.vocabulary, np.zeros((0, 2)))
    window = make_window(half, 0.0, 210, 2.0)
    with torch.inference_mode():
        expected = network(
            torch.from_numpy(window.tokens.astype(np.int64)),
            torch.from_numpy(window.offsets.astype(np.int64)),
            torch.from_numpy(window.position[None]),
            torch.ones(1),
        )[0].numpy()
    assert len(window.tokens) > 40
    assert np.abs(model.networks[0].log_odds([half], 2.0) - expected).max() < 1e-4


def test_card_files_and_configuration_agree():
    card = (FOLDER / "README.md").read_text()
    front, text = card.removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(front)["library_name"] == "touchline"
    content = json.loads((FOLDER / "model.json").read_text())
    assert content["threshold"] == ENTRY["threshold"]
    assert f"threshold {ENTRY['threshold']:.2f}".replace("0.", ".") in text
    words = re.search(r"only the ([\d,]+) words and pairs", text)[1]
    assert int(words.replace(",", "")) == len(tcn_weights.read_words(FOLDER, ""))
    size = sum((FOLDER / name).stat().st_size for name in tcn_weights.FILES)
    assert f"{size / 1e6:.2f} MB" in text

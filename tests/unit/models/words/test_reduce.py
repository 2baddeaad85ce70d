"""Reduction of a network: fewer words, fewer bits, and nearly the same answers."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from planted import make_match
from random_tcn import write_network
from touchline.models.words import reduce, tcn
from touchline.models.words.commentary_words import split_halves

WORDS = ["ball", "to", "left", "net", "the_net", "him", "wide", "pass"]
ACTIONS = ["foul", "goal", "offside"]
DESCRIPTION = {"actions": ACTIONS, "step_s": 2.0}


def rates(folder):
    half, lines, end_s = next(split_halves(make_match(1).samples))
    model = tcn.load({"weights": str(folder)}, None)
    return np.stack(list(model.event_rates(half, [lines], end_s).values()))


@pytest.mark.parametrize(
    ("store", "tolerance", "share"),
    [
        (reduce.keep, 0, 1.0),
        (reduce.halve, 2e-3, 0.6),
        (reduce.quantise_words, 2e-2, 0.6),
        (reduce.quantise_matrices, 5e-2, 0.5),
    ],
)
def test_fewer_bits_give_nearly_the_same_event_rates(tmp_path, store, tolerance, share):
    trained = write_network(tmp_path / "trained", WORDS, ACTIONS)
    reduce.reduce_model(trained, tmp_path / "reduced", set(WORDS), store, DESCRIPTION)
    before, after = rates(trained), rates(tmp_path / "reduced")
    assert before.max() > 0.1
    assert np.abs(after - before).max() <= tolerance * before.max()

    def weights_size(folder):
        return sum(weight.nbytes for weight in load_file(folder / "model.safetensors").values())

    assert weights_size(tmp_path / "reduced") <= share * weights_size(trained)


def test_words_that_are_not_kept_are_as_if_they_had_never_been_known(tmp_path):
    trained = write_network(tmp_path / "trained", WORDS, ACTIONS)
    reduce.reduce_model(
        trained, tmp_path / "reduced", {"net", "him", "x"}, reduce.keep, DESCRIPTION
    )
    assert json.loads((tmp_path / "reduced/words.json").read_text()) == ["net", "him"]
    weights = load_file(trained / "model.safetensors")["0.words.weight"]
    kept = load_file(tmp_path / "reduced/model.safetensors")["0.words.weight"]
    assert np.array_equal(kept, weights[[3, 5]])
    assert not np.array_equal(rates(trained), rates(tmp_path / "reduced"))


def test_quantised_numbers_are_off_by_at_most_half_a_step_and_never_overflow():
    random = np.random.default_rng(0)
    weight = random.normal(size=(200, 32)).astype(np.float32) * 10 ** random.uniform(
        -4, 2, (200, 1)
    )
    weight[7] = 0
    stored = reduce.quantise("w", weight.astype(np.float32))
    numbers, scale = stored["w"], stored["w.scale"].astype(np.float32)[:, None]
    assert numbers.dtype == np.int8
    assert np.abs(numbers.astype(int)).max() == 127
    assert (np.abs(numbers * scale - weight) <= scale / 2 * 1.001).all()
    assert not numbers[7].any()

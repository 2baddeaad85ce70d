"""Trained networks that are there already: their files, what their outputs are, and damaged ones."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from planted import make_match
from random_tcn import write_network
from touchline.core.problems import InputError
from touchline.models import catalogue
from touchline.models.words import tcn
from touchline.models.words.commentary_words import split_halves

WORDS = ["ball", "net", "the_net", "him"]
LABELS = {"Goal": "goal", "Foul": "foul", "Dive": "foul", "Offside": "offside"}


def load(folder, **settings):
    return tcn.load({"weights": str(folder), "labels": LABELS, **settings}, None)


def rates(model, match):
    half, lines, end_s = next(split_halves(match.samples))
    return model.event_rates(half, [lines], end_s)


def test_labels_that_lead_to_one_action_add_their_event_rates(tmp_path):
    outputs = ["Goal", "Foul", "Dive", "Offside", "Unknown to the study"]
    folder = write_network(tmp_path, WORDS, outputs, kind="labels")
    match = make_match(1)
    apart = rates(
        tcn.load({"weights": str(folder), "labels": {n: n for n in outputs}}, None), match
    )
    together = rates(load(folder), match)
    assert together.keys() == {"goal", "foul", "offside"}
    assert np.array_equal(together["foul"], apart["Foul"] + apart["Dive"])
    assert np.array_equal(together["goal"], apart["Goal"])
    assert apart["Dive"].std() > 0


def test_a_network_of_another_study_answers_its_own_actions(tmp_path):
    folder = write_network(tmp_path, WORDS, ["foul", "goal", "offside"])
    answers = load(folder, length_s=20.0).answer(make_match(1))
    assert len(answers) == 60
    intervals = answers["intervals"].explode().drop_nulls().struct
    lengths = intervals.field("end_s") - intervals.field("start_s")
    assert set(lengths.round(6)) == {20.0}


@pytest.mark.parametrize(("kind", "output"), [("labels", "Goal"), ("actions", "goal")])
def test_an_action_that_no_output_leads_to_is_a_sentence(tmp_path, kind, output):
    folder = write_network(tmp_path, WORDS, [output], kind=kind)
    with pytest.raises(
        InputError, match=r"does not know foul, offside: .* It knows goal\. Take the"
    ):
        load(folder).answer(make_match(1))
    entry = {"backend": "tcn", "weights": str(folder)}
    with pytest.raises(InputError, match="does not know foul"):
        catalogue.check_actions(entry, ["goal", "foul"], LABELS)
    catalogue.check_actions(entry, ["goal"], LABELS)
    catalogue.check_actions({"backend": "tcn"}, ["foul"], LABELS)


def change_json(name, change):
    def damage(folder):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(change(content)))

    return damage


def change_weights(change):
    def damage(folder):
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors")

    return damage


def cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


DAMAGE = {
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: "),
    "no words": (lambda f: (f / "words.json").unlink(), "words.json: No such file"),
    "no description": (lambda f: (f / "model.json").unlink(), "model.json: No such file"),
    "cut off": (cut_off, "truncated or no safetensors file"),
    "no safetensors": (
        lambda f: (f / "model.safetensors").write_text("{}"), "truncated or no safetensors file",
    ),
    "empty": (change_weights(lambda weights: weights.clear()), "has no weights"),
    "not finite": (
        change_weights(lambda weights: weights["0.norm.bias"].fill(np.nan)), "'?0.norm.bias'? has values",
    ),
    "a weight is missing": (
        change_weights(lambda weights: weights.pop("0.layers.1.mix.bias")), r"1 weights are .*layers\.1\.mix\.bias",
    ),
    "a network is missing": (
        change_weights(lambda w: w.update({"2.norm.bias": w["0.norm.bias"]})), "missing, unknown",
    ),
    "more words than rows": (change_json("words.json", lambda words: [*words, "x"]), r"words\.weight"),
    "fewer outputs": (
        change_json("model.json", lambda content: content | {"actions": ["goal"]}), r"out\.bias",
    ),
    "a word twice": (change_json("words.json", lambda words: ["net"] * 4), "no list of different"),
    "words of another kind": (change_json("words.json", lambda words: [[1]]), "no list of diff"),
    "no actions": (change_json("model.json", lambda content: {"step_s": 2}), "no description"),
    "no step": (change_json("model.json", lambda content: {"actions": ["goal"]}), "no description"),
    "a step of nothing": (
        change_json("model.json", lambda content: content | {"step_s": 0}), "no description",
    ),
    "a list": (change_json("model.json", list), "no description"),
    "no JSON": (lambda f: (f / "words.json").write_text("{"), "is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_files_are_one_sentence_that_says_what_to_do(tmp_path, what):
    damage, message = DAMAGE[what]
    folder = write_network(tmp_path / "trained", WORDS, ["foul", "goal"])
    load(folder)
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        load(folder)
    assert str(folder) in str(error.value)
    assert "Copy the folder of the trained model again" in str(error.value)
    if what != "no weights":
        with pytest.raises(InputError, match=r"Delete the folder; the model is trained again\."):
            tcn.load({}, folder)


def test_a_model_that_does_not_come_with_touchline_is_a_sentence():
    with pytest.raises(
        InputError, match="no touchline:video comes with Touchline, but touchline:comm"
    ):
        load("touchline:video")


def test_a_model_with_weights_is_not_trained_and_needs_the_labels(tmp_path):
    entry = {"backend": "tcn", "weights": str(tmp_path), "threshold": 0.2}
    assert not catalogue.is_trained(entry)
    assert catalogue.is_trained({"backend": "tcn"})
    assert catalogue.settings_of(entry, LABELS) == {"weights": str(tmp_path), "labels": LABELS}
    assert "labels" not in catalogue.settings_of({"backend": "tcn"}, LABELS)
    names = {path.name for path in catalogue.weight_files(entry)}
    assert names == {"model.safetensors", "model.json", "words.json"}
    assert catalogue.weight_files({"backend": "tcn"}) == []

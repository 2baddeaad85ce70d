"""The linear text baseline on code-made commentary."""

import json

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction import FeatureHasher

from planted import ACTIONS, KEY, PHRASES, f1_of, make_match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.evaluation.matching import answer_intervals
from touchline.models import constant
from touchline.models.backend import Match
from touchline.models.words import linear, linear_fit

pytestmark = pytest.mark.usefixtures("small_hash")


def test_linear_finds_a_planted_phrase_at_the_right_time_in_an_unseen_match(trained_linear):
    unseen = make_match(99)
    answers = linear.load({}, trained_linear).answer(unseen)
    assert answers.schema == schema.PREDICTIONS
    assert answers.select(KEY).equals(unseen.samples.select(KEY))
    baseline = f1_of(constant.load({}, None).answer(unseen), unseen)
    assert f1_of(answers, unseen) > 0.9 > 3 * baseline
    intervals = answer_intervals(answers.with_columns(match=pl.lit("a")))
    intervals = intervals.filter(pl.col("confidence") > 0.5)
    distances = [
        (unseen.labels.filter(half=half, action=action)["time_s"] - (start_s + 6)).abs().min()
        for half, action, start_s in intervals.select("half", "action", "start_s").rows()
    ]
    assert np.mean(np.array(distances) <= 4) > 0.9


def test_linear_learns_nothing_where_the_words_say_nothing(tmp_path):
    same = dict.fromkeys(PHRASES, "ball to left and")
    linear_fit.fit(
        (make_match(seed, phrases=same) for seed in range(3)),
        {},
        tmp_path,
        tmp_path / "checkpoints",
    )
    unseen = make_match(99, phrases=same)
    assert f1_of(linear.load({}, tmp_path).answer(unseen), unseen) < 0.5


def test_the_same_data_give_the_same_bytes_and_other_data_others(trained_linear, tmp_path):
    for name, seeds in (("same", range(5)), ("other", range(1, 6))):
        (tmp_path / name).mkdir()
        linear_fit.fit(map(make_match, seeds), {}, tmp_path / name, tmp_path / "checkpoints")
    weights = (trained_linear / "model.safetensors").read_bytes()
    assert (tmp_path / "same" / "model.safetensors").read_bytes() == weights
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != weights


def test_a_trained_model_is_safetensors_and_json_only(trained_linear):
    assert sorted(path.name for path in trained_linear.iterdir()) == [
        "model.json",
        "model.safetensors",
    ]
    assert json.loads((trained_linear / "model.json").read_text())["actions"] == ACTIONS
    weights = load_file(trained_linear / "model.safetensors")
    assert {name: array.shape for name, array in weights.items()} == {
        "weights": (3, len(linear.WINDOWS) * 2**12),
        "biases": (3,),
    }


def test_an_action_without_any_event_is_never_answered(trained_linear):
    answers = linear.load({}, trained_linear).answer(make_match(99))
    answered = answers.filter(pl.col("intervals").list.len() > 0)["action"].unique()
    assert sorted(answered) == ["foul", "goal"]
    assert set(answers.filter(action="offside")["status"]) == {"none"}


def test_a_match_without_commentary_and_one_shorter_than_a_window_are_answered(trained_linear):
    model = linear.load({}, trained_linear)
    for samples in (make_match(1, silent=True).samples, make_match(1, half_s=10.0).samples):
        answers = model.answer(Match("a", samples))
        assert answers.select(KEY).equals(samples.select(KEY))
        assert answers["intervals"].null_count() == 0


def test_features_are_those_of_scikit_learns_hasher_in_each_window():
    words = pl.DataFrame({"word": ["a", "Wörter", "a"], "pair": ["_a", "a_Wörter", "Wörter_a"]})
    words = words.with_columns(time_s=pl.Series([1.0, 9.0, 1.5]))
    features, counts = linear.step_features(words, end_s=40.0, step_s=4.0)
    hasher = FeatureHasher(linear.HASH_SIZE, input_type="string", alternate_sign=False)
    early, late = ({"a", "_a", "Wörter_a"}, {"Wörter", "a_Wörter"})  # in steps 0 and 2
    expected = []
    for step in range(10):
        heard = [
            window * linear.HASH_SIZE + feature
            for window, (first, last) in enumerate(linear.WINDOWS)
            for spoken, tokens in ((0, early), (2, late))
            if first <= spoken - step <= last
            for feature in hasher.transform([tokens]).indices
        ]
        expected.append(sorted(heard))
    assert counts.tolist() == [len(heard) for heard in expected]
    assert features.tolist() == [feature for heard in expected for feature in heard]


def test_nothing_to_train_on_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="nothing to train on"):
        linear_fit.fit(iter([]), {}, tmp_path, tmp_path / "checkpoints")


def test_a_model_of_another_study_answers_the_same_without_a_training(trained_linear):
    given = linear.load({"weights": str(trained_linear), "labels": {}}, None)
    unseen = make_match(99)
    assert given.answer(unseen).equals(linear.load({}, trained_linear).answer(unseen))
    with pytest.raises(InputError, match="does not know dribble"):
        given.answer(unseen._replace(samples=unseen.samples.with_columns(action=pl.lit("dribble"))))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda stored: stored.pop("biases"), "are not those of a linear model of 3 actions"),
        (lambda stored: stored["biases"].fill(np.nan), ": biases has values that are not finite"),
        (lambda stored: stored["weights"].fill(np.inf), ": weights has values"),
    ],
)
def test_weights_that_are_not_a_linear_model_are_refused(trained_linear, tmp_path, spoil, message):
    stored = load_file(trained_linear / "model.safetensors")
    spoil(stored)
    save_file(stored, tmp_path / "model.safetensors")
    (tmp_path / "model.json").write_bytes((trained_linear / "model.json").read_bytes())
    with pytest.raises(InputError, match=message):
        linear.load({"weights": str(tmp_path)}, None)

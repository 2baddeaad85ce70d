import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from planted import ACTIONS, KEY, PHRASES, f1_of, make_match
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.data.samples import make_samples
from touchline.evaluation.matching import answer_intervals
from touchline.models import constant, fit, infer
from touchline.models.backend import Match
from touchline.models.catalogue import load_backend, load_trainer
from touchline.models.peaks import suppress, to_predictions
from touchline.models.words import linear


@pytest.fixture(autouse=True)
def small_hash(monkeypatch):
    """Keep weights small: the code-made commentary has few words."""
    monkeypatch.setattr(linear, "HASH_SIZE", 2**12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "HASH_SIZE", 2**12)
        linear.fit(map(make_match, range(5)), {}, folder, folder / "checkpoints")
    return folder


def test_constant_answers_the_middle_of_each_chunks_own_span():
    samples = make_samples(
        pl.DataFrame(schema=schema.COMMENTARY), {1: 128.0, 2: 90.0}, ["goal"], 60.0, 0.0
    )
    answers = constant.load({}, None).answer(Match("a", samples))
    spans = answer_intervals(answers.with_columns(match=pl.lit("a")))
    assert spans.select("half", "chunk", "start_s", "end_s").rows() == [
        (1, 0, 24.0, 36.0), (1, 1, 84.0, 96.0), (1, 2, 120.0, 128.0),
        (2, 0, 24.0, 36.0), (2, 1, 69.0, 81.0),
    ]  # fmt: skip
    shorter = constant.load({"length_s": 2}, None).answer(Match("a", samples))
    assert shorter["intervals"][2].to_list()[0] == {"start_s": 123, "end_s": 125, "confidence": 1}


def test_linear_finds_a_planted_phrase_at_the_right_time_in_an_unseen_match(trained):
    unseen = make_match(99)
    answers = linear.load({}, trained).answer(unseen)
    assert answers.schema == schema.PREDICTIONS
    assert answers.select(KEY).equals(unseen.samples.select(KEY))
    baseline = f1_of(constant.load({}, None).answer(unseen), unseen)
    assert f1_of(answers, unseen) > 0.9 > 3 * baseline
    said = answer_intervals(answers.with_columns(match=pl.lit("a")))
    said = said.filter(pl.col("confidence") > 0.5)
    distances = [
        (unseen.labels.filter(half=half, action=action)["time_s"] - (start_s + 6)).abs().min()
        for half, action, start_s in said.select("half", "action", "start_s").rows()
    ]
    assert np.mean(np.array(distances) <= 4) > 0.9


def test_linear_learns_nothing_where_the_words_say_nothing(tmp_path):
    same = dict.fromkeys(PHRASES, "ball to left and")
    linear.fit(
        (make_match(seed, phrases=same) for seed in range(3)),
        {},
        tmp_path,
        tmp_path / "checkpoints",
    )
    unseen = make_match(99, phrases=same)
    assert f1_of(linear.load({}, tmp_path).answer(unseen), unseen) < 0.5


def test_the_same_data_give_the_same_bytes_and_other_data_others(trained, tmp_path):
    for name, seeds in (("same", range(5)), ("other", range(1, 6))):
        (tmp_path / name).mkdir()
        linear.fit(map(make_match, seeds), {}, tmp_path / name, tmp_path / "checkpoints")
    weights = (trained / "model.safetensors").read_bytes()
    assert (tmp_path / "same" / "model.safetensors").read_bytes() == weights
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != weights


def test_a_trained_model_is_safetensors_and_json_only(trained):
    assert sorted(path.name for path in trained.iterdir()) == ["model.json", "model.safetensors"]
    assert json.loads((trained / "model.json").read_text())["actions"] == ACTIONS
    weights = load_file(trained / "model.safetensors")
    assert {name: array.shape for name, array in weights.items()} == {
        "weights": (3, len(linear.WINDOWS) * 2**12),
        "biases": (3,),
    }


def test_an_action_without_any_event_is_never_answered(trained):
    answers = linear.load({}, trained).answer(make_match(99))
    answered = answers.filter(pl.col("intervals").list.len() > 0)["action"].unique()
    assert sorted(answered) == ["foul", "goal"]
    assert set(answers.filter(action="offside")["status"]) == {"none"}


def test_a_match_without_commentary_and_one_shorter_than_a_window_are_answered(trained):
    model = linear.load({}, trained)
    for samples in (make_match(1, silent=True).samples, make_match(1, half_s=10.0).samples):
        answers = model.answer(Match("a", samples))
        assert answers.select(KEY).equals(samples.select(KEY))
        assert answers["intervals"].null_count() == 0


def test_nothing_to_train_on_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="nothing to train on"):
        linear.fit(iter([]), {}, tmp_path, tmp_path / "checkpoints")


@pytest.mark.parametrize(
    ("name", "training", "message"),
    [
        ("oracle", False, r"'oracle'.*constant, linear"),
        ("../secrets", False, r"'../secrets': no such backend\. "),
        ("spots", False, r"'spots': no such backend\. "),
        ("constant", True, r"'constant': no such backend that trains\. There are linear, tcn"),
    ],
)
def test_an_unknown_backend_is_a_sentence_that_names_the_known_ones(name, training, message):
    with pytest.raises(InputError, match=message):
        (load_trainer if training else load_backend)(name)


@pytest.mark.parametrize("seed", range(20))
def test_suppression_keeps_peaks_apart_in_order_of_confidence(seed):
    random = np.random.default_rng(seed)
    confidence = random.integers(0, 6, 40) / 5  # with ties
    radius, floor = int(random.integers(0, 5)), 0.2
    kept = suppress(confidence, radius, floor).tolist()
    assert all(abs(a - b) > radius for a, b in itertools.combinations(kept, 2))
    assert kept == sorted(kept, key=lambda step: (-confidence[step], step))
    for step in np.flatnonzero(confidence >= floor):  # what is not kept has a better one near
        near = [other for other in kept if abs(other - step) <= radius]
        assert any((-confidence[other], other) <= (-confidence[step], step) for other in near)
    assert all(confidence[step] >= floor for step in kept)


def test_suppression_of_nothing_is_empty():
    assert suppress(np.zeros(5), 2, 0.01).tolist() == []


def test_spots_answer_the_chunk_that_they_lie_in_uncut_and_in_order_of_time():
    samples = make_match(1, half_s=90.0).samples
    spots = [(1, 88.0, "goal", 0.5), (1, 62.0, "goal", 0.25), (2, 60.0, "foul", 1.0)]
    table = pl.DataFrame(spots, {"half": pl.Int64, "time_s": pl.Float64, "action": pl.String,
                                 "confidence": pl.Float64}, orient="row")  # fmt: skip
    answers = to_predictions(samples, table).filter(status="ok")
    assert answers.select(KEY).rows() == [(1, 1, "goal"), (2, 1, "foul")]
    spans = [[tuple(span.values()) for span in spans] for spans in answers["intervals"].to_list()]
    assert spans == [[(56.0, 68.0, 0.25), (82.0, 94.0, 0.5)], [(54.0, 66.0, 1.0)]]


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A working directory with the tables of two sound matches and two that were set aside."""
    monkeypatch.chdir(tmp_path)
    for seed in range(4):
        match = make_match(seed)
        problems = [Problem(match.name, "labels", "broken.", "Mend.", MATCH_SET_ASIDE)]
        samples = match.samples.clear() if seed == 3 else match.samples  # commentary set aside
        schema.write(f"results/samples/{match.name}.parquet", samples, schema.SAMPLES)
        labels = f"results/labels/{match.name}.parquet"
        schema.write(labels, match.labels, schema.LABELS, problems if seed == 2 else [])
    return tmp_path


FIT = ["--backend", "linear", "--settings", '{"epochs": 2}', "--folder", "models/linear",
       "--matches", "match0", "match1", "match2", "match3"]  # fmt: skip


def test_matches_that_were_set_aside_are_not_trained_on(tables):
    fit.main(FIT)
    folder = tables / "models" / "linear"
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["attempts.json", "model.json", "model.safetensors", "trained_on.json"]
    fit.main([*FIT[:5], "models/two", "--matches", "match0", "match1"])
    for name in ("model.json", "model.safetensors"):
        assert (folder / name).read_bytes() == (tables / "models" / "two" / name).read_bytes()
    assert [path.name for path in (tables / "models").glob(".*")] == []


def test_when_every_match_was_set_aside_nothing_is_trained(tables):
    with pytest.raises(InputError, match="nothing to train on"):
        fit.main([*FIT[:7], "match2", "match3"])
    assert not (tables / "models" / "linear").exists()


def test_an_error_in_training_leaves_no_folder_and_the_next_run_makes_it(tables, monkeypatch):
    fit.main(FIT)
    with monkeypatch.context() as patch:
        patch.setattr(linear, "write_text", lambda *_: 1 / 0)  # the weights are already written
        with pytest.raises(ZeroDivisionError):
            fit.main(FIT)
    assert not (tables / "models" / "linear").exists()
    fit.main(FIT)
    assert len(list((tables / "models" / "linear").iterdir())) == 4


KILLED = """
import os, signal
from touchline.models import fit
from touchline.models.words import linear
linear.HASH_SIZE = 2**12
linear.write_text = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
fit.main({arguments!r})
"""


def test_a_killed_training_leaves_no_folder(tables):
    code = KILLED.format(arguments=FIT)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=dict(os.environ))
    assert ended.returncode == -signal.SIGKILL
    assert (tables / "models" / ".linear.partial" / "model.safetensors").exists()
    assert not (tables / "models" / "linear").exists()
    fit.main(FIT)
    assert [path.name for path in (tables / "models").iterdir()] == ["linear"]


@pytest.mark.parametrize("backend", ["constant", "linear"])
@pytest.mark.parametrize("match", ["match1", "match3"])
def test_infer_writes_one_row_per_sample_in_their_order(tables, trained, backend, match):
    folder = ["--folder", str(trained)] if backend == "linear" else []
    samples = f"results/samples/{match}.parquet"
    named = ["--match", "a", "--samples", samples]
    infer.main(["--backend", backend, *folder, *named, "--out", "out.parquet"])
    answers = schema.read("out.parquet", schema.PREDICTIONS)
    assert answers.select(KEY).equals(schema.read(samples, schema.SAMPLES).select(KEY))
    assert len(answers) == (60 if match == "match1" else 0)

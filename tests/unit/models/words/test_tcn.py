"""The temporal convolutional network on code-made commentary."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from planted import KEY, f1_of, make_match
from touchline.core.problems import InputError
from touchline.core.schema import PREDICTIONS
from touchline.evaluation.matching import answer_intervals, pairs, truth_intervals
from touchline.models import constant
from touchline.models.backend import Match
from touchline.models.words import tcn, tcn_fit
from touchline.models.words.features import encode_half, index_events, make_targets, make_window

SMALL = {"channels": 32, "layers": 3, "min_updates": 200, "min_count": 3, "ensemble_size": 2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    tcn_fit.fit(map(make_match, range(5)), SMALL, folder, folder.with_name("checkpoints"))
    return folder


def test_it_finds_a_planted_phrase_at_the_right_time_in_an_unseen_match(trained):
    unseen = make_match(99)
    answers = tcn.load({}, trained).answer(unseen)
    assert answers.schema == PREDICTIONS
    assert answers.select(KEY).equals(unseen.samples.select(KEY))
    baseline = f1_of(constant.load({}, None).answer(unseen), unseen)
    assert f1_of(answers, unseen) > 0.9 > 3 * baseline


def test_answers_have_the_length_that_was_asked_for(trained):
    unseen = make_match(99)
    for length_s in (6.0, 39.0):
        answers = tcn.load({"length_s": length_s}, trained).answer(unseen)
        spans = answer_intervals(answers.with_columns(match=pl.lit("a")))
        assert (spans["end_s"] - spans["start_s"]).to_list() == [length_s] * len(spans)
        assert f1_of(answers, unseen) > 0.9


def test_it_learns_nothing_where_the_words_say_nothing(tmp_path):
    same = dict.fromkeys(("goal", "foul"), "ball to left and")
    made = (make_match(seed, phrases=same) for seed in range(3))
    tcn_fit.fit(made, SMALL | {"ensemble_size": 1}, tmp_path, tmp_path / "checkpoints")
    unseen = make_match(99, phrases=same)
    assert f1_of(tcn.load({}, tmp_path).answer(unseen), unseen) < 0.5


def test_a_confidence_is_the_share_of_the_answers_that_match(tmp_path):
    """Three in five phrases are said after an event, the others are nothing but words."""
    made = (make_match(seed, share_true=0.6) for seed in range(40))
    tcn_fit.fit(made, SMALL, tmp_path, tmp_path / "checkpoints")
    model, hits, confidences = tcn.load({}, tmp_path), [], []
    for match in (make_match(seed, share_true=0.6) for seed in range(100, 112)):
        name = pl.lit(match.name).alias("match")
        intervals = answer_intervals(model.answer(match).with_columns(name))
        intervals = intervals.filter(pl.col("confidence") > 0.3)
        matched = pairs(intervals, truth_intervals(match.samples.with_columns(name), match.labels))
        hits.append(matched["answer"].n_unique())
        confidences += intervals["confidence"].to_list()
    assert len(confidences) > 150, len(confidences)
    assert sum(hits) / len(confidences) == pytest.approx(np.mean(confidences), abs=0.08)


def test_another_seed_gives_other_weights(tmp_path):
    weights = []
    for name, seed in (("one", 0), ("other", 7)):
        (tmp_path / name).mkdir()
        settings = SMALL | {"min_updates": 10, "ensemble_size": 1, "seed": seed}
        tcn_fit.fit(map(make_match, range(5)), settings, tmp_path / name, tmp_path / f"{name} kept")
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] != weights[1]


def test_a_trained_model_is_safetensors_and_json_only(trained):
    names = ["model.json", "model.safetensors", "words.json"]
    assert sorted(path.name for path in trained.iterdir()) == names
    assert json.loads((trained / "model.json").read_text())["actions"] == ["foul", "goal"]
    words = json.loads((trained / "words.json").read_text())
    assert {"net", "the_net", "brings"} <= set(words)
    weights = load_file(trained / "model.safetensors")
    assert weights["0.words.weight"].shape == (len(words), 32)
    assert not np.array_equal(weights["0.out.weight"], weights["1.out.weight"])


def test_an_action_without_any_event_is_never_answered(trained):
    answers = tcn.load({}, trained).answer(make_match(99))
    answered = answers.filter(pl.col("intervals").list.len() > 0)["action"].unique()
    assert sorted(answered) == ["foul", "goal"]
    assert set(answers.filter(action="offside")["status"]) == {"none"}


def test_a_match_without_commentary_one_of_10_s_and_none_at_all_are_answered(trained):
    model = tcn.load({}, trained)
    for samples in (
        make_match(1, silent=True).samples,
        make_match(1, half_s=10.0).samples,
        make_match(1).samples.clear(),
    ):
        answers = model.answer(Match("a", samples))
        assert answers.select(KEY).equals(samples.select(KEY))
        assert answers["intervals"].null_count() == 0


def test_train_matches_without_commentary_or_events_are_no_error(tmp_path):
    matches = [make_match(1, silent=True), make_match(2)._replace(labels=make_match(2).labels[:0])]
    settings = SMALL | {"min_updates": 1, "ensemble_size": 1}
    tcn_fit.fit(matches, settings, tmp_path, tmp_path / "checkpoints")
    assert len(tcn.load({}, tmp_path).answer(make_match(99))) == 60


def test_where_no_event_was_seen_none_is_answered(tmp_path):
    quiet = make_match(2)
    settings = {"channels": 8, "layers": 1, "min_updates": 1, "ensemble_size": 1}
    tcn_fit.fit(
        [quiet._replace(labels=quiet.labels[:0])], settings, tmp_path, tmp_path / "checkpoints"
    )
    assert set(tcn.load({}, tmp_path).answer(quiet)["status"]) == {"none"}


def test_nothing_to_train_on_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="nothing to train on"):
        tcn_fit.fit(iter([]), SMALL, tmp_path, tmp_path / "checkpoints")


def test_networks_that_are_done_are_not_trained_again_and_one_that_is_gets_the_same_bytes(
    trained, tmp_path
):
    kept = trained.with_name("checkpoints")
    first, second = (kept / f"network{number}.safetensors" for number in (0, 1))
    done = first.stat().st_mtime_ns
    second.unlink()
    tcn_fit.fit(map(make_match, range(5)), SMALL, tmp_path, kept)
    assert first.stat().st_mtime_ns == done
    assert second.exists()
    weights = (trained / "model.safetensors").read_bytes()
    assert (tmp_path / "model.safetensors").read_bytes() == weights


TOLD_TO_END = """
from touchline.models import fit
if __name__ == "__main__":
    fit.main({arguments!r})
"""


def test_a_training_that_is_told_to_end_takes_its_processes_along(tmp_path):
    match = make_match(1)
    match.samples.write_parquet(tmp_path / "match.parquet")
    match.labels.write_parquet(tmp_path / "labels.parquet")
    script = tmp_path / "train.py"
    arguments = ["--backend", "tcn", "--settings", json.dumps(SMALL | {"min_updates": 10**6}),
                 "--matches", "match", "--samples", "{match}.parquet", "--labels",
                 "labels.parquet", "--checkpoints", "kept", "--folder", "model"]  # fmt: skip
    script.write_text(TOLD_TO_END.format(arguments=arguments))
    with open(tmp_path / "errors.txt", "w") as errors:
        running = subprocess.Popen(
            [sys.executable, script],
            cwd=tmp_path,
            stderr=errors,
            env={name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"},
        )
        try:
            until = time.monotonic() + 120
            while "update/s" not in (tmp_path / "errors.txt").read_text():
                assert running.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
            children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
            assert len(children) >= 2
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 75
    until = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert not (tmp_path / "model").exists()


def half_of(match):
    lines = match.samples.filter(half=1, action="goal").select("lines").explode("lines")
    lines = lines.unnest("lines").unique(maintain_order=True)
    known = {"net": 0, "the_net": 1, "brings": 2, "ball": 3}
    return encode_half(1, lines, 600.0, known, index_events(match.labels, 1, ["foul", "goal"]))


@pytest.mark.parametrize("start_s", [-100.0, 0.0, 37.0, 500.0])
def test_a_window_from_any_moment_on_is_a_part_of_the_whole(start_s):
    half = half_of(make_match(3))
    part = make_window(half, start_s, 60, 2.0)
    whole = make_window(half, start_s - 40, 100, 2.0)
    ends = np.append(whole.offsets, len(whole.tokens))
    assert np.array_equal(part.tokens, whole.tokens[ends[20] : ends[80]])
    assert np.array_equal(part.offsets, whole.offsets[20:80] - ends[20])
    assert np.array_equal(part.position, whole.position[20:80])
    assert part.inside.tolist() == [0 <= start_s + 2 * n + 1 < 600 for n in range(60)]
    near, far = (make_targets(half, *span, 2.0, 2) for span in ((start_s, 60), (start_s - 40, 100)))
    assert np.array_equal(near, far[20:80])


def test_an_event_is_near_the_steps_whose_middle_is_at_most_two_and_a_half_seconds_away():
    half = half_of(make_match(3))
    near = make_targets(half, 0.0, 300, 2.0, 2)
    middles = np.arange(300) * 2 + 1
    for number in (0, 1):
        times_s = half.events[half.events[:, 1] == number, 0]
        expected = (np.abs(middles[:, None] - times_s) <= 2.5).any(axis=1)
        assert np.array_equal(near[:, number] > 0, expected)

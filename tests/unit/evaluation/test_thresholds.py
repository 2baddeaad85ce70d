from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute_force
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.data.samples import make_samples
from touchline.evaluation import score, thresholds
from touchline.evaluation.score import Answered, apply_tuned_thresholds, tune_on
from touchline.models import constant
from touchline.models.backend import Match

KEYS = [(match, 1, chunk, action) for match in "ab" for chunk in (0, 1) for action in ("x", "y")]
CONFIDENCES = [0.1, 0.25, 0.5, 0.9]
truth = st.builds(
    lambda key, start: (key, start, start + 12), st.sampled_from(KEYS), st.integers(0, 15)
)
answer = st.builds(
    lambda truth, confidence: (*truth, confidence), truth, st.sampled_from(CONFIDENCES)
)


def answered(answers, truths, keys=KEYS):
    return Answered(
        brute_force.samples(keys), brute_force.table(truths), brute_force.with_confidence(answers)
    )


def pooled_f1(answers, truths, chosen):
    kept = [answer for answer in answers if answer[3] >= chosen[answer[0][3]]]
    tp, fp, fn = brute_force.counts(kept, truths)
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


@settings(max_examples=300, deadline=None)
@given(st.lists(answer, max_size=10), st.lists(truth, max_size=8))
def test_no_combination_of_thresholds_is_better_than_the_tuned_ones(answers, truths):
    chosen = tune_on(answered(answers, truths))
    combinations = product([*CONFIDENCES, thresholds.NEVER], repeat=2)
    best = max(pooled_f1(answers, truths, {"x": x, "y": y}) for x, y in combinations)
    assert set(chosen) == {"x", "y"}
    assert pooled_f1(answers, truths, chosen) == pytest.approx(best, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(answer, max_size=10), st.tuples(*[st.sampled_from([0.0, *CONFIDENCES, 2.0])] * 2))
def test_exactly_the_answers_at_or_above_their_threshold_stay(answers, levels):
    chosen = dict(zip("xy", levels, strict=True))
    kept = thresholds.apply_thresholds(brute_force.with_confidence(answers), chosen)
    expected = [answer for answer in answers if answer[3] >= chosen[answer[0][3]]]
    assert kept.equals(brute_force.with_confidence(expected))


def test_thresholds_are_raised_for_as_long_as_that_helps():
    # All hits first: x .25, y .25 (F1 .63); then x .5, y .25 (.73); then x .5, y .9 (.75).
    answers, truths = [], []
    for action, confidence, hits, misses in (
        ("x", 0.9, 1, 0), ("x", 0.5, 1, 0), ("x", 0.25, 1, 4), ("y", 0.9, 1, 0), ("y", 0.25, 1, 2),
    ):  # fmt: skip
        for miss in range(hits + misses):
            start = 100 * len(answers)
            answers.append((("a", 1, 0, action), start, start + 12, confidence))
            truths += [answers[-1][:3]] if miss < hits else []
    assert tune_on(answered(answers, truths)) == {"x": 0.5, "y": 0.9}


def test_an_action_that_is_never_answered_has_a_threshold_and_costs_the_others_nothing():
    x, y = ("a", 1, 0, "x"), ("a", 1, 0, "y")
    chosen = tune_on(answered([(x, 0, 12, 0.5), (x, 30, 42, 0.1)], [(x, 0, 12), (y, 0, 12)]))
    assert chosen == {"x": 0.5, "y": thresholds.NEVER}


def test_an_action_that_is_always_wrong_is_not_answered():
    x, y = ("a", 1, 0, "x"), ("a", 1, 0, "y")
    chosen = tune_on(answered([(x, 0, 12, 0.5), (y, 30, 42, 0.9)], [(x, 0, 12), (y, 0, 12)]))
    assert chosen == {"x": 0.5, "y": thresholds.NEVER}


def test_without_any_event_nothing_is_answered():
    found = answered([(KEYS[0], 0, 12, 0.9)], [])
    chosen = tune_on(found)
    assert chosen == {"x": thresholds.NEVER, "y": thresholds.NEVER}
    assert apply_tuned_thresholds(found, found).is_empty()


def test_of_equally_good_thresholds_the_highest_is_taken():
    x = KEYS[0]
    found = answered([(x, 0, 12, 0.5), (x, 0, 12, 0.25), (x, 30, 42, 0.1)], [(x, 0, 12)])
    assert tune_on(found)["x"] == 0.5


def study(names, flipped=()):
    """Matches whose confident answer is right and whose doubtful one is wrong.

    In a flipped one it is the reverse, with so many events that it outweighs the others.
    """
    keys = {name: (name, 1, 0, "x") for name in names}
    answers, truths = [], []
    for name, key in keys.items():
        right, wrong = (key, 0, 12), (key, 30, 42)
        answers += [(*right, 0.9), (*wrong, 0.25)]
        truths += [wrong] * 50 if name in flipped else [right]
    return answered(answers, truths, keys.values())


def kept_of(match, found, tuning=None):
    kept = apply_tuned_thresholds(found, tuning or found)
    return kept.filter(match=match)["confidence"].to_list()


@pytest.mark.parametrize("match", list("abcdefg"))
def test_a_match_is_never_judged_by_a_threshold_that_saw_its_labels(match):
    before, after = study("abcdefg"), study("abcdefg", flipped=match)
    assert kept_of(match, before) == kept_of(match, after) == [0.9]
    assert tune_on(before) == {"x": 0.9}
    assert tune_on(after) == {"x": 0.25}  # what it would have been judged by


def test_labels_of_the_other_folds_decide():
    assert kept_of("a", study("abcdefg", flipped="bcdefg")) == [0.9, 0.25]
    assert kept_of("a", study("abcdefg", flipped="a")) == [0.9]


def test_labels_of_the_scored_split_do_not_matter_when_it_is_not_tuned_on():
    tuning = study("vw")
    for flipped in ("", "ab"):
        assert kept_of("a", study("ab", flipped), tuning) == [0.9]
    assert kept_of("a", study("ab"), study("vw", flipped="vw")) == [0.9, 0.25]


def test_every_match_is_judged_exactly_once():
    found = study("abcdefghijklm")
    assert sorted(apply_tuned_thresholds(found, found)["match"]) == list("abcdefghijklm")


def test_a_single_match_is_judged_by_its_own_thresholds():
    assert kept_of("a", study("a", flipped="a")) == [0.9, 0.25]


def test_the_command_scores_the_sound_matches_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silence = pl.DataFrame(schema=schema.COMMENTARY)
    samples = make_samples(silence, {1: 90.0}, ["x", "y"], 60.0, 0.0)
    events = pl.DataFrame([(1, 30.0, "x", "X", None, None)], schema.LABELS, orient="row")
    for match, broken in (("a", None), ("b", None), ("c", "labels"), ("d", "commentary")):
        problems = [Problem(match, "labels", "broken.", "Mend.", MATCH_SET_ASIDE)]
        asked = samples.clear() if broken == "commentary" else samples
        answers = constant.load({}, None).answer(Match(match, asked))
        listed = problems if broken == "labels" else []
        schema.write(f"results/labels/{match}.parquet", events, schema.LABELS, listed)
        schema.write(f"results/samples/{match}.parquet", asked, schema.SAMPLES)
        schema.write(f"said/{match}.parquet", answers, schema.PREDICTIONS)
    common = ["--predictions", "said/{match}.parquet", "--out", "s", "--thresholds", "t.csv",
              "--answers", "answers.parquet", "--tally", "tally.parquet"]  # fmt: skip

    def scored(*arguments):
        score.main([*common, *arguments])
        table = schema.read("s", schema.SCORES).filter(protocol="full", matching="many")
        rows = table.select("match", "action", "tp", "fp", "fn").rows()
        return rows, dict(pl.read_csv("t.csv").iter_rows())

    every = [(match, *row) for match in "ab" for row in (("x", 1, 1, 0), ("y", 0, 2, 0))]
    assert scored("--matches", *"abcd") == (every, {"x": 0.0, "y": 0.0})
    tuned = [(match, *row) for match in "ab" for row in (("x", 1, 1, 0), ("y", 0, 0, 0))]
    assert scored("--matches", *"abcd", "--tune", *"abcd") == (tuned, {"x": 1.0, "y": 2.0})
    with pytest.raises(InputError, match="no match to score"):
        score.main([*common, "--matches", *"cd"])


def test_every_answered_match_is_counted_once_by_status(tmp_path):
    rows = [(1, n, "x", [], status, "t", 5, None, None, 0.25) for n, status in
            enumerate(["ok", "none", "none", "skipped"])]  # fmt: skip
    table = pl.DataFrame(rows, schema.PREDICTIONS, orient="row")
    for match, answered in (("a", table), ("b", table.clear())):
        schema.write(tmp_path / f"{match}.parquet", answered, schema.PREDICTIONS)
    counted = score.tally(str(tmp_path / "{match}.parquet"), ["a", "b"])
    assert counted.schema == schema.TALLY
    assert counted.row(0) == ("a", 4, 1, 2, 0, 0, 0, 0, 1, 20, None, None, 1.0)
    assert counted.row(1) == ("b", *[0] * 8, None, None, None, None)

"""Tuned thresholds are the best ones, and exactly the answers that reach them count."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute_force
from touchline.core.problems import InputError
from touchline.evaluation import thresholds
from touchline.evaluation.score import apply_tuned_thresholds, tune_on

KEYS = [(match, 1, chunk, action) for match in "ab" for chunk in (0, 1) for action in ("x", "y")]
CONFIDENCES = [0.1, 0.25, 0.5, 0.9]
truth = st.builds(
    lambda key, start: (key, start, start + 12), st.sampled_from(KEYS), st.integers(0, 15)
)
answer = st.builds(
    lambda truth, confidence: (*truth, confidence), truth, st.sampled_from(CONFIDENCES)
)


def answered(answers, truths):
    return brute_force.answered(answers, truths, KEYS)


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
    tables = answered([(KEYS[0], 0, 12, 0.9)], [])
    chosen = tune_on(tables)
    assert chosen == {"x": thresholds.NEVER, "y": thresholds.NEVER}
    assert apply_tuned_thresholds(tables, tables).is_empty()


def test_of_equally_good_thresholds_the_highest_is_taken():
    x = KEYS[0]
    tables = answered([(x, 0, 12, 0.5), (x, 0, 12, 0.25), (x, 30, 42, 0.1)], [(x, 0, 12)])
    assert tune_on(tables)["x"] == 0.5


@pytest.mark.parametrize(
    "content",
    [b"", b"action,threshold\ngoal\n", b"action,threshold\ngoal,x\n", b"a,b\n1,2\n", b"\xff\0"],
)
def test_a_damaged_file_of_thresholds_is_one_sentence(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(
        InputError, match=r"x\.csv: is no table of thresholds by action\. Delete it"
    ):
        thresholds.read_thresholds(tmp_path / "x.csv")

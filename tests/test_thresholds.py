from itertools import product

import brute_force
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from touchline import thresholds
from touchline.score import Answered, decide, tune

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
    chosen = tune(answered(answers, truths))
    combinations = product([*CONFIDENCES, thresholds.NEVER], repeat=2)
    best = max(pooled_f1(answers, truths, {"x": x, "y": y}) for x, y in combinations)
    assert set(chosen) == {"x", "y"}
    assert pooled_f1(answers, truths, chosen) == pytest.approx(best, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(answer, max_size=10), st.tuples(*[st.sampled_from([0.0, *CONFIDENCES, 2.0])] * 2))
def test_exactly_the_answers_at_or_above_their_threshold_stay(answers, levels):
    chosen = dict(zip("xy", levels, strict=True))
    kept = thresholds.apply(brute_force.with_confidence(answers), chosen)
    expected = [answer for answer in answers if answer[3] >= chosen[answer[0][3]]]
    assert kept.equals(brute_force.with_confidence(expected))


def test_an_action_that_is_never_answered_has_a_threshold_and_costs_the_others_nothing():
    x, y = ("a", 1, 0, "x"), ("a", 1, 0, "y")
    chosen = tune(answered([(x, 0, 12, 0.5), (x, 30, 42, 0.1)], [(x, 0, 12), (y, 0, 12)]))
    assert chosen == {"x": 0.5, "y": thresholds.NEVER}


def test_an_action_that_is_always_wrong_is_not_answered():
    x, y = ("a", 1, 0, "x"), ("a", 1, 0, "y")
    chosen = tune(answered([(x, 0, 12, 0.5), (y, 30, 42, 0.9)], [(x, 0, 12), (y, 0, 12)]))
    assert chosen == {"x": 0.5, "y": thresholds.NEVER}


def test_without_any_event_nothing_is_answered():
    found = answered([(KEYS[0], 0, 12, 0.9)], [])
    chosen = tune(found)
    assert chosen == {"x": thresholds.NEVER, "y": thresholds.NEVER}
    assert decide(found, found).is_empty()


def test_of_equally_good_thresholds_the_highest_is_taken():
    x = KEYS[0]
    found = answered([(x, 0, 12, 0.5), (x, 0, 12, 0.25), (x, 30, 42, 0.1)], [(x, 0, 12)])
    assert tune(found)["x"] == 0.5


def study(names, flipped=()):
    """Matches whose confident answer is right and whose doubtful one wrong; flipped: the reverse."""
    keys = {name: (name, 1, 0, "x") for name in names}
    answers, truths = [], []
    for name, key in keys.items():
        right, wrong = (0, 12), (30, 42)
        answers += [(key, *right, 0.9), (key, *wrong, 0.25)]
        truths += (
            [(key, *wrong), (key, 31, 43), (key, 29, 41)] if name in flipped else [(key, *right)]
        )
    return answered(answers, truths, keys.values())


def kept_of(match, found, tuning=None):
    kept = decide(found, tuning or found)
    return kept.filter(match=match)["confidence"].to_list()


@pytest.mark.parametrize("match", list("abcdefg"))
def test_a_match_is_never_judged_by_a_threshold_that_saw_its_labels(match):
    before, after = study("abcdefg"), study("abcdefg", flipped=match)
    assert kept_of(match, before) == kept_of(match, after) == [0.9]
    # Its labels do decide for others, and would for itself if all matches were tuned on.
    assert tune(before.of([match])) != tune(after.of([match]))


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
    assert sorted(decide(found, found)["match"]) == list("abcdefghijklm")


def test_a_single_match_is_judged_by_its_own_thresholds():
    assert kept_of("a", study("a", flipped="a")) == [0.9, 0.25]

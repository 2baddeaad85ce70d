import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute_force
from touchline.core import schema
from touchline.core.intervals import chunk_spans
from touchline.evaluation.matching import (
    answer_intervals,
    count,
    one_to_one,
    pairs,
    truth_intervals,
)
from touchline.models.peaks import to_predictions

KEYS = [("a", 1, 0, "goal"), ("a", 1, 1, "goal"), ("a", 2, 0, "foul"), ("b", 1, 0, "goal")]
GOAL = KEYS[0]
# A coarse grid, so that ties, duplicates, touching and zero-length intervals are common; 10 s
# against 3 s is an IoU of exactly 0.3.
span = st.builds(
    lambda key, start, length: (key, start, start + length),
    st.sampled_from([GOAL, *KEYS]),
    st.integers(0, 12),
    st.sampled_from([0, 3, 6, 10, 12]),
)


def counted(answers, truths, keys=KEYS):
    table = count(brute_force.samples(keys), brute_force.table(truths), brute_force.table(answers))
    return {row[:4]: row[4:] for row in table.rows()}


def match_counts(answers, truths, matching):
    return counted(answers, truths)["a", "full", matching, "goal"][3:]


@settings(max_examples=300, deadline=None)
@given(st.lists(span, max_size=6), st.lists(span, max_size=6))
def test_counts_equal_a_brute_force_search(answers, truths):
    expected = {}
    with_event = {truth[0] for truth in truths}
    for protocol in ("full", "positives"):
        kept = [key for key in KEYS if protocol == "full" or key in with_event]
        for match, action in {(key[0], key[3]) for key in kept}:
            in_group = [key for key in kept if (key[0], key[3]) == (match, action)]
            given = [answer for answer in answers if answer[0] in in_group]
            true = [truth for truth in truths if truth[0] in in_group]
            for matching in ("many", "one"):
                expected[match, protocol, matching, action] = (
                    len(in_group), len(true), len(given), *brute_force.counts(given, true, matching),
                )  # fmt: skip
    assert counted(answers, truths) == expected


@pytest.mark.parametrize(
    ("answers", "truths", "many", "one"),
    [
        ([], [], (0, 0, 0), (0, 0, 0)),
        ([(0, 12)], [], (0, 1, 0), (0, 1, 0)),
        ([], [(0, 12)], (0, 0, 1), (0, 0, 1)),
        ([(0, 12)] * 2, [(0, 12)], (2, 0, 0), (1, 1, 0)),  # a repeated answer
        ([(0, 12)], [(0, 12)] * 2, (2, 0, 0), (1, 0, 1)),  # a repeated event
        ([(0, 12)] * 3, [(0, 12)] * 2, (6, 0, 0), (2, 1, 0)),
        ([(0, 10)], [(0, 3)], (0, 1, 1), (0, 1, 1)),  # exactly 0.3 is no match
        ([(0, 10)], [(0, 4)], (1, 0, 0), (1, 0, 0)),
        ([(5, 5)], [(5, 5)], (0, 1, 1), (0, 1, 1)),  # no length
        # The greedy choice (first answer, first event) would leave the second answer over.
        ([(5, 17), (0, 12)], [(3, 15), (10, 22)], (3, 0, 0), (2, 0, 0)),
    ],
)
def test_the_two_matchings_on_cases_that_tell_them_apart(answers, truths, many, one):
    answers = [(GOAL, *answer) for answer in answers]
    truths = [(GOAL, *truth) for truth in truths]
    assert match_counts(answers, truths, "many") == many
    assert match_counts(answers, truths, "one") == one


def test_one_to_one_keeps_pairs_and_uses_nothing_twice():
    answers = brute_force.table([(GOAL, start, start + 12) for start in (5, 0, 0, 40)])
    truths = brute_force.table([(GOAL, start, start + 12) for start in (3, 10)])
    every = pairs(answers, truths)
    chosen = one_to_one(every)
    assert len(every) == 4
    assert len(chosen) == 2
    assert chosen["answer"].is_unique().all()
    assert chosen["truth"].is_unique().all()
    assert set(chosen.rows()) <= set(every.rows())


def labelled(*times):
    rows = [(1, time_s, "goal", "Goal", "home", "visible") for time_s in times]
    return pl.DataFrame(rows, schema.LABELS, orient="row")


def samples_of(duration_s, overlap_s=0.0):
    chunks = enumerate(chunk_spans(duration_s, 60.0, overlap_s))
    rows = [("a", 1, chunk, *chunk_span, "goal", []) for chunk, chunk_span in chunks]
    return pl.DataFrame(rows, {"match": pl.String} | schema.SAMPLES, orient="row")


@pytest.mark.parametrize(
    ("time_s", "chunk"), [(0.0, 0), (2.0, 0), (58.0, 0), (60.0, 1), (118.0, 1), (119.5, 1)]
)
def test_an_event_at_a_border_is_in_one_sample_and_not_cut_there(time_s, chunk):
    samples = samples_of(119.5)
    truths = truth_intervals(samples, labelled(time_s))
    assert truths.select("match", "chunk", "start_s", "end_s").rows() == [
        ("a", chunk, time_s - 6, time_s + 6)
    ]
    answer = truths.select(*brute_force.KEY, "start_s", "end_s")
    table = count(samples, truths, answer).filter(protocol="positives", matching="one")
    assert table.select("samples", "tp", "fp", "fn").rows() == [(1, 1, 0, 0)]


def test_an_answer_in_the_neighbouring_chunk_is_no_match():
    answers = [(("a", 1, 1, "goal"), 54, 66)]
    assert match_counts(answers, [(GOAL, 54, 66)], "many") == (0, 1, 1)


def test_an_event_counts_in_each_overlapping_chunk():
    samples = samples_of(100.0, overlap_s=20.0)
    truths = truth_intervals(samples, labelled(50.0))
    assert truths["chunk"].to_list() == [0, 1]
    table = count(samples, truths, brute_force.table([])).filter(protocol="full", matching="many")
    assert table.select("samples", "events", "fn").rows() == [(2, 2, 2)]


def test_answers_are_one_row_per_interval_in_their_sample():
    samples = samples_of(180.0)
    times = [130.0, 20.0, 45.0]
    spots = pl.DataFrame(
        {"half": 1, "time_s": times, "action": "goal", "confidence": [0.5, 0.25, 1.0]}
    ).cast({"half": pl.Int64})
    predictions = to_predictions(samples, spots).with_columns(match=pl.lit("a"))
    assert answer_intervals(predictions).select("chunk", "start_s", "confidence").rows() == [
        (0, 14.0, 0.25), (0, 39.0, 1.0), (2, 124.0, 0.5),
    ]  # fmt: skip
    assert answer_intervals(predictions.filter(chunk=1)).is_empty()

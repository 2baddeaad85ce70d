"""Peak picking: non-maximum suppression, spots as intervals, and the greedy choice of intervals."""

import itertools

import numpy as np
import polars as pl
import pytest

from planted import KEY, make_match
from touchline.core.iou import iou, max_distance_s
from touchline.core.schema import COMMENTARY
from touchline.data.samples import make_samples
from touchline.models.peaks import MIN_EXPECTED_MATCHES, choose_intervals, suppress, to_predictions


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


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("length_s", [12.0, 39.0])
def test_the_first_answer_matches_most_of_the_events_that_are_expected_in_its_chunk(seed, length_s):
    draw = np.random.default_rng(seed)
    samples = make_samples(pl.DataFrame(schema=COMMENTARY), {1: 150.0}, ["goal", "foul"], 60.0, 0.0)
    rates = {"goal": draw.random(75) ** 8}  # nobody knows of a foul
    answers = choose_intervals(samples, rates, 2.0, length_s)
    assert set(answers.filter(action="foul")["status"]) == {"none"}
    middles = np.arange(75) * 2 + 1.0
    for start_s, intervals in zip(
        (0, 60, 120), answers.filter(action="goal")["intervals"], strict=True
    ):
        inside = (middles >= start_s) & (middles < start_s + 60)
        table = pl.DataFrame({"a": middles - length_s / 2, "b": middles + length_s / 2}).join(
            pl.DataFrame({"c": middles - 6, "d": middles + 6, "rate": rates["goal"] * inside}),
            how="cross", maintain_order="left_right",
        )  # fmt: skip
        matched = pl.when(iou(*map(pl.col, "abcd")) > 0.3).then("rate").otherwise(0)
        expected = table.select(matched).to_series().to_numpy().reshape(75, 75).sum(axis=1)
        best = max(intervals.to_list(), key=lambda interval: interval["confidence"])
        assert best["confidence"] == pytest.approx(1 - np.exp(-expected[inside].max()))
        step = int((best["start_s"] + length_s / 2) // 2)
        assert inside[step]
        assert expected[step] == pytest.approx(expected[inside].max())


def test_a_given_confidence_is_shared_by_intervals_that_match_the_same_events():
    samples = make_samples(pl.DataFrame(schema=COMMENTARY), {1: 60.0}, ["goal"], 60.0, 0.0)
    rate = np.zeros(60)
    rate[20:40] = 0.1  # an interval matches thirteen of these seconds
    given = {"goal": np.full(60, 0.8)}
    (intervals,) = choose_intervals(samples, {"goal": rate}, 1.0, 12.0, given)["intervals"]
    found = [interval["confidence"] for interval in intervals.to_list()]
    assert found == pytest.approx([0.8, 0.8 * 7 / 13])


def test_nothing_is_answered_twice_and_nothing_below_the_least():
    samples = make_samples(pl.DataFrame(schema=COMMENTARY), {1: 60.0}, ["goal"], 60.0, 0.0)
    rate = np.full(30, MIN_EXPECTED_MATCHES / 20)
    rate[5] = 3.0  # one event, certain
    (intervals,) = choose_intervals(samples, {"goal": rate}, 2.0, 12.0)["intervals"]
    assert len(intervals.to_list()) == 1


@pytest.mark.parametrize("length_s", [3.0, 4.0, 6.0, 12.0, 24.0, 39.9, 40.0, 50.0])
def test_reach_is_as_far_as_an_answer_matches(length_s):
    apart = np.arange(0, 40, 0.01)
    half = length_s / 2
    table = pl.DataFrame({"a": apart - half, "b": apart + half}).with_columns(c=-6.0, d=6.0)
    matches = table.select(iou(*map(pl.col, "abcd")) > 0.3).to_series().to_numpy()
    reach = apart[matches].max() if matches.any() else 0
    assert max_distance_s(length_s) == pytest.approx(reach, abs=0.011)

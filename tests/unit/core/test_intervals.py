"""Chunks of a half, intervals around moments, and the chunks that moments lie in."""

import math
from itertools import pairwise

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from touchline.core.config import SCHEMAS
from touchline.core.intervals import MAX_HALF_S, chunk_spans, interval_around
from touchline.core.iou import assign_chunks


def chunks_holding(time_s, chunks, half=1):
    """Return the numbers of the chunks of half 1 that a moment of `half` lies in."""
    rows = [(1, chunk, *span, "goal") for chunk, span in enumerate(chunks)]
    samples = pl.DataFrame(rows, ["half", "chunk", "start_s", "end_s", "action"], orient="row")
    moments = pl.DataFrame({"half": [half], "time_s": [float(time_s)], "action": ["goal"]})
    return assign_chunks(moments, samples)["chunk"].to_list()


@given(
    duration_s=st.integers(1, 6_000_000).map(lambda ms: ms / 1000),
    chunk_s=st.integers(5, 600),
    share=st.sampled_from([0, 1, 3, 4]),
)
def test_chunks_cover_the_half_with_no_chunk_inside_another(duration_s, chunk_s, share):
    overlap_s = chunk_s * share // 5
    chunks = chunk_spans(duration_s, chunk_s, overlap_s)
    assert chunks[0][0] == 0
    assert chunks[-1][1] == duration_s
    assert all(start_s < end_s for start_s, end_s in chunks)
    for (start_s, end_s), (next_start_s, next_end_s) in pairwise(chunks):
        assert end_s == start_s + chunk_s
        assert next_start_s == end_s - overlap_s
        assert next_end_s > end_s
    if not overlap_s:
        assert len(chunks) == math.ceil(duration_s / chunk_s)


def test_the_last_chunk_is_whole_or_short_but_never_empty():
    assert chunk_spans(120, 60) == [(0, 60), (60, 120)]
    assert chunk_spans(120.5, 60)[-1] == (120, 120.5)
    assert chunk_spans(3, 60) == [(0, 3)]
    assert chunk_spans(100, 60, 20) == [(0, 60), (40, 100)]


@pytest.mark.parametrize("arguments", [(0, 60), (-1, 60), (90, 60, 60), (90, 60, -1), (90, 0)])
def test_impossible_lengths_and_overlaps_are_refused(arguments):
    with pytest.raises(ValueError, match="no grid"):
        chunk_spans(*arguments)


def test_an_interval_is_centred_and_not_cut():
    assert interval_around(2.0) == (-4, 8)
    assert interval_around(50.0, 3.0) == (48.5, 51.5)


@pytest.mark.parametrize(
    ("time_s", "chunks"),
    [(0, [0]), (59.999, [0]), (60, [1]), (119.999, [1]), (120, [2]), (130.5, [2]), (130.6, [])],
)
def test_a_border_belongs_to_the_later_chunk_and_the_end_of_the_half_to_the_last(time_s, chunks):
    assert chunks_holding(time_s, chunk_spans(130.5, 60)) == chunks


@pytest.mark.parametrize(
    ("time_s", "chunks"),
    [(39, [0]), (40, [0, 1]), (59.9, [0, 1]), (60, [1]), (80, [1, 2]), (100, [2]), (110, [2])],
)
def test_a_moment_is_in_every_chunk_that_overlaps_it(time_s, chunks):
    assert chunks_holding(time_s, chunk_spans(110, 60, 20)) == chunks


def test_the_last_chunk_of_one_half_is_not_that_of_another():
    rows = [(1, 0, 0.0, 60.0, "goal"), (2, 0, 0.0, 60.0, "goal"), (2, 1, 60.0, 90.0, "goal")]
    samples = pl.DataFrame(rows, ["half", "chunk", "start_s", "end_s", "action"], orient="row")
    moments = pl.DataFrame({"half": [1, 2], "time_s": [60.0, 60.0], "action": ["goal", "goal"]})
    placed = assign_chunks(moments.with_columns(team=pl.lit("home")), samples)
    assert placed.select("half", "chunk", "team").rows() == [(1, 0, "home"), (2, 1, "home")]


def test_moments_without_a_sample_are_dropped():
    assert chunks_holding(10, chunk_spans(60, 60), half=2) == []
    samples = pl.DataFrame({"half": [1], "chunk": [0], "start_s": [0.0], "end_s": [60.0]})
    moments = pl.DataFrame({"half": [1, 1], "time_s": [5.0, 6.0], "action": ["goal", "foul"]})
    placed = assign_chunks(moments, samples.with_columns(action=pl.lit("foul")))
    assert placed.select("action", "time_s").rows() == [("foul", 6.0)]


def test_a_length_that_no_half_has_makes_no_grid():
    assert len(chunk_spans(MAX_HALF_S, 60)) == 240
    for length_s in (MAX_HALF_S + 1, 10_000_004, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="no grid"):
            chunk_spans(length_s, 60)


def test_the_sheet_takes_lengths_up_to_the_same_limit():
    schema = yaml.safe_load((SCHEMAS / "sheet.schema.yaml").read_text())
    assert schema["properties"]["duration_s"]["maximum"] == MAX_HALF_S

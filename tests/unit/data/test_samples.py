"""Samples: chunks × actions, and the commentary that overlaps each chunk."""

import math
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.core import schema
from touchline.core.intervals import chunk_spans
from touchline.core.problems import NOTED, InputError, Problem
from touchline.data import loops, samples

ACTIONS = ["goal", "corner"]


def _segments(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema.COMMENTARY, orient="row")


def _texts(segments, durations, length_s=60.0, overlap_s=0.0) -> dict:
    made = samples.make_samples(segments, durations, ["goal"], length_s, overlap_s)
    rows = made.select("half", "chunk", "lines").iter_rows()
    return {(half, chunk): [line["text"] for line in lines] for half, chunk, lines in rows}


@pytest.mark.parametrize(
    ("duration_s", "overlap_s", "spans"),
    [
        (120.0, 0, [(0, 60), (60, 120)]),
        (150.0, 0, [(0, 60), (60, 120), (120, 150)]),
        (120.04, 0, [(0, 60), (60, 120), (120, 120.04)]),
        (10.0, 0, [(0, 10)]),
        (150.0, 20, [(0, 60), (40, 100), (80, 140), (120, 150)]),
        (140.0, 20, [(0, 60), (40, 100), (80, 140)]),
        (15.0, 20, [(0, 15)]),
    ],
)
def test_a_half_is_cut_into_chunks_of_which_the_last_may_be_shorter(duration_s, overlap_s, spans):
    assert chunk_spans(duration_s, 60, overlap_s) == spans


@given(st.integers(1, 2 * 3600 * 25))
def test_the_number_of_chunks_is_the_duration_rounded_up(frames):
    spans = chunk_spans(frames / 25, 60)
    assert len(spans) == math.ceil(frames / (25 * 60))
    assert spans[-1][1] == frames / 25


@given(st.integers(1, 7200 * 4), st.integers(5, 300), st.floats(0, 0.99))
def test_chunks_cover_the_half_and_none_lies_inside_the_one_before(quarters, chunk_s, part):
    spans = chunk_spans(quarters / 4, chunk_s, int(part * chunk_s))
    assert spans[0][0] == 0
    assert spans[-1][1] == quarters / 4
    for (_, end_s), (next_start_s, next_end_s) in pairwise(spans):
        assert next_start_s <= end_s
        assert next_end_s > end_s


def test_samples_are_ordered_by_half_chunk_and_the_actions_as_given():
    made = samples.make_samples(_segments(), {2: 61.0, 1: 60.0}, ACTIONS, 60, 0)
    assert made.select("half", "chunk", "action").rows() == [
        (1, 0, "goal"), (1, 0, "corner"),
        (2, 0, "goal"), (2, 0, "corner"), (2, 1, "goal"), (2, 1, "corner"),
    ]  # fmt: skip
    assert dict(made.schema) == dict(schema.SAMPLES)


@pytest.mark.parametrize(
    ("start_s", "end_s", "chunks"),
    [
        (10, 20, [0]),
        (50, 60, [0]),
        (50, 60.01, [0, 1]),
        (60, 70, [1]),
        (10, 130, [0, 1, 2]),
        (30, 30, [0]),
        (60, 60, [1]),
        (140, 200, [2]),
        (150, 160, []),
    ],
)
def test_a_line_belongs_to_every_chunk_that_it_overlaps(start_s, end_s, chunks):
    made = _texts(_segments((1, start_s, end_s, "a")), {1: 150.0, 2: 150.0})
    assert [key for key, lines in made.items() if lines] == [(1, chunk) for chunk in chunks]


def test_with_overlap_a_line_belongs_to_both_chunks():
    made = _texts(_segments((1, 45, 50, "a")), {1: 100.0}, overlap_s=20)
    assert made == {(1, 0): ["a"], (1, 1): ["a"]}


def test_lines_are_in_order_of_time_whatever_the_order_of_the_segments():
    made = _texts(_segments((1, 9, 10, "c"), (1, 1, 9, "b"), (1, 1, 2, "a")), {1: 60.0})
    assert made == {(1, 0): ["a", "b", "c"]}


def test_a_half_without_commentary_has_samples_without_lines():
    made = _texts(_segments((2, 1, 2, "a")), {1: 60.0, 2: 60.0})
    assert made == {(1, 0): [], (2, 0): ["a"]}


def test_loops_are_collapsed_to_their_first_line():
    looped = _segments(
        (1, 0, 1, "Goal!"), (1, 1, 2, "goal"), (1, 2, 3, "GOAL."), (1, 3, 4, "What a goal."),
        (1, 4, 5, "Goal!"),
    )  # fmt: skip
    assert loops.collapse_loops(looped).select("start_s").to_series().to_list() == [0, 3, 4]


def test_a_loop_ends_with_the_half():
    looped = _segments((1, 0, 1, "Goal!"), (2, 0, 1, "Goal!"), (2, 1, 2, "Goal!"))
    assert loops.collapse_loops(looped).rows() == [(1, 0, 1, "Goal!"), (2, 0, 1, "Goal!")]


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the command on segments and returns the path of its table."""

    def main(segments, *more, problems=(), out="samples.parquet"):
        schema.write(tmp_path / "commentary.parquet", segments, schema.COMMENTARY, problems)
        samples.main([
            "--commentary", str(tmp_path / "commentary.parquet"), "--out", str(tmp_path / out),
            "--durations", '{"1": 90.0, "2": 60}', "--actions", *ACTIONS, *more,
        ])  # fmt: skip
        return tmp_path / out

    return main


LOOP = _segments((1, 0, 1, "Goal!"), (1, 1, 2, "Goal!"), (1, 61, 62, "A corner."))


@pytest.mark.parametrize(("more", "lines"), [([], 1), (["--no-collapse-loops"], 2)])
def test_collapsing_loops_is_a_setting(run, more, lines):
    made = schema.read(run(LOOP, *more), schema.SAMPLES)
    assert made["lines"].list.len().to_list() == [lines, lines, 1, 1, 0, 0]


def test_a_match_whose_commentary_was_set_aside_has_no_samples(run):
    broken = Problem("m", "commentary", "is broken.", "Fetch it again.")
    assert schema.read(run(LOOP, problems=[broken]), schema.SAMPLES).is_empty()


def test_a_match_with_a_note_on_its_commentary_keeps_its_samples(run):
    note = Problem("m", "commentary", "blank lines left out: 2.", "Nothing to do.", NOTED)
    assert len(schema.read(run(LOOP, problems=[note]), schema.SAMPLES)) == 6


def test_a_second_run_gives_the_same_bytes(run):
    first = run(LOOP).read_bytes()
    assert run(LOOP, out="again.parquet").read_bytes() == first


@pytest.mark.parametrize("overlap_s", ["60", "75", "-1"])
def test_an_impossible_overlap_is_an_input_error(run, overlap_s):
    with pytest.raises(InputError, match=r"Make the overlap .* smaller than the length"):
        run(LOOP, "--overlap-s", overlap_s)


def test_a_file_that_is_not_a_table_is_an_input_error(tmp_path):
    (tmp_path / "c.parquet").write_text("no parquet")
    with pytest.raises(InputError, match=r"c\.parquet: not a readable Parquet file .* Delete it"):
        samples.main([
            "--commentary", str(tmp_path / "c.parquet"), "--durations", "{}",
            "--actions", "goal", "--out", str(tmp_path / "s.parquet"),
        ])  # fmt: skip
    assert not (tmp_path / "s.parquet").exists()

"""IoU of time intervals."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.core.iou import iou

COLUMNS = ["a_start", "a_end", "b_start", "b_end"]


def measure(*intervals):
    """Return the IoU of each (a_start, a_end, b_start, b_end)."""
    frame = pl.DataFrame([[float(x) for x in row] for row in intervals], COLUMNS, orient="row")
    return frame.select(iou(*map(pl.col, COLUMNS))).to_series().to_list()


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ((0, 12, 0, 12), 1),
        ((0, 12, 12, 24), 0),  # touching
        ((0, 12, 20, 32), 0),  # disjoint
        ((0, 12, 3, 6), 3 / 12),  # nested
        ((3, 6, 0, 12), 3 / 12),
        ((0, 12, 6, 18), 6 / 18),
        ((5, 5, 0, 12), 0),  # no length
        ((5, 5, 5, 5), 0),
        ((5, 5, 7, 7), 0),
    ],
)
def test_iou_is_overlap_over_the_whole_extent(intervals, expected):
    assert measure(intervals) == [expected]


seconds = st.integers(-50, 50)
intervals = st.tuples(seconds, seconds).map(sorted)


@given(st.lists(st.tuples(intervals, intervals), min_size=1, max_size=20))
def test_iou_equals_the_plain_formula_and_is_symmetric(pairs):
    expected = []
    for (a, b), (c, d) in pairs:
        extent = max(b, d) - min(a, c)
        expected.append(max(0, min(b, d) - max(a, c)) / extent if extent else 0.0)
    assert measure(*((*first, *second) for first, second in pairs)) == expected
    assert measure(*((*second, *first) for first, second in pairs)) == expected

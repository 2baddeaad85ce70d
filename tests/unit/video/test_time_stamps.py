"""Repair of time stamps: every item once, in order, at rising times; good times are kept."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from touchline.video.time_stamps import join_restarts, make_rising, sort_times

TICK = Fraction(1, 25)


def repaired(*times):
    items = [(None if t is None else Fraction(t), place) for place, t in enumerate(times)]
    return list(make_rising(items, TICK))


def test_good_times_are_kept():
    times = [Fraction(t, 10) for t in (0, 1, 2, 9, 100, 101)]
    assert repaired(*times) == list(zip(times, range(6), strict=True))


def test_what_repeats_or_steps_back_or_has_no_time_lies_between_its_neighbours():
    for third in (1, Fraction(9, 10), None):
        times = [time_s for time_s, _ in repaired(0, 1, third, 2)]
        assert times == [0, 1, 1 + TICK, 2]
    assert [float(t) for t, _ in repaired(0, 1, 1, 1, 1.03)] == [0, 1, 1.01, 1.02, 1.03]


def test_a_single_time_that_jumps_ahead_moves_no_other():
    assert [time_s for time_s, _ in repaired(0, 1, 5000, 3, 4)] == [0, 1, 1 + TICK, 3, 4]


def test_a_clock_that_starts_again_goes_on():
    times = [time_s for time_s, _ in repaired(10, 11, 0, 1)]
    assert times == [10, 11, 11 + TICK, 12 + TICK]
    sound = [(Fraction(t), t) for t in (10, 11, 0, 1)]
    joined = [time_s for time_s, _ in join_restarts(sound, lambda _: Fraction(1))]
    assert joined == [10, 11, 12, 13]


def test_times_of_decoding_become_those_of_display():
    items = [(Fraction(t), place) for place, t in enumerate((0, 2, 3, 1, 4, 6, 5))]
    assert list(sort_times(items, 4)) == [(Fraction(t), t) for t in range(7)]


@given(st.lists(st.none() | st.fractions(-100, 100, max_denominator=50), max_size=60))
def test_whatever_the_times_are_no_item_is_lost_after_the_first_time(times):
    items = repaired(*times)
    first = next((place for place, t in enumerate(times) if t is not None), len(times))
    assert [place for _, place in items] == list(range(first, len(times)))
    shown = [time_s for time_s, _ in items]
    assert all(a < b for a, b in pairwise(shown))

"""Times on the clocks of a chunk, a half and a match, and their texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.core import clock

HALVES = (1, 2, 3, 4, 5)


def half_s(text, name, half, start_s):
    """Return the second of the half for a text that a clock shows."""
    return clock.parse_time(text) + clock.zero_s(name, half, start_s)


@pytest.mark.parametrize(
    ("half", "shown"), [(1, "01:05"), (2, "46:05"), (3, "91:05"), (4, "106:05"), (5, "121:05")]
)
def test_the_match_clock_starts_each_half_where_the_rules_say(half, shown):
    assert clock.show(65.0, "match", half, 60.0) == shown
    assert half_s(shown, "match", half, 60.0) == 65.0


def test_added_time_of_the_first_half_passes_45_minutes():
    assert clock.show(46 * 60 + 10, "match", 1, 0.0) == "46:10"


@pytest.mark.parametrize("half", HALVES)
def test_the_other_clocks_are_the_same_in_every_half(half):
    assert clock.show(2231.0, "half", half, 2220.0) == "37:11"
    assert clock.show(2231.0, "chunk", half, 2220.0) == "00:11"


@given(
    st.sampled_from(clock.CLOCKS),
    st.sampled_from(HALVES),
    st.integers(0, 8000),
    st.integers(0, 300),
)
def test_a_whole_second_that_is_shown_and_parsed_is_the_same(name, half, start_s, offset_s):
    time_s = float(start_s + offset_s)
    shown = clock.show(time_s, name, half, float(start_s))
    assert half_s(shown, name, half, float(start_s)) == time_s


@given(st.floats(0, 1e5))
def test_formatting_is_off_by_half_a_second_at_most(seconds):
    assert abs(clock.parse_time(clock.format_time(seconds)) - seconds) <= 0.5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (59.4, "00:59"), (59.5, "01:00"), (0.5, "00:01"), (1.5, "00:02"),
     (6300, "105:00"), (-3.0, "00:00")],
)  # fmt: skip
def test_times_are_rounded_to_the_second_halves_up(seconds, text):
    assert clock.format_time(seconds) == text


@pytest.mark.parametrize(
    ("half", "time_s", "text"),
    [
        (1, 0.0, "1 - 00:00"),
        (2, 330.999, "2 - 05:30"),
        (1, 59.5, "1 - 00:59"),
        (4, 6300.0, "4 - 105:00"),
    ],
)
def test_the_game_time_of_soccernet_is_rounded_down(half, time_s, text):
    assert clock.game_time(half, time_s) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("37:05", 2225), ("7:05", 425), ("105:00", 6300), ("1:22:05", 4925), ("37:05.25", 2225.25),
     ("2225", 2225), ("2225.5", 2225.5), (" 37:05 ", 2225)],
)  # fmt: skip
def test_a_time_is_parsed_to_its_seconds(text, seconds):
    assert clock.parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "37:", ":05", "37:60", "1:60:00", "37:05:", "-1", "mm:ss", "1:2:3:4"]
)
def test_a_text_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a time"):
        clock.parse_time(text)


def test_an_unknown_clock_is_refused():
    with pytest.raises(ValueError, match="chunk, half, match"):
        clock.zero_s("wall", 1, 0.0)

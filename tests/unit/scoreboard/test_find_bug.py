"""The cells of the score among the texts of a score bug."""

import pytest

from touchline.scoreboard.find_bug import find_cells, read_cell, usual_place
from touchline.scoreboard.ocr import Line
from touchline.scoreboard.readings import FrameText
from touchline.scoreboard.texts import ClockText

CLOCK = ClockText(60.0, None, 1.0, 1.0, 200.0, 10.0, 40.0, 20.0)


def line(*words: tuple[str, float]) -> Line:
    """Return a line of words, each with its start in px; letters are 8 px apart."""
    text = "".join(word for word, _ in words)
    at = [start + 8 * k for word, start in words for k in range(len(word))]
    return Line(text, 1.0, min(at), 10.0, max(at) - min(at), 20.0, tuple(at))


def cells_of(lines: list[Line]):
    frames = [FrameText(10.0 * k, (one,)) for k, one in enumerate(lines)]
    clocks = [CLOCK] * len(lines)
    usual, height = usual_place(clocks)
    return find_cells(frames, clocks, usual, height)


def test_the_numbers_that_a_score_explains_are_the_cells():
    lines = [
        line(("HOM", 20), (left, 60), ("-", 72), (right, 84), ("AWA", 110))
        for left, right in ("00", "00", "10", "11", "12", "12")
    ]
    left, right = cells_of(lines)
    assert (left.x, right.x) == pytest.approx((60, 84))


def test_the_letter_of_a_name_that_is_read_as_zero_is_no_cell():
    lines = [
        line(("FER", 20), (left, 60), (":", 72), (right, 84), ("0ST", 110))
        for left, right in ("00", "00", "10", "11", "12", "12")
    ]
    left, right = cells_of(lines)
    assert (left.x, right.x) == pytest.approx((60, 84))


def test_numbers_as_near_to_the_names_as_their_letters_are_found_where_there_are_no_others():
    lines = [
        line(("HOM", 20), (left, 46), (" ", 54), (right, 70), ("AWA", 80))
        for left, right in ("00", "00", "10", "11", "12", "12")
    ]
    left, right = cells_of(lines)
    assert (left.x, right.x) == pytest.approx((46, 70))
    assert [read_cell(one, right, (0.0, 0.0), CLOCK) for one in lines] == [0, 0, 0, 1, 2, 2]


def test_a_bar_between_the_numbers_that_is_read_as_one_is_no_cell():
    lines = [
        line(("HOM ", 20), (left, 60), (" ", 70), ("1", 84), (" ", 94), (right, 108), (" AWA", 132))
        for left, right in ("00", "00", "10", "11", "12", "12")
    ]
    left, right = cells_of(lines)
    assert (left.x, right.x) == pytest.approx((60, 108))


def test_numbers_below_the_clock_are_none_of_it():
    frames = [
        FrameText(10.0 * k, (), (
            line((left, 215), ("HOM", 240))._replace(y=36.0),
            line((right, 215), ("AWA", 240))._replace(y=62.0),
        ))
        for k, (left, right) in enumerate(("00", "00", "10", "11", "12", "12"))
    ]  # fmt: skip
    clocks = [CLOCK] * len(frames)
    left, right = find_cells(frames, clocks, *usual_place(clocks))
    assert (left.x, left.y, right.x, right.y) == pytest.approx((215, 46, 215, 72))


def test_without_numbers_there_are_no_cells():
    assert cells_of([line(("HOM", 20), ("AWA", 110))] * 6) is None

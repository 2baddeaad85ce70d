"""Texts of score bugs, as OCR reads them, become clocks, added time and numbers."""

import pytest

from touchline.scoreboard.ocr import Line
from touchline.scoreboard.texts import find_added_s, find_clocks, find_words, to_number


def clock_s(text: str) -> float | None:
    return next((clock.clock_s for clock in find_clocks(text)), None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("23:45", 1425), ("HOM 1-0 AWA 23:45", 1425), ("HOM1-0AWA23:45", 1425), ("HOM 1-012:34", 754), ("3:05", 185),
        ("104:59", 6299), ("23.45", 1425), ("O5:1I", 311), ("2345", 1425), ("23 : 45", 1425),
        ("73\u2032", 4380), ("HOM 1-0 AWA 7'", 420), ("45'", 2700),
    ],
)  # fmt: skip
def test_a_match_clock_is_read_in_its_spellings(text, seconds):
    assert clock_s(text) == seconds


@pytest.mark.parametrize("text", ["20:15:33", "HOM - AWA", "1-0", "2:75", "+3:12", "999:30", ""])
def test_what_is_no_match_clock_is_none(text):
    assert [c for c in find_clocks(text) if c.trust >= 0.5] == []


def test_only_a_running_added_time_is_one():
    assert find_added_s("45:00 +2:13") == 133
    assert find_added_s("+ 0:05") == 5
    assert find_added_s("+3'") is None
    assert find_added_s("45:00") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("O", 0),
        ("l", 1),
        ("|", 1),
        (" 3-", 3),
        ("10", 10),
        ("AB", None),
        ("123", None),
        ("1T", 1),
        ("B2", 2),
        ("1O", 10),
    ],
)
def test_letters_are_digits_where_a_digit_is_known_to_be(text, number):
    assert to_number(text) == number


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("THO4:3 CAS 80:29", ["THO", "CAS"]),
        ("TH04:3CAS80:29", ["THO", "CAS"]),
        ("TH0 0:0CAS 9:28", ["THO", "CAS"]),
        ("CAS09:16", ["CAS"]),
        ("TH 10-0 CAS", ["TH", "CAS"]),
    ],
)
def test_names_keep_an_o_that_is_read_as_zero(text, names):
    line = Line(
        text, 1.0, 0.0, 0.0, 8.0 * len(text), 20.0, tuple(8.0 * k for k in range(len(text)))
    )
    assert [word for _, _, word in find_words(line)] == names

"""Texts of a score bug: match clock, added time and digits, as OCR reads them.

OCR takes some letters for digits and the reverse (O for 0, I for 1); such readings count where the
place says that a digit is there.
"""

import re
from typing import NamedTuple

from touchline.scoreboard.ocr import Line

MINUTE_S = 60.0
_NAME = 2  # letters of a name at least
LONGEST_CLOCK_S = 150 * MINUTE_S  # extra time with its added time

SEPARATORS = " -–—:|.,/\\()[]·•+"  # of the parts of a score bug
# What OCR takes digits for.
_CONFUSED = str.maketrans("OoDQUIl|!i/ZzSsBGgqAT", "000001111112255869947")
_DIGIT = "[0-9OoIl|ZSB]"
_COLON = r"\s?[:;.,·'’]\s?"
_PLAIN = re.compile(rf"(?<![\d:.+-])(\d{{1,3}}){_COLON}([0-5]\d)(?![\d:])")
_LENIENT = re.compile(rf"(?<![\w:.+-])({_DIGIT}{{1,3}}){_COLON}([0-5OoSIl|]{_DIGIT})(?![\w:])")
_AFTER_DIGIT = re.compile(
    r"(?<=[-–—:|]\d)(\d{2}):([0-5]\d)(?![\d:])"
)  # a score without a gap before it
_JOINED = re.compile(r"(?<![\d:+])(\d{2})\s?([0-5]\d)(?![\d:])")  # the colon was not read
_MINUTES = re.compile(r"(?<![\d:+.-])(\d{1,3})\s?(?:['’′`´\"°]|min\b|MIN\b)")
_BARE = re.compile(r"(?<![\d:+.-])(\d{1,3})(?![\d:])")
_ADDED = re.compile(rf"\+\s?(\d{{1,2}}){_COLON}([0-5]\d)(?!\d)")

# The O that a name ends with, read as a digit before the score: TH0 4:3, but not CAS09:16.
_ENDS_IN_O = re.compile(r"(?<=[^\W\d_])0(?=\s?\d(?!\d)(?!\s?[:.]\s?\d\d))")


class Clock(NamedTuple):
    """A reading that may be a match clock: seconds, what it counts in, its place in the text.

    `unit_s` is 1 for mm:ss and 60 for minutes alone; `trust` falls with what had to be assumed.
    """

    clock_s: float
    unit_s: float
    start: int
    end: int
    trust: float


class ClockText(NamedTuple):
    """A text that may be the clock, and its box in the picture, px; `clock_s` has `added_s`."""

    clock_s: float
    added_s: float | None
    unit_s: float
    trust: float
    x: float
    y: float
    w: float
    h: float


def find_clocks(text: str) -> list[Clock]:
    """Return the readings of a text that may be a match clock, the most trusted first."""
    clocks: list[Clock] = []
    for pattern, unit_s, trust in (
        (_PLAIN, 1.0, 1.0),
        (_LENIENT, 1.0, 0.7),
        (_AFTER_DIGIT, 1.0, 0.6),
        (_JOINED, 1.0, 0.5),
        (_MINUTES, MINUTE_S, 0.9),
        (_BARE, MINUTE_S, 0.3),
    ):
        for found in pattern.finditer(text):
            if any(found.start() < other.end and other.start < found.end() for other in clocks):
                continue
            minutes = int(found[1].translate(_CONFUSED))
            seconds = int(found[2].translate(_CONFUSED)) if unit_s == 1.0 else 0
            clock_s = minutes * MINUTE_S + seconds
            if clock_s <= LONGEST_CLOCK_S and seconds < MINUTE_S:
                clocks.append(Clock(clock_s, unit_s, *found.span(), trust))
    return clocks


def find_added_s(text: str) -> float | None:
    """Return the seconds of an added time that runs, such as 133 for "+2:13"; None without one."""
    found = _ADDED.search(text)
    return None if found is None else int(found[1]) * MINUTE_S + int(found[2])


def clock_texts(lines: list[Line]) -> list[ClockText]:
    """Return the texts in lines that may be the clock, added time included."""
    found: list[ClockText] = []
    for line in lines:
        for clock in find_clocks(line.text):
            first, last = line.at[clock.start], line.at[clock.end - 1]
            pitch = (last - first) / max(1, clock.end - clock.start - 1) or line.h / 2
            box = first - pitch / 2, line.y, last - first + pitch, line.h
            found.append(ClockText(clock.clock_s, None, clock.unit_s, clock.trust, *box))
    stopped = [clock for clock in found if clock.clock_s in (2700.0, 5400.0, 6300.0, 7200.0)]
    for stop in stopped:
        for line in lines:
            added_s = find_added_s(line.text)
            if added_s is not None and _is_near(line, stop):
                found.append(
                    stop._replace(clock_s=stop.clock_s + added_s, added_s=added_s, unit_s=1.0)
                )
    return found


def _is_near(line: Line, clock: ClockText) -> bool:
    reach = 3 * clock.h
    return (
        abs(line.y + line.h / 2 - clock.y - clock.h / 2) < reach
        and line.x < clock.x + clock.w + reach
        and line.x + line.w > clock.x - reach
    )


def to_number(text: str) -> int | None:
    """Return the number of a text that is known to be one of one or two digits, else None."""
    digits = re.sub(r"[\s.,:;'\-–—_()\[\]]", "", text)
    if not 1 <= len(digits) <= 2:
        return None
    if len(digits) == 2 and not any(character.isdigit() for character in digits):
        return None
    if len(digits) == 2 and digits[0].isdigit() != digits[1].isdigit():
        # A digit and the letter of a name beside it, but for a ten or an eleven.
        letter = digits[1] if digits[0].isdigit() else digits[0]
        digits = digits if letter in "OoIl|" else digits.replace(letter, "")
    digits = digits.translate(_CONFUSED)
    return int(digits) if digits.isascii() and digits.isdigit() else None


def find_numbers(text: str) -> list[tuple[int, int]]:
    """Return the spans of numbers of one or two digits, and of single letters that may be digits."""
    spans, k = [], 0
    while k < len(text):
        end = k
        while end < len(text) and text[end].isdigit() and text[end].isascii():
            end += 1
        if end > k:
            if end - k <= 2 and (k == 0 or text[k - 1] != "+"):
                spans.append((k, end))
            k = end
            continue
        alone = (k == 0 or text[k - 1] in SEPARATORS) and (
            k + 1 == len(text) or text[k + 1] in SEPARATORS
        )
        if alone and text[k] in "OoDQIl":
            spans.append((k, k + 1))
        k += 1
    return spans


def find_words(line: Line) -> list[tuple[float, float, str]]:
    """Return the texts between digits and separators of a line, with their middles, px."""
    words, start = [], 0
    text = _ENDS_IN_O.sub("O", line.text)
    for k in range(len(text) + 1):
        if k == len(text) or text[k].isdigit() or text[k] in "-–—:|+/":
            word = text[start:k].strip(SEPARATORS)
            if sum(c.isalpha() for c in word) >= _NAME:
                words.append(((line.at[start] + line.at[k - 1]) / 2, line.y + line.h / 2, word))
            start = k + 1
    return words

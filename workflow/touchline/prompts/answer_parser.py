"""From what a model wrote to intervals: the one parser of answers, for all backends."""

import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from touchline.core import actions, clock
from touchline.core.intervals import interval_around
from touchline.prompts import time_mentions

# Times are written to the second, so an answer may pass the chunk's ends by half of one.
ROUNDING_S = 0.5
# A time this far outside of the chunk still means its end.
TOLERANCE_S = 1.0

_CUT_OFF = ("length", "max_tokens", "max_output_tokens")
_REFUSED = ("content_filter", "refusal", "safety")

_THOUGHT = re.compile(r"[<\[](?P<closes>/)?think(?:ing)?[>\]]", re.IGNORECASE)
_ANSWER = re.compile(
    r"(?P<final>\bfinal\s)?\banswer[*_]{0,2}\s?(?:is\s?)?:[*_]{0,2}", re.IGNORECASE
)
_NOTHING = re.compile(r"\[\s*\]|\{\s*\}|^\W*(?:nil|0)\W*$", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\b(?:cannot|can't|can not|unable to|not able to|won't|will not)\s(?:\w{1,12}\s){0,2}?"
    r"(?:assist|help|comply|answer|provide|fulfil\w?|determine|(?:watch|view|see|access|open|play"
    r"|analy[sz]e|process)\s(?:(?:the|this|that|any|your|actual)\s){0,2}"
    r"(?:videos?|clips?|images?|footage|files?|media))"
    r"|\b(?:don't|do not) have access to (?:(?:the|this|that|any|your|actual)\s){0,2}"
    r"(?:videos?|clips?|images?|footage|files?|media)"
    r"|\bas an ai\b|\bas a (?:large )?language model\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Interval:
    """Seconds in the half, within the chunk, and the place in the answer's text that states them."""

    start_s: float
    end_s: float
    span: tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """The intervals of an answer in the order of its text, none twice, and its status."""

    intervals: tuple[Interval, ...]
    status: str


def parse(
    text: str,
    action: str,
    half: int,
    start_s: float,
    end_s: float,
    on_clock: str,
    finish_reason: str | None = None,
) -> Answer:
    """Read an answer on `action` in the chunk (start_s, end_s), its times on `on_clock`.

    Never raises for any text. A time that cannot be on the clock that was asked for, but is in the
    chunk on exactly one other clock, is taken to be on that one; times that are in the chunk on
    none are dropped, and intervals are cut to the chunk. A single moment stands for the 12 s around
    it, where the answer states no interval. `finish_reason` is the generator's own word for why
    it stopped, where it has one.
    """
    plain = time_mentions.plain(text)
    begin = _answer_start(plain)
    body = " " * begin + plain[begin:]
    said = time_mentions.scan(body, action)
    zeros_s = _zeros_s(on_clock, half, start_s)
    placed = [
        (stretch, place)
        for stretch in said.stretches
        if (place := _place(stretch.readings, start_s, end_s, zeros_s))
    ]
    cut_off = finish_reason in _CUT_OFF
    # Moments beside intervals are remarks; a lone one at a cut may be half of an interval.
    stated = [(stretch, place) for stretch, place in placed if not place.single]
    used = stated or ([] if cut_off else placed)
    intervals = {}
    for stretch, place in used:
        span_s = _cut(place.first_s, place.last_s, start_s, end_s)
        intervals.setdefault(span_s, Interval(*span_s, stretch.span))
    found = tuple(intervals.values())

    if cut_off:
        status = "cut_off"
    elif found:
        as_asked = len(found) == len(said.stretches) and all(place.as_asked for _, place in used)
        status = "ok" if as_asked and _is_in_form(body, action) else "repaired"
    elif finish_reason in _REFUSED or _REFUSAL.search(body):
        status = "refused"
    elif not said.stretches and (said.denies or _NOTHING.search(body)):
        status = "none"
    else:
        status = "unparsable"
    return Answer(found, status)


def _answer_start(text: str) -> int:
    """Return where the answer starts: after the model's thoughts and the word "Answer:"."""
    begin = 0
    for tag in _THOUGHT.finditer(text):
        begin = tag.end() if tag["closes"] else len(text)
    final = answer = None
    for word in _ANSWER.finditer(text, begin):
        answer = answer or word
        final = word if word["final"] else final
    chosen = final or answer
    return chosen.end() if chosen and text[chosen.end() :].strip() else begin


def _zeros_s(asked: str, half: int, start_s: float) -> list[float]:
    """Return the zeros of the clocks in seconds of the half, that of the clock asked for first."""
    others = [name for name in clock.CLOCKS if name != asked]
    return [clock.zero_s(name, half, start_s) for name in (asked, *others)]


class _Place(NamedTuple):
    first_s: float
    last_s: float
    single: bool
    as_asked: bool


def _place(
    readings: tuple[tuple[float, float], ...], start_s: float, end_s: float, zeros_s: list[float]
) -> _Place | None:
    """Return where a stretch lies in the half, or None when it cannot be in the chunk."""

    def spans_s(zero_s: float) -> list[tuple[float, float]]:
        return [(min(reading) + zero_s, max(reading) + zero_s) for reading in readings]

    def lies_within(span_s: tuple[float, float]) -> bool:
        return start_s - TOLERANCE_S <= span_s[0] and span_s[1] <= end_s + TOLERANCE_S

    asked = spans_s(zeros_s[0])
    elsewhere = {span for zero_s in zeros_s[1:] for span in spans_s(zero_s) if lies_within(span)}
    if inside := [span for span in asked if lies_within(span)]:
        first_s, last_s = inside[0]
    elif len(elsewhere) == 1:
        first_s, last_s = elsewhere.pop()
    elif asked[0][0] < end_s and asked[0][1] > start_s:
        first_s, last_s = asked[0]
    else:
        return None
    literal = (readings[0][0] + zeros_s[0], readings[0][1] + zeros_s[0])
    as_asked = (
        (first_s, last_s) == literal
        and first_s < last_s
        and start_s - ROUNDING_S <= first_s
        and last_s <= end_s + ROUNDING_S
    )
    return _Place(first_s, last_s, first_s == last_s, as_asked)


def _cut(first_s: float, last_s: float, start_s: float, end_s: float) -> tuple[float, float]:
    """Return the interval cut to the chunk; what would be a point there is the 12 s around it."""
    first_s, last_s = max(first_s, start_s), min(last_s, end_s)
    if first_s >= last_s:
        first_s, last_s = interval_around(min(max(first_s, start_s), end_s))
    return max(first_s, start_s), min(last_s, end_s)


def _is_in_form(body: str, action: str) -> bool:
    """Say whether a text is made of the sentences that prompts ask for, and nothing else."""
    return not _sentence(action).sub("", body).strip()


@cache
def _sentence(action: str) -> re.Pattern:
    subject = re.escape(actions.with_article(action)[1:])
    return re.compile(rf"A{subject} occurs at \(\d+:\d\d, \d+:\d\d\)\.?")

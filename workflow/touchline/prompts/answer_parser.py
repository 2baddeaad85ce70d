"""Parsing of generated answers: the time intervals that a model's text states, for all backends."""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from touchline.core import actions, clock
from touchline.core.intervals import interval_around
from touchline.prompts import time_mentions

# Answers are written to the second, so rounding may put a time half a second outside the chunk.
ROUNDING_S = 0.5
# A time at most this far outside the chunk is taken as the chunk's start or end.
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
    """An interval in seconds of the half, within the chunk, and its character span in the text."""

    start_s: float
    end_s: float
    span: tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """The distinct intervals of an answer, in the order of its text, and its `schema` status."""

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
    """Parse an answer about `action` in the chunk (start_s, end_s), with its times on `on_clock`.

    Never raises, whatever the text. A time that does not lie in the chunk on `on_clock`, but does
    on exactly one other clock, is read on that one; times that lie in the chunk on no clock are
    dropped, and intervals are cut to the chunk. Where the answer states no interval, a single time
    stands for the 12 s around it. `finish_reason` is why the generator stopped, as it reports it,
    where it does.
    """
    ascii_text = time_mentions.to_ascii(text)
    begin = answer_start(ascii_text)
    body = " " * begin + ascii_text[begin:]  # character positions stay those of the text
    mentions = time_mentions.find_mentions(body, action)
    zeros_s = _zeros_s(on_clock, half, start_s)
    placements = [
        (time_range, placement)
        for time_range in mentions.ranges
        if (placement := _place(time_range.readings, start_s, end_s, zeros_s))
    ]
    cut_off = finish_reason in _CUT_OFF
    # Single times beside intervals are remarks; in a cut-off text one may be half of an interval.
    stated = [
        (time_range, placement) for time_range, placement in placements if not placement.single
    ]
    used = stated or ([] if cut_off else placements)
    by_span: dict[tuple[float, float], Interval] = {}
    for time_range, placement in used:
        span_s = _cut(placement.first_s, placement.last_s, start_s, end_s)
        by_span.setdefault(span_s, Interval(*span_s, time_range.span))
    intervals = tuple(by_span.values())

    if cut_off:
        status = "cut_off"
    elif intervals:
        as_asked = len(intervals) == len(mentions.ranges) and all(
            placement.as_asked for _, placement in used
        )
        status = "ok" if as_asked and _is_in_form(body, action) else "repaired"
    elif finish_reason in _REFUSED or _REFUSAL.search(body):
        status = "refused"
    elif not mentions.ranges and (mentions.denies or _NOTHING.search(body)):
        status = "none"
    else:
        status = "unparsable"
    return Answer(intervals, status)


def answer_start(text: str) -> int:
    """Return the position of the final answer: after the reasoning and the word "Answer:"."""
    begin = 0
    for tag in _THOUGHT.finditer(text):
        begin = tag.end() if tag["closes"] else len(text)
    final = answer = None
    for word in _ANSWER.finditer(text, begin):
        answer = answer or word
        final = word if word["final"] else final
    chosen = final or answer
    return chosen.end() if chosen and text[chosen.end() :].strip() else begin


def _zeros_s(prompt_clock: str, half: int, start_s: float) -> list[float]:
    """Return the zero of each clock in seconds of the half, that of the prompt's clock first."""
    others = [name for name in clock.CLOCKS if name != prompt_clock]
    return [clock.zero_s(name, half, start_s) for name in (prompt_clock, *others)]


class _Placement(NamedTuple):
    """A time range placed in the half.

    `single`: it is one time; `as_asked`: it is on the prompt's clock, in order and in the chunk.
    """

    first_s: float
    last_s: float
    single: bool
    as_asked: bool


def _place(
    readings: tuple[tuple[float, float], ...], start_s: float, end_s: float, zeros_s: list[float]
) -> _Placement | None:
    """Return where a time range lies in the half, or None where no reading is in the chunk."""

    def spans_s(zero_s: float) -> list[tuple[float, float]]:
        return [(min(reading) + zero_s, max(reading) + zero_s) for reading in readings]

    def lies_within(span_s: tuple[float, float]) -> bool:
        return start_s - TOLERANCE_S <= span_s[0] and span_s[1] <= end_s + TOLERANCE_S

    on_prompt_clock = spans_s(zeros_s[0])
    elsewhere = {span for zero_s in zeros_s[1:] for span in spans_s(zero_s) if lies_within(span)}
    if inside := [span for span in on_prompt_clock if lies_within(span)]:
        first_s, last_s = inside[0]
    elif len(elsewhere) == 1:
        first_s, last_s = elsewhere.pop()
    elif on_prompt_clock[0][0] < end_s and on_prompt_clock[0][1] > start_s:
        first_s, last_s = on_prompt_clock[0]
    else:
        return None
    literal = (readings[0][0] + zeros_s[0], readings[0][1] + zeros_s[0])
    as_asked = (
        (first_s, last_s) == literal
        and first_s < last_s
        and start_s - ROUNDING_S <= first_s
        and last_s <= end_s + ROUNDING_S
    )
    return _Placement(first_s, last_s, first_s == last_s, as_asked)


def _cut(first_s: float, last_s: float, start_s: float, end_s: float) -> tuple[float, float]:
    """Return the interval cut to the chunk; an empty result becomes the 12 s around its point."""
    first_s, last_s = max(first_s, start_s), min(last_s, end_s)
    if first_s >= last_s:
        first_s, last_s = interval_around(min(max(first_s, start_s), end_s))
    return max(first_s, start_s), min(last_s, end_s)


def _is_in_form(body: str, action: str) -> bool:
    """Return whether a text consists of the sentences, or objects, that the prompt asks for alone."""
    return not _statement(action).sub("", body).strip()


@cache
def _statement(action: str) -> re.Pattern[str]:
    subject = re.escape(actions.with_article(action)[1:])
    name = re.escape(json.dumps(actions.action_name(action)))
    time = r"\d+:\d\d"
    return re.compile(
        rf"A{subject} occurs at \({time}, {time}\)\.?"
        rf'|\{{\s*"action":\s*{name},\s*"start":\s*"{time}",\s*"end":\s*"{time}"\s*\}}'
    )

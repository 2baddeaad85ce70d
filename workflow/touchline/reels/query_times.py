"""The times in a query: which halves, and which minutes of them.

Minutes are read as people in soccer say them. The 75th minute runs from 74:00 to 75:00. After 60
minutes is on the match clock, where the second half starts at 45:00; beside the words "second
half", a minute up to 45 is one of that half. The first and last minutes are those of the half that
is named, else of the match. "Before the break" is the first half, "just before" its end.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from touchline.core.clock import zero_s
from touchline.core.problems import InputError
from touchline.reels.vocabulary import words_of

# What "just before the break", "the dying minutes", "early" and "late" mean.
JUST_MIN = 5.0
EARLY_MIN = 15.0
HALF_MIN = 45.0
AROUND_MIN = 2.0
# Halves of a match with time added on, to tell what cannot be from what can.
_TYPICAL_S = {1: 50 * 60.0, 2: 55 * 60.0, 3: 17 * 60.0, 4: 17 * 60.0}


@dataclass(frozen=True)
class Window:
    """A stretch of time.

    `kind` is `match` (minutes `start_min` to `end_min` on the match clock), `half` (on the half's
    own), `first` or `last` (`end_min` minutes of a half or match), or `added` (time added on).
    """

    kind: str
    start_min: float = 0.0
    end_min: float = math.inf

    def __str__(self) -> str:
        if self.kind == "added":
            return "time added on"
        if self.kind in ("first", "last"):
            return f"the {self.kind} {self.end_min:g} min"
        where = "" if self.kind == "match" else " of the half"
        if self.end_min == math.inf:
            return f"after {self.start_min:g} min{where}"
        if self.start_min == 0:
            return f"before {self.end_min:g} min{where}"
        return f"{self.start_min:g} to {self.end_min:g} min{where}"


_N = r"(\d+)"
_NTH = r"(\d+)(?:st|nd|rd|th)?"
_UNIT = r"(?: ?(?:'|minutes?|mins?|min|m))"
_SECONDS = r" (?:seconds?|secs?)"
_THE = r"(?:the )?"
_BREAK = r"(?:the )?(?:break|half time|halftime|interval|ht|pause|restart|half time whistle)"
_JUST = r"(?:just|shortly|right|immediately|straight)"
_AFTER = r"(?:after|since|past|beyond|following|later than|starting from|from)"
_BEFORE = r"(?:before|until|till|til|by|up to|prior to|earlier than)"
_FIRST = r"(?:first|opening|initial)"
_LAST = r"(?:last|final|closing|dying)"
_HALF = r"(?:half|period|45)"
_ONE = rf"(?:first|1st|opening) {_HALF}|half (?:1|one)|h1|1h"
_TWO = rf"(?:second|2nd) {_HALF}|half (?:2|two)|h2|2h"
# How long a time may be said in other words.
_REWRITTEN = (
    (r"half (?:an )?hour", "30 minutes"),
    (r"(?:a )?quarter(?: of)?(?: an)? hour", "15 minutes"),
    (r"(?:the )?hour mark", "60 '"),
    (r"an hour", "60 minutes"),
    (r"(?:a )?minute", "minute"),
    (r"(\d+):[0-5]\d", r"\1 '"),
    # After a number, the mark of minutes and the word are one.
    (rf"{_NTH}{_UNIT}(?: mark)?(?: of (?:the )?(?:play|match|game))?", r"\1 '"),
    (rf"(?:{_ONE}) and (?:the )?(?:{_TWO})|(?:first|1st) and (?:the )?(?:second|2nd) half", "both halves"),
)  # fmt: skip


def take(rest: str, done: str) -> tuple[str, tuple[int, ...], tuple[Window, ...]]:
    """Take the times out of a text of plain words; `done` is left in their place.

    Returns the text, the halves that are named (none: all of them) and the windows. Raises
    `InputError` where a half is to be of another one.
    """
    for pattern, words in _REWRITTEN:
        rest = re.sub(rf"\b{pattern}(?=\s|$)", words, rest)
    if re.search(rf"\b(?:first|second|last|other) half (?:of|in) {_THE}(?:{_ONE}|{_TWO})\b", rest):
        raise InputError(
            "the query asks for a half of a half, which can mean two things. "
            'Write "the second half", or its minutes: "the first 20 minutes of the second half".'
        )
    found: list[tuple[set[int], Window | None]] = []
    for pattern, read in _PATTERNS:

        def collect(match: re.Match, read=read) -> str:
            found.append(read(*match.groups()))
            return done

        rest = re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", collect, rest)
    named = [halves for halves, _ in found if halves]
    halves = tuple(sorted(set.intersection(*named))) if named else ()
    if named and not halves:
        raise InputError("the query asks for different halves at once. Leave one of them out.")
    windows = tuple(window for _, window in found if window is not None)
    if halves == (2,):
        windows = tuple(map(_in_the_half, windows))
    return rest, halves, windows


def _in_the_half(window: Window) -> Window:
    """Read minutes up to 45, said with "second half", as that half's."""
    latest = window.start_min if window.end_min == math.inf else window.end_min
    own = window.kind == "match" and latest <= HALF_MIN
    return Window("half", window.start_min, window.end_min) if own else window


def _span(kind: str, halves: Iterable[int] = (), unit: float = 1.0):
    """Return a reader of "first/last N minutes"."""

    def read(number: str | None = None) -> tuple[set[int], Window]:
        length = JUST_MIN if number is None else float(number) * unit
        return set(halves), Window(kind, 0.0, length)

    return read


def _halves(*numbers: int):
    return lambda *_: (set(numbers), None)


def _window(start: float | None, end: float | None, shift: tuple[float, float] = (0.0, 0.0)):
    """Return a reader of one minute: from it on, up to it, or around it."""

    def read(number: str) -> tuple[set[int], Window]:
        minute = float(number)
        first = 0.0 if start is None else max(0.0, minute + shift[0])
        last = math.inf if end is None else minute + shift[1]
        return set(), Window("match", first, last)

    return read


def _between(first: str, last: str) -> tuple[set[int], Window]:
    return set(), Window("match", float(first), float(last))


def _beyond(end_of_half: str, added: str) -> tuple[set[int], Window]:
    """Read 45+2 or 90+2."""
    minute = HALF_MIN + float(added)
    return {1 if end_of_half == "45" else 2}, Window("half", minute - 1, minute)


def _minute(after: str | None, before: str | None) -> tuple[set[int], Window]:
    """Read "the 75th minute" or "minute 75"."""
    minute = float(after or before)
    return set(), Window("match", max(0.0, minute - 1), max(1.0, minute))


# In this turn: what is longer and holds the words of another comes first.
_PATTERNS = (
    (rf"(?:both|all|either|each) (?:of {_THE})?hal(?:f|ves)", _halves(1, 2)),
    (rf"(?:in |at )?{_THE}(45|90)\+(\d+)(?: ')?", _beyond),
    (rf"(?:first|1st) {_HALF} (?:of|in) {_THE}extra time", _halves(3)),
    (rf"(?:second|2nd) {_HALF} (?:of|in) {_THE}extra time", _halves(4)),
    (r"(?:in )?(?:the )?extra time|overtime|aet", _halves(3, 4)),
    (rf"{_FIRST} {_N} '", _span("first")),
    (rf"{_LAST} {_N} '", _span("last")),
    (rf"{_FIRST} {_N}{_SECONDS}", _span("first", unit=1 / 60)),
    (rf"{_LAST} {_N}{_SECONDS}", _span("last", unit=1 / 60)),
    (rf"{_N} ' (?:after|from) {_THE}(?:start|kick off|kickoff|beginning)", _span("first")),
    (rf"{_JUST} before {_BREAK}", lambda: ({1}, Window("last", 0.0, JUST_MIN))),
    (rf"{_JUST} after {_BREAK}", lambda: ({2}, Window("first", 0.0, JUST_MIN))),
    (rf"{_BEFORE} {_BREAK}", _halves(1)),
    (rf"{_AFTER} {_BREAK}", _halves(2)),
    (rf"{_ONE}", _halves(1)),
    (rf"{_TWO}", _halves(2)),
    (rf"{_LAST} (?:minute|minutes|stages|moments|phase|stretch)", _span("last")),
    (r"(?:stoppage|injury|added|additional) time|time added on", lambda: (set(), Window("added"))),
    (rf"between (?:{_THE}minutes? )?{_NTH}(?: ')? and {_THE}{_NTH}(?: '| minute)?", _between),
    (rf"(?:from )?minutes? {_NTH} (?:to|until|till|through|and) {_NTH}", _between),
    (rf"from {_THE}{_NTH}(?: ')? (?:to|until|till|through) {_THE}{_NTH}(?: '| minute)?", _between),
    (rf"{_NTH}(?: ')? to {_NTH} '", _between),
    (rf"{_AFTER} (?:minute |{_THE}){_NTH}(?: '| minute)?(?: on| onwards?)?", _window(1, None)),
    (rf"{_BEFORE} (?:minute |{_THE}){_NTH}(?: '| minute)?", _window(None, 1)),
    (rf"(?:around|about|near) (?:minute |{_THE}){_NTH}(?: '| minute)?",
     _window(1, 1, (-AROUND_MIN, AROUND_MIN))),
    (rf"(?:in |at |on )?(?:{_THE}{_NTH} '|{_THE}minute {_NTH})", _minute),
    (r"early(?: on)?", lambda: (set(), Window("first", 0.0, EARLY_MIN))),
    (r"late(?: on)?", lambda: (set(), Window("last", 0.0, EARLY_MIN))),
)  # fmt: skip

# The words of all these patterns, which no typing mistake is to be read into.
WORDS = words_of(
    """
    about added additional after around before beginning between beyond both break by closing dying
    each earlier early either extra final first following from half halftime halves hour ht
    immediately initial injury interval just kick kickoff last late later mark min mins minute
    minutes moments near off onwards opening overtime past pause period phase prior quarter restart
    right sec second seconds secs shortly since stages start starting stoppage straight stretch than
    through til till time until up whistle
    """
)


def spans(
    halves: tuple[int, ...], windows: tuple[Window, ...], durations_s: Mapping[int, float]
) -> dict[int, tuple[float, float]]:
    """Return the span (start_s, end_s) of each half that is left, in seconds of its video."""
    kept = {half: (0.0, length_s) for half, length_s in durations_s.items()}
    if halves:
        kept = {half: span for half, span in kept.items() if half in halves}
    for window in windows:
        of_match = {"first": min, "last": max}.get(window.kind)
        if of_match and not halves and kept:
            kept = {of_match(kept): kept[of_match(kept)]}
        kept = {
            half: (max(start_s, first_s), min(end_s, last_s))
            for half, (start_s, end_s) in kept.items()
            for first_s, last_s in [_seconds(window, half, durations_s[half])]
        }
        kept = {half: span for half, span in kept.items() if span[0] < span[1]}
    return kept


def _seconds(window: Window, half: int, length_s: float) -> tuple[float, float]:
    """Return a window in seconds of a half of this length; reversed where they have nothing in common."""
    start_s, end_s = 60 * window.start_min, 60 * window.end_min
    if window.kind == "first":
        return 0.0, end_s
    if window.kind == "last":
        return length_s - end_s, length_s
    if window.kind == "added":
        return 60 * (HALF_MIN if half <= 2 else 15), length_s
    if window.kind == "half":
        return start_s, end_s
    zero = zero_s("match", half, 0.0)
    # Time added on belongs to its half: minute 46 is the second half's first.
    regular_s = 60 * (HALF_MIN if half <= 2 else 15)
    if start_s + zero >= regular_s and half == 1:
        return math.inf, 0.0
    return start_s + zero, length_s if end_s + zero > regular_s else end_s + zero


def check(text: str, halves: tuple[int, ...], windows: tuple[Window, ...]) -> None:
    """Raise `InputError` where no moment of any match is in all that a query asks for."""
    if not spans(halves, windows, _TYPICAL_S):
        raise InputError(
            f'"{text}": no moment of a match is in all of these times. Leave one of them out.'
        )

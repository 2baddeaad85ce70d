"""Time expressions of queries: the halves that a query names, and the minutes.

Minutes have their usual meaning in soccer. The 75th minute runs from 74:00 to 75:00. "After 60
minutes" is on the match clock, where the second half starts at 45:00; together with "second half",
a minute up to 45 is one of that half. "The first" and "the last minutes" are those of the half that
is named, else of the match. "Before the break" is the first half, "just before the break" its end.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from touchline.core.clock import zero_s
from touchline.core.problems import InputError
from touchline.reels.vocabulary import words_of

# Minutes of vague expressions.
JUST_MIN = 5.0  # "just before the break", "the dying minutes"
EARLY_MIN = 15.0  # "early", "late"
AROUND_MIN = 2.0  # "around the 60th minute": this much before and after it
HALF_MIN = 45.0  # regular time of a half
EXTRA_HALF_MIN = 15.0  # of a half of extra time
# Generous durations of the halves, with time added on, to detect times that no match has.
_LONGEST_S = {1: 50 * 60.0, 2: 55 * 60.0, 3: 17 * 60.0, 4: 17 * 60.0}


@dataclass(frozen=True)
class Window:
    """A time window.

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
# Expressions that are replaced by a simpler one before `_PATTERNS` are applied.
_REPLACEMENTS = (
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


# What a time expression restricts a query to: halves (none: all of them) and perhaps a window.
Restriction = tuple[set[int], Window | None]
# From the groups of a pattern's match.
_Reader = Callable[..., Restriction]


def extract_times(rest: str, placeholder: str) -> tuple[str, tuple[int, ...], tuple[Window, ...]]:
    """Replace the time expressions in a text of plain words by `placeholder`.

    Returns the text, the halves that are named (none: all of them) and the windows. Raises
    `InputError` for a half of a half and for different halves at once.
    """
    for pattern, words in _REPLACEMENTS:
        rest = re.sub(rf"\b{pattern}(?=\s|$)", words, rest)
    if re.search(rf"\b(?:first|second|last|other) half (?:of|in) {_THE}(?:{_ONE}|{_TWO})\b", rest):
        raise InputError(
            "the query asks for a half of a half, which can mean two things. "
            'Write "the second half", or its minutes: "the first 20 minutes of the second half".'
        )
    restrictions: list[Restriction] = []
    for pattern, reader in _PATTERNS:

        def collect(match: re.Match, reader: _Reader = reader) -> str:
            restrictions.append(reader(*match.groups()))
            return placeholder

        rest = re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", collect, rest)
    named = [halves for halves, _ in restrictions if halves]
    halves = tuple(sorted(set.intersection(*named))) if named else ()
    if named and not halves:
        raise InputError("the query asks for different halves at once. Leave one of them out.")
    windows = tuple(window for _, window in restrictions if window is not None)
    if halves == (2,):
        windows = tuple(map(_within_half, windows))
    return rest, halves, windows


def _within_half(window: Window) -> Window:
    """Return minutes up to 45 that a query names with "second half" as minutes of that half."""
    latest = window.start_min if window.end_min == math.inf else window.end_min
    is_of_half = window.kind == "match" and latest <= HALF_MIN
    return Window("half", window.start_min, window.end_min) if is_of_half else window


def _first_or_last(kind: str, halves: Iterable[int] = (), unit_min: float = 1.0) -> _Reader:
    """Return a reader of "first N minutes" or "last N minutes"; without N, `JUST_MIN`."""

    def read(number: str | None = None) -> Restriction:
        length = JUST_MIN if number is None else float(number) * unit_min
        return set(halves), Window(kind, 0.0, length)

    return read


def _halves(*numbers: int) -> _Reader:
    return lambda *_: (set(numbers), None)


def _after_minute(number: str) -> Restriction:
    return set(), Window("match", float(number), math.inf)


def _before_minute(number: str) -> Restriction:
    return set(), Window("match", 0.0, float(number))


def _around_minute(number: str) -> Restriction:
    minute = float(number)
    return set(), Window("match", max(0.0, minute - AROUND_MIN), minute + AROUND_MIN)


def _between_minutes(first: str, last: str) -> Restriction:
    return set(), Window("match", float(first), float(last))


def _added_minute(end_of_half: str, added: str) -> Restriction:
    """Return the minute of time added on that "45+2" or "90+2" means."""
    minute = HALF_MIN + float(added)
    return {1 if end_of_half == "45" else 2}, Window("half", minute - 1, minute)


def _in_minute(before_word: str | None, after_word: str | None) -> Restriction:
    """Return the minute of "the 75th minute" or "minute 75"; one of the numbers is given."""
    minute = float(before_word or after_word or 0)
    return set(), Window("match", max(0.0, minute - 1), max(1.0, minute))


# In order of application: an expression that contains another one comes before it.
_PATTERNS: tuple[tuple[str, _Reader], ...] = (
    (rf"(?:both|all|either|each) (?:of {_THE})?hal(?:f|ves)", _halves(1, 2)),
    (rf"(?:in |at )?{_THE}(45|90)\+(\d+)(?: ')?", _added_minute),
    (rf"(?:first|1st) {_HALF} (?:of|in) {_THE}extra time", _halves(3)),
    (rf"(?:second|2nd) {_HALF} (?:of|in) {_THE}extra time", _halves(4)),
    (r"(?:in )?(?:the )?extra time|overtime|aet", _halves(3, 4)),
    (rf"{_FIRST} {_N} '", _first_or_last("first")),
    (rf"{_LAST} {_N} '", _first_or_last("last")),
    (rf"{_FIRST} {_N}{_SECONDS}", _first_or_last("first", unit_min=1 / 60)),
    (rf"{_LAST} {_N}{_SECONDS}", _first_or_last("last", unit_min=1 / 60)),
    (rf"{_N} ' (?:after|from) {_THE}(?:start|kick off|kickoff|beginning)", _first_or_last("first")),
    (rf"{_JUST} before {_BREAK}", lambda: ({1}, Window("last", 0.0, JUST_MIN))),
    (rf"{_JUST} after {_BREAK}", lambda: ({2}, Window("first", 0.0, JUST_MIN))),
    (rf"{_BEFORE} {_BREAK}", _halves(1)),
    (rf"{_AFTER} {_BREAK}", _halves(2)),
    (rf"{_ONE}", _halves(1)),
    (rf"{_TWO}", _halves(2)),
    (rf"{_LAST} (?:minute|minutes|stages|moments|phase|stretch)", _first_or_last("last")),
    (r"(?:stoppage|injury|added|additional) time|time added on", lambda: (set(), Window("added"))),
    (rf"between (?:{_THE}minutes? )?{_NTH}(?: ')? and {_THE}{_NTH}(?: '| minute)?", _between_minutes),
    (rf"(?:from )?minutes? {_NTH} (?:to|until|till|through|and) {_NTH}", _between_minutes),
    (rf"from {_THE}{_NTH}(?: ')? (?:to|until|till|through) {_THE}{_NTH}(?: '| minute)?", _between_minutes),
    (rf"{_NTH}(?: ')? to {_NTH} '", _between_minutes),
    (rf"{_AFTER} (?:minute |{_THE}){_NTH}(?: '| minute)?(?: on| onwards?)?", _after_minute),
    (rf"{_BEFORE} (?:minute |{_THE}){_NTH}(?: '| minute)?", _before_minute),
    (rf"(?:around|about|near) (?:minute |{_THE}){_NTH}(?: '| minute)?",
     _around_minute),
    (rf"(?:in |at |on )?(?:{_THE}{_NTH} '|{_THE}minute {_NTH})", _in_minute),
    (r"early(?: on)?", lambda: (set(), Window("first", 0.0, EARLY_MIN))),
    (r"late(?: on)?", lambda: (set(), Window("last", 0.0, EARLY_MIN))),
)  # fmt: skip

# The words of all these patterns, which spelling correction leaves as they are and corrects to.
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


def spans_of_halves(
    halves: tuple[int, ...], windows: tuple[Window, ...], durations_s: Mapping[int, float]
) -> dict[int, tuple[float, float]]:
    """Return (start_s, end_s), in seconds of its video, of each half that meets all restrictions."""
    spans = {half: (0.0, duration_s) for half, duration_s in durations_s.items()}
    if halves:
        spans = {half: span for half, span in spans.items() if half in halves}
    for window in windows:
        # Without a named half, "first" and "last" are of the match.
        if window.kind in ("first", "last") and not halves and spans:
            half = min(spans) if window.kind == "first" else max(spans)
            spans = {half: spans[half]}
        spans = {
            half: (max(start_s, first_s), min(end_s, last_s))
            for half, (start_s, end_s) in spans.items()
            for first_s, last_s in [_window_s(window, half, durations_s[half])]
        }
        spans = {half: span for half, span in spans.items() if span[0] < span[1]}
    return spans


def _window_s(window: Window, half: int, duration_s: float) -> tuple[float, float]:
    """Return a window as (start, end) in seconds of a half; start > end if it is outside the half."""
    start_s, end_s = 60 * window.start_min, 60 * window.end_min
    if window.kind == "first":
        return 0.0, end_s
    if window.kind == "last":
        return duration_s - end_s, duration_s
    regular_s = 60 * (HALF_MIN if half <= 2 else EXTRA_HALF_MIN)
    if window.kind == "added":
        return regular_s, duration_s
    if window.kind == "half":
        return start_s, end_s
    kick_off_s = zero_s("match", half, 0.0)
    # The match clock's minute 46 is the first of the second half, not of the first half's time
    # added on.
    if start_s + kick_off_s >= regular_s and half == 1:
        return math.inf, 0.0
    return start_s + kick_off_s, (
        duration_s if end_s + kick_off_s > regular_s else end_s + kick_off_s
    )


def check_satisfiable(text: str, halves: tuple[int, ...], windows: tuple[Window, ...]) -> None:
    """Raise `InputError` where no moment of any match satisfies all restrictions of a query."""
    if not spans_of_halves(halves, windows, _LONGEST_S):
        raise InputError(
            f'"{text}": no moment of a match is in all of these times. Leave one of them out.'
        )

"""Time expressions of an answer: the time ranges that a text states for one action.

Models write times in many forms. `find_mentions` makes two passes, each linear in the text's
length: times are found and paired to ranges by the text between them, and then each range is
assigned to the action that its sentence names. To stay linear, every repetition in a pattern is
bounded, or cannot match again inside what it consumed.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from touchline.core import actions, clock

# Full-width forms and typographic signs → ASCII; one character each, so positions are kept.
_TO_ASCII = str.maketrans(
    {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "–—‒―−‐‑~〜～"), "-")
    | dict.fromkeys(map(ord, "∶꞉"), ":")
    | dict.fromkeys(map(ord, "、"), ",")
    | dict.fromkeys(map(ord, "【〔「『"), "[")
    | dict.fromkeys(map(ord, "】〕」』"), "]")
    | dict.fromkeys(map(ord, "“”„″"), '"')
    | dict.fromkeys(map(ord, "‘’′"), "'")
    | dict.fromkeys(map(ord, "\u00a0\u202f\u2009\u3000"), " ")
)

_TIME = r"(?<![\d:])(?<!\d\.)(?:\d{1,2}:)?\d{1,4}:\d\d(?:\.\d{1,6}|,\d{3}(?![\d:]))?(?!\d|:\d)"
_SECONDS = r"(?:seconds?|secs?|s|秒)(?![a-z])"
_TIME_EXPRESSION = re.compile(
    rf"""(?P<time>{_TIME})
    |(?P<minutes>(?<![a-z\d_.:])\d{{1,3}}
      (?:\s?(?:minutes?|mins?|m|分)\s?(?:and\s)?\d{{1,2}}\s?{_SECONDS}|'\s?\d\d(?!\w)))
    |(?P<number>(?<![a-z\d_.:])\d{{1,6}}(?:\.\d{{1,6}})?(?![\d:])(?P<unit>\s?{_SECONDS})?)""",
    re.VERBOSE | re.IGNORECASE,
)
# A commentary line or the chunk's span, quoted from the prompt: not part of the answer.
_QUOTE = re.compile(
    rf"""\[\s?{_TIME}\s?[,-]\s?{_TIME}\s?,\s?["']?[^\W\d][^\[\]\n]*
    |\b(?:chunk|clip|video|segment)\s(?:runs\s|is\s|spans\s)?(?:from\s|between\s)?[(\[]?
      {_TIME}\s?(?:to|and|,|-)\s?{_TIME}""",
    re.VERBOSE | re.IGNORECASE,
)

# The text between the two ends of a range, between the times of a list, and around them.
_MARKS = r"""[\s"'*_`]{0,8}"""
_TO = re.compile(
    rf"""{_MARKS}[)\]]?{_MARKS}(?:-{{1,3}}>?|→|\.{{2,3}}|…|至|到|から|to|until|till?|through|bis|à|a|al
      |hasta|até|às|fino\sa|до|по|tot|do
      |[,;]?{_MARKS}(?:-\s|and\s)?{_MARKS}(?:end|stop|finish)\w{{0,8}}{_MARKS}[:=]?{_MARKS}(?:at)?
    ){_MARKS}[(\[]?{_MARKS}""",
    re.VERBOSE | re.IGNORECASE,
)
_AND = re.compile(rf"{_MARKS}(?:,\s)?(?:and|&|y|et|und|e|和){_MARKS}", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:between|entre|zwischen)\W{0,4}$", re.IGNORECASE)
_COMMA = re.compile(rf"{_MARKS}[,;/|]{_MARKS}")
_OPENED = re.compile(r"""[(\[]["'\s`]{0,3}$""")
_CLOSED = re.compile(r"""["'\s`]{0,3}[)\]]""")
_KEYED = re.compile(
    r"""(?:(?:start|begin|from|time)\w{0,8}["'*_]{0,4}\s?[:=]\s?["']?|\bseconds?\s)$""",
    re.IGNORECASE,
)
_PLACED = re.compile(r"\b(?:at|around|about|second)\s$", re.IGNORECASE)
_CONTEXT = 40  # characters: the longest match of these patterns

_WORD = r"""(?P<queried>{queried})|(?P<other>{other})
    |(?P<negation>
      \b(?:no(?!\.\s?\d)|not|none|never|without|neither|nor|nothing|zero|absent|n/a|false|null
        |cannot\s(?:find|see|detect|identify|spot|locate|observe)
        |ning[uú]n\w?|sin|aucune?|pas|jamais|kein\w{{0,2}}|nicht|nessun\w?|non|n[ãa]o|nenhuma?|geen
        |niet|нет|не|nie|brak|inte|ingen)\b
      |n't\b|没|沒|無|无|不|未|ない|なし|ません|없|لا)
    |(?P<contrast>\b(?:but|however|instead|although|pero|mais|aber|mas)\b|,\s(?:and\s)?an?\s|但)
    |(?P<end>[.!?](?=[\s"'*)\]]|$)|[。\n;])"""
# Words that make the name of an action another term: a goal kick is not a goal.
_NOT_BEFORE = {"goal": "kick|line|post|mouth", "penalty": "area|box|spot"}
# The text before a time at the start of its sentence: "- From 37:05 ..."
_LEAD = re.compile(
    r"[\W\d_]*(?:(?:at|from|between|around|start|begin|time)\w*[\W_]*)?", re.IGNORECASE
)


class TimeRange(NamedTuple):
    """A start and an end as stated, or a single time as both.

    `readings` are the possible (start, end) in seconds on a clock, the likelier one first; `span`
    is the (first, one past the last) character of the expression.
    """

    readings: tuple[tuple[float, float], ...]
    span: tuple[int, int]


class _Time(NamedTuple):
    """A time expression; `start` and `end` are its characters."""

    readings: tuple[float | None, float | None]  # seconds on a clock, the likelier one first
    start: int
    end: int
    is_number: bool  # a bare number, which is a time only in certain contexts
    has_unit: bool


@dataclass(frozen=True)
class Mentions:
    """The time ranges that a text states for an action, and whether it has a negation."""

    ranges: tuple[TimeRange, ...]
    denies: bool


def to_ascii(text: str) -> str:
    """Return the text with ASCII for full-width and typographic signs, character by character."""
    return text.translate(_TO_ASCII)


def find_mentions(text: str, action: str) -> Mentions:
    """Return the time ranges that a text, as from `to_ascii`, states for an action. Never raises.

    A range belongs to the action that its sentence named last before it; where times start the
    sentence ("37:05: a foul"), to the one named next; where the sentence names none, to the one of
    the sentence before, or to `action`. Ranges of other actions and negated ones are left out.
    """
    text = _QUOTE.sub(lambda quote: " " * len(quote[0]), text)
    kept: list[TimeRange] = []
    pending: list[TimeRange] = []  # ranges at the start of a sentence that names no action yet
    is_queried = True  # whether the action named last is `action`
    is_named = time_first = negated = denies = False
    sentence_start = 0
    for kind, item, position in _tokens(text, action):
        if isinstance(item, TimeRange):
            time_first = time_first or (
                not is_named and _starts_sentence(text, sentence_start, position)
            )
            if time_first:
                pending.append(item)
            elif is_queried and not negated:
                kept.append(item)
        elif kind in ("queried", "other"):
            is_queried, is_named = kind == "queried", True
            kept += pending if is_queried and not negated else []
            pending = []
        elif kind == "negation":
            negated = denies = True
        elif kind == "contrast":
            negated = False
        else:
            kept += pending if is_queried and not negated else []
            pending, is_named, time_first, negated = [], False, False, False
            sentence_start = position + 1
    return Mentions(tuple(kept), denies)


def _starts_sentence(text: str, sentence_start: int, position: int) -> bool:
    """Return whether nothing but marks and prepositions precedes `position` in its sentence."""
    return position - sentence_start <= _CONTEXT and bool(
        _LEAD.fullmatch(text, sentence_start, position)
    )


def _tokens(text: str, action: str) -> Iterator[tuple[str | None, TimeRange | None, int]]:
    """Yield (kind, time range or None, position) in the order of the text.

    The kinds are "range" and the groups of `_WORD`; the last token is an end of sentence.
    """
    pending = deque(_time_ranges(text))
    range_end = 0
    for word in _word_pattern(action).finditer(text):
        while pending and pending[0].span[0] <= word.start():
            time_range = pending.popleft()
            range_end = time_range.span[1]
            yield "range", time_range, time_range.span[0]
        if word.start() >= range_end:
            yield word.lastgroup, None, word.start()
    yield from (("range", time_range, time_range.span[0]) for time_range in pending)
    yield "end", None, len(text)


def name_pattern(action: str) -> str:
    """Return a regular expression for an action's name, slug and plural forms."""
    forms = "|".join(
        r"[\s_-]?".join(f"{re.escape(word)}s?" for word in re.split(r"[\s_-]+", form.lower()))
        for form in (actions.action_name(action), action)
    )
    forms = forms.replace("targets?", "(?:target|goal)").replace("penaltys?", "penalt(?:y|ies)")
    follows = _NOT_BEFORE.get(action)
    return rf"\b(?:{forms})\b" + (rf"(?![\s_-]?(?:{follows}))" if follows else "")


def _overlap(action: str, other: str) -> bool:
    """Return whether one name narrows the other, as a direct free-kick is a free-kick."""
    a, b = (set(re.split(r"[\s-]", actions.action_name(slug).lower())) for slug in (action, other))
    return a <= b or b <= a


@cache
def _word_pattern(action: str) -> re.Pattern[str]:
    groups = {"queried": {name_pattern(action)}, "other": set()}
    for known in actions.NAMES:
        group = "queried" if _overlap(action, known) else "other"
        groups[group].add(name_pattern(known))
    names = {group: "|".join(sorted(names)) for group, names in groups.items()}
    return re.compile(_WORD.format(**names), re.VERBOSE | re.IGNORECASE)


def _time_ranges(text: str) -> Iterator[TimeRange]:
    """Yield the time ranges of a text: pairs of times, and single times."""
    times = [_read_time(match) for match in _TIME_EXPRESSION.finditer(text)]
    links = [_link(text, a, b) for a, b in pairwise(times)] + [None, None]
    first_index = 0
    while first_index < len(times):
        run = 1  # length of a list of times; its last one does not start a pair joined by "to"
        while links[first_index + run - 1] in ("comma", "and") and links[first_index + run] != "to":
            run += 1
        if links[first_index] == "to":
            run = size = 2
        else:  # a list of pairs, unless its length is odd or "and" joins what would be a pair
            size = 1 if run % 2 or "and" in links[first_index : first_index + run : 2] else 2
        members = times[first_index : first_index + run]
        first_index += run
        if members[0].is_number and not _are_seconds(text, members, size):
            continue
        for first, last in zip(members[::size], members[size - 1 :: size], strict=True):
            pairs = zip(first.readings, last.readings, strict=True)
            readings = dict.fromkeys(
                (start, end) for start, end in pairs if start is not None and end is not None
            )
            if readings:
                yield TimeRange(tuple(readings), (first.start, last.end))


def _read_time(match: re.Match[str]) -> _Time:
    time, minutes, number, unit = match.group("time", "minutes", "number", "unit")
    readings: tuple[float | None, float | None]
    if number:
        number = number.removesuffix(unit or "")
        dotted = not unit and number[-3:-2] == "."  # "37.05" may be mm:ss
        readings = _seconds(number.replace(".", ":")) if dotted else None, float(number)
    else:
        fields = re.findall(r"\d+", minutes) if minutes else time.replace(",", ".").split(":")
        # h:mm:ss, or mm:ss and the number of a frame
        readings = _seconds(":".join(fields)), _seconds(":".join(fields[:2]))
    return _Time(readings, *match.span(), bool(number), bool(unit))


def _seconds(text: str) -> float | None:
    try:
        return clock.parse_time(text)
    except ValueError:
        return None


def _link(text: str, a: _Time, b: _Time) -> str | None:
    """Return what joins two consecutive times: "to", "comma", "and" or None."""
    gap = text[a.end : b.start]
    if len(gap) > _CONTEXT or a.is_number != b.is_number:
        return None
    if _TO.fullmatch(gap):
        return "to"
    if _AND.fullmatch(gap):
        return "to" if _BETWEEN.search(text[max(0, a.start - _CONTEXT) : a.start]) else "and"
    return "comma" if _COMMA.fullmatch(gap) else None


def _are_seconds(text: str, members: list[_Time], size: int) -> bool:
    """Return whether bare numbers are seconds: by their unit, brackets or the word before them."""
    before = text[max(0, members[0].start - _CONTEXT) : members[0].start]
    if size == 1:
        return bool(len(members) == 1 and members[0].has_unit and _PLACED.search(before))
    enclosed = _OPENED.search(before) and _CLOSED.match(text, members[-1].end)
    return bool(members[-1].has_unit or enclosed or _KEYED.search(before))

"""What a text says about one action: the stretches of time that it states, in the order of the text.

Models write times in many ways. `scan` reads the text in two passes, each linear in its length:
moments are found and joined to stretches by what stands between them, and then every stretch is
given to the action that its sentence names. Every repetition in a pattern is bounded, or cannot
start again inside of what it consumed.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from touchline.core import actions, clock

# Full-width forms, and the signs that stand for ASCII ones; one letter each, so places stay.
_PLAIN = str.maketrans(
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
_MOMENT = re.compile(
    rf"""(?P<time>{_TIME})
    |(?P<minutes>(?<![a-z\d_.:])\d{{1,3}}
      (?:\s?(?:minutes?|mins?|m|分)\s?(?:and\s)?\d{{1,2}}\s?{_SECONDS}|'\s?\d\d(?!\w)))
    |(?P<number>(?<![a-z\d_.:])\d{{1,6}}(?:\.\d{{1,6}})?(?![\d:])(?P<unit>\s?{_SECONDS})?)""",
    re.VERBOSE | re.IGNORECASE,
)
# A line of commentary or the span of the chunk, quoted back: no answer.
_QUOTE = re.compile(
    rf"""\[\s?{_TIME}\s?[,-]\s?{_TIME}\s?,\s?["']?[^\W\d][^\[\]\n]*
    |\b(?:chunk|clip|video|segment)\s(?:runs\s|is\s|spans\s)?(?:from\s|between\s)?[(\[]?
      {_TIME}\s?(?:to|and|,|-)\s?{_TIME}""",
    re.VERBOSE | re.IGNORECASE,
)

# What stands between the two ends of a stretch or between the moments of a list, and around them.
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
_NEAR = 40  # letters: the longest of these

_WORD = r"""(?P<ours>{ours})|(?P<other>{other})
    |(?P<negation>
      \b(?:no(?!\.\s?\d)|not|none|never|without|neither|nor|nothing|zero|absent|n/a|false|null
        |cannot\s(?:find|see|detect|identify|spot|locate|observe)
        |ning[uú]n\w?|sin|aucune?|pas|jamais|kein\w{{0,2}}|nicht|nessun\w?|non|n[ãa]o|nenhuma?|geen
        |niet|нет|не|nie|brak|inte|ingen)\b
      |n't\b|没|沒|無|无|不|未|ない|なし|ません|없|لا)
    |(?P<contrast>\b(?:but|however|instead|although|pero|mais|aber|mas)\b|,\s(?:and\s)?an?\s|但)
    |(?P<end>[.!?](?=[\s"'*)\]]|$)|[。\n;])"""
# What must not follow the name of an action: a goal kick is no goal.
_NOT_BEFORE = {"goal": "kick|line|post|mouth", "penalty": "area|box|spot"}
# What may stand before a time that leads its sentence: "- From 37:05 ..."
_LEAD = re.compile(
    r"[\W\d_]*(?:(?:at|from|between|around|start|begin|time)\w*[\W_]*)?", re.IGNORECASE
)


class Stretch(NamedTuple):
    """A start and an end as stated, or a single moment as both.

    `readings` are (start, end) in seconds on a clock, the likelier reading first; `span` is the
    place in the text, from the start's first letter to the end's last.
    """

    readings: tuple[tuple[float, float], ...]
    span: tuple[int, int]


class _Moment(NamedTuple):
    readings: tuple[float | None, float | None]  # seconds on a clock, the likelier first
    start: int
    end: int
    plain: bool  # a number, which is a time only in certain places
    unit: bool


@dataclass(frozen=True)
class Said:
    """What a text says: the stretches on the action, and whether it denies anything."""

    stretches: tuple[Stretch, ...]
    denies: bool


def plain(text: str) -> str:
    """Return the text, letter by letter, with ASCII for full-width and typographic signs."""
    return text.translate(_PLAIN)


def scan(text: str, action: str) -> Said:
    """Return what a text, as `plain` gives it, says about an action. Never raises.

    A stretch belongs to the action that its sentence named last before it; where times lead the
    sentence ("37:05: a foul"), to the one named next; where it names none, to the one before, or
    to the action asked for. Stretches of other actions and those denied are left out.
    """
    text = _QUOTE.sub(lambda quote: " " * len(quote[0]), text)
    kept, waiting = [], []
    ours = True  # is the action that was named last the one asked for?
    named = led = negated = denies = False
    sentence = 0  # where it starts
    for kind, item, place in _pieces(text, action):
        if kind == "stretch":
            led = led or (not named and _leads(text, sentence, place))
            if led:
                waiting.append(item)
            elif ours and not negated:
                kept.append(item)
        elif kind in ("ours", "other"):
            ours, named = kind == "ours", True
            kept += waiting if ours and not negated else []
            waiting = []
        elif kind == "negation":
            negated = denies = True
        elif kind == "contrast":
            negated = False
        else:
            kept += waiting if ours and not negated else []
            waiting, named, led, negated = [], False, False, False
            sentence = place + 1
    return Said(tuple(kept), denies)


def _leads(text: str, sentence: int, place: int) -> bool:
    """Say whether what stands at `place` is the first thing in its sentence."""
    return place - sentence <= _NEAR and bool(_LEAD.fullmatch(text, sentence, place))


def _pieces(text: str, action: str) -> Iterator[tuple[str, Stretch | None, int]]:
    """Yield (kind, stretch, place) in the order of the text, and an end of sentence as the last."""
    waiting = deque(_stretches(text))
    end = 0  # of the last stretch
    for word in _word_pattern(action).finditer(text):
        while waiting and waiting[0].span[0] <= word.start():
            stretch = waiting.popleft()
            end = stretch.span[1]
            yield "stretch", stretch, stretch.span[0]
        if word.start() >= end:
            yield word.lastgroup, None, word.start()
    yield from (("stretch", stretch, stretch.span[0]) for stretch in waiting)
    yield "end", None, len(text)


def name_pattern(action: str) -> str:
    """Return a regular expression for an action as people write it: name, slug, plural."""
    spoken = "|".join(
        r"[\s_-]?".join(f"{re.escape(word)}s?" for word in re.split(r"[\s_-]+", form.lower()))
        for form in (actions.action_name(action), action)
    )
    spoken = spoken.replace("targets?", "(?:target|goal)").replace("penaltys?", "penalt(?:y|ies)")
    follows = _NOT_BEFORE.get(action)
    return rf"\b(?:{spoken})\b" + (rf"(?![\s_-]?(?:{follows}))" if follows else "")


def _overlap(action: str, other: str) -> bool:
    """Say whether one name narrows the other, as a direct free-kick is a free-kick."""
    a, b = (set(re.split(r"[\s-]", actions.action_name(each).lower())) for each in (action, other))
    return a <= b or b <= a


@cache
def _word_pattern(action: str) -> re.Pattern:
    groups = {"ours": {name_pattern(action)}, "other": set()}
    for known in actions.NAMES:
        group = "ours" if _overlap(action, known) else "other"
        groups[group].add(name_pattern(known))
    names = {group: "|".join(sorted(names)) for group, names in groups.items()}
    return re.compile(_WORD.format(**names), re.VERBOSE | re.IGNORECASE)


def _stretches(text: str) -> Iterator[Stretch]:
    """Yield the stretches of a text: pairs of moments by what stands between them, and singles."""
    moments = [_moment(match) for match in _MOMENT.finditer(text)]
    links = [_link(text, a, b) for a, b in pairwise(moments)] + [None, None]
    at = 0
    while at < len(moments):
        run = 1  # moments of a list, of which the last is not the start of a joined pair
        while links[at + run - 1] in ("comma", "and") and links[at + run] != "to":
            run += 1
        if links[at] == "to":
            run = size = 2
        else:  # a list of pairs, unless it is odd or has an "and" where a pair would be
            size = 1 if run % 2 or "and" in links[at : at + run : 2] else 2
        members = moments[at : at + run]
        at += run
        if members[0].plain and not _is_time(text, members, size):
            continue
        for first, last in zip(members[::size], members[size - 1 :: size], strict=True):
            pairs = zip(first.readings, last.readings, strict=True)
            if readings := tuple(dict.fromkeys(pair for pair in pairs if None not in pair)):
                yield Stretch(readings, (first.start, last.end))


def _moment(match: re.Match) -> _Moment:
    time, minutes, number, unit = match.group("time", "minutes", "number", "unit")
    if number:
        number = number.removesuffix(unit or "")
        dotted = not unit and number[-3:-2] == "."  # "37.05" may be mm:ss
        readings = _seconds(number.replace(".", ":")) if dotted else None, float(number)
    else:
        fields = re.findall(r"\d+", minutes) if minutes else time.replace(",", ".").split(":")
        # h:mm:ss, or mm:ss and the number of a frame
        readings = _seconds(":".join(fields)), _seconds(":".join(fields[:2]))
    return _Moment(readings, *match.span(), bool(number), bool(unit))


def _seconds(text: str) -> float | None:
    try:
        return clock.parse_time(text)
    except ValueError:
        return None


def _link(text: str, a: _Moment, b: _Moment) -> str | None:
    """Return how two moments hang together: "to", "comma", "and" or not at all."""
    gap = text[a.end : b.start]
    if len(gap) > _NEAR or a.plain != b.plain:
        return None
    if _TO.fullmatch(gap):
        return "to"
    if _AND.fullmatch(gap):
        return "to" if _BETWEEN.search(text[max(0, a.start - _NEAR) : a.start]) else "and"
    return "comma" if _COMMA.fullmatch(gap) else None


def _is_time(text: str, members: list[_Moment], size: int) -> bool:
    """Say whether plain numbers are seconds: by their unit, their brackets or the word before."""
    before = text[max(0, members[0].start - _NEAR) : members[0].start]
    if size == 1:
        return bool(len(members) == 1 and members[0].unit and _PLACED.search(before))
    enclosed = _OPENED.search(before) and _CLOSED.match(text, members[-1].end)
    return bool(members[-1].unit or enclosed or _KEYED.search(before))

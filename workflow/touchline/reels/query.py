"""What a user wants to see, read from a line of free text: no model, and the same reading each time.

A query is read by phrases. First words with a typing mistake are replaced by the known word that is
nearest; then teams, actions (`touchline.reels.vocabulary`), halves and times (`touchline.reels.query_times`),
number and order of the clips are taken out of the text, in this turn. What is left, and is no filler
such as "show me", was not understood. A query that names no known action but says something else is
an open question, for a model that takes questions in words.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

from touchline.core.actions import action_name
from touchline.core.problems import InputError
from touchline.reels import query_times
from touchline.reels.query_times import Window
from touchline.reels.vocabulary import FILLERS, NUMBERS, Vocabulary, words_of

MAX_LENGTH = 500
# A word with this share of its letters in common with a known one is taken for it; less turns
# "four" into "foul".
LIKENESS = 0.8
SHORTEST_TYPO = 4
HOME, AWAY = "home", "away"
TIME, CONFIDENCE = "time", "confidence"
_SIDES = {
    HOME: r"home(?: (?:team|side|club))?|hosts?",
    AWAY: r"away(?: (?:team|side|club))?|visitors?|visiting (?:team|side)|guests?",
}
_WORD = re.compile(r"\d+:\d\d|\d+\+\d+|\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+|'")
_ACTION = "\x01"  # stands where an action was named; its number follows
_DONE = "\x02"  # stands where something else was understood
_EXCEPT = (
    r"(?:except(?: for)?|without|excluding|(?:but )?(?:no|not)|other than|apart from|minus|but)"
    r"(?: the| any)?"
)
# "goals and corners", after their names were taken out.
_LIST = rf"{_ACTION}\d+(?:(?: and| or| nor)?(?: the| any)? {_ACTION}\d+)*"


@dataclass(frozen=True)
class Query:
    """What a query asks for.

    `actions` in the vocabulary's order; `open_text` is the question where no known action is named;
    `halves` and `windows` restrict the time (`query_times.spans`); `team` is home, away or a club's
    name; of the clips found, `limit` are kept: the most confident, or, with `pick`, the first, the
    last or the n-th in time. `misread` are typing mistakes and what they were taken for, `ignored`
    the words that were not understood.
    """

    text: str
    actions: tuple[str, ...]
    open_text: str | None = None
    halves: tuple[int, ...] = ()
    windows: tuple[Window, ...] = ()
    team: str | None = None
    limit: int | None = None
    pick: str | None = None  # first, last or nth; None: the most confident
    order: str | None = None  # time or confidence; None: as configured
    misread: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    everything: bool = False  # no action is named: all are meant, but for those left out

    def describe(self) -> str:
        """Return how the query was understood, and what of it was not, as sentences."""
        what = ", ".join(map(action_name, self.actions)) or f'an open question: "{self.open_text}"'
        parts = [what]
        if self.halves:
            parts.append("half " + " and ".join(map(str, self.halves)))
        parts += [str(window) for window in self.windows]
        if self.team:
            parts.append(f"{self.team} team" if self.team in (HOME, AWAY) else self.team)
        if self.limit is not None:
            which = {None: "the {} most confident", "first": "the first {}", "last": "the last {}"}
            parts.append(which.get(self.pick, "number {} alone").format(self.limit))
        if self.order:
            parts.append(f"in order of {self.order}")
        sentences = [f"Understood: {'; '.join(parts)}."]
        sentences += [f'"{word}" was read as "{known}".' for word, known in self.misread]
        if self.ignored and not self.open_text:
            sentences.append(f"Not understood: {', '.join(self.ignored)}.")
        return " ".join(sentences)


def parse(text: str, vocabulary: Vocabulary, clubs: Collection[str] = ()) -> Query:
    """Read a query; `clubs` are the names of the teams that it may mention.

    Raises `InputError` for a text that is empty, too long, or contradicts itself.
    """
    if not text.strip():
        raise InputError('the query is empty. Write what to show, such as "goals, second half".')
    if len(text) > MAX_LENGTH:
        raise InputError(
            f"the query has {len(text)} characters; the limit is {MAX_LENGTH}. Write a line."
        )
    named = {_plain(club): club for club in sorted(clubs, key=len, reverse=True)}
    plain = re.sub(r"\bopener\b", "first goal", _plain(text))
    words, misread = _mend(plain.split(), vocabulary, named)
    rest = " ".join(words)
    rest, teams = _take_teams(rest, named)
    rest, mentions = _take_actions(rest, vocabulary)
    rest, halves, windows = query_times.take(rest, _DONE)
    rest, excluded = _take_excluded(rest, mentions)
    shown = [mentions[int(number)] for number in re.findall(rf"{_ACTION}(\d+)", rest)]
    rest, limit, pick, order = _take_choice(rest)
    everything, rest = _found(rest, r"everything|(?:all|any) (?:actions?|events?)")
    wanted = set().union(*shown) - excluded
    left = [word for word in rest.split() if word[0] not in _ACTION + _DONE and word not in FILLERS]
    open_text = None
    if not mentions and left and not everything:
        open_text = _between(rest, left)
    elif not shown:
        wanted = set(vocabulary.actions) - excluded
    if not wanted and open_text is None:
        raise InputError(f'"{text}" leaves out every action that it names. Name one to show.')
    query_times.check(text, halves, windows)
    # With two teams it is not said whose the clips are to be.
    team = teams[0] if len(teams) == 1 else None
    ignored = left if team else [*teams, *left]
    return Query(
        text,
        tuple(action for action in vocabulary.actions if action in wanted),
        open_text, halves, windows, team, limit, pick, order, tuple(misread), tuple(ignored), everything=not shown and open_text is None,
    )  # fmt: skip


def _plain(text: str) -> str:
    """Return a text as plain lower-case words, numbers and marks of minutes, one space apart."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub("[’‘`´′]", "'", text)
    text = re.sub(r"(?<=[^\W\d_])'(?:s|re|ll|d|ve|t)?\b", "", text)
    text = re.sub(r"(?<=\d)('?) ?[-–—] ?(?=\d)", r"\1 to ", text)
    text = re.sub(r"(?<!\d)(?<!\dst|\dnd|\drd|\dth)(?<!\d )'", " ", text)  # quotes, not minutes
    return " ".join(_WORD.findall(text))


def _mend(
    words: list[str], vocabulary: Vocabulary, clubs: Collection[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the words with typing mistakes mended and numbers in digits, and what was mended."""
    said = {word for club in clubs for word in club.split()}
    known = vocabulary.words | set(NUMBERS) | FILLERS | query_times.WORDS | _CHOICE_WORDS | said
    targets = sorted(word for word in known if len(word) >= SHORTEST_TYPO)
    mended, misread = [], []
    for word in words:
        if word not in known and word.isalpha() and len(word) >= SHORTEST_TYPO:
            like = [one for one in targets if one[0] == word[0]]
            nearest = get_close_matches(word, like, 5, LIKENESS)
            # Of several, one with two letters swapped: "golas" is "goals", not "golazos".
            nearest.sort(key=lambda one: sorted(one) != sorted(word))
            if nearest:
                misread.append((word, nearest[0]))
                word = nearest[0]
        mended.append(NUMBERS.get(word, word))
    return mended, misread


def _take_teams(rest: str, clubs: dict[str, str]) -> tuple[str, list[str]]:
    """Take the clubs that are named, and the sides that they play on."""
    found = []
    patterns = {re.escape(plain): club for plain, club in clubs.items()}
    for pattern, team in (patterns | {words: side for side, words in _SIDES.items()}).items():
        taken, rest = _found(rest, pattern)
        found += [team] * taken
    return rest, found


def _take_actions(rest: str, vocabulary: Vocabulary) -> tuple[str, list[set[str]]]:
    """Put a numbered mark in the place of each action's name; return what each of them names."""
    mentions: list[set[str]] = []
    for other in vocabulary.not_actions:
        rest = re.sub(rf"(?<!\S){re.escape(other)}(?!\S)", other.replace(" ", "_"), rest)

    def mark(match: re.Match) -> str:
        mentions.append(vocabulary.phrases[match[0]])
        return f"{_ACTION}{len(mentions) - 1}"

    phrases = "|".join(map(re.escape, vocabulary.phrases))
    rest = re.sub(rf"(?<!\S)(?:{phrases})(?!\S)", mark, rest)
    return rest.replace("_", " "), mentions


def _take_excluded(rest: str, mentions: list[set[str]]) -> tuple[str, set[str]]:
    """Take what is not to be shown: the actions after "except", "no", "without" …"""
    excluded: set[str] = set()

    def take(match: re.Match) -> str:
        numbers = re.findall(rf"{_ACTION}(\d+)", match[0])
        excluded.update(*(mentions[int(number)] for number in numbers))
        return _DONE

    return re.sub(rf"(?<!\S){_EXCEPT} {_LIST}", take, rest), excluded


_BEST = r"(?:top|best|most (?:confident|likely|certain)|likeliest|surest|finest)"
_ENDS = {
    "first": r"(?:first|1st|earliest|opening)",
    "last": r"(?:last|final|latest|closing)",
}
_NEXT = {"second": 2, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5}
_ORDERS = {
    CONFIDENCE: r"(?:(?:sorted|ordered|ranked) )?(?:in order of|by) confidence|best first",
    TIME: r"(?:(?:sorted|ordered) )?(?:in order of|by) time|chronological(?:ly)?"
    r"|in (?:time|chronological) order|in order",
}
_CHOICE_WORDS = words_of(
    """
    action actions apart away best but certain chronological chronologically closing club confidence
    confident earliest event events everyone everything except excluding final finest first guest
    guests home host hosts last latest likeliest likely minus most no nor not opening order ordered
    other ranked second sorted surest team than time top visiting visitor visitors without
    """
)


def _take_choice(rest: str) -> tuple[str, int | None, str | None, str | None]:
    """Take how many clips are wanted, which, and in what order: (text, limit, pick, order)."""
    order = None
    for name_of_order, pattern in _ORDERS.items():
        taken, rest = _found(rest, pattern)
        order = order or (name_of_order if taken else None)
    for pattern in (rf"{_BEST} (\d+)", rf"(\d+) {_BEST}"):
        if match := re.search(rf"(?<!\S){pattern}(?!\S)", rest):
            return _without(rest, match), int(match[1]), None, order
    for pick, pattern in _ENDS.items():
        if match := re.search(rf"(?<!\S){pattern}(?: (\d+))?(?= {_ACTION})", rest):
            return _without(rest, match), int(match[1] or 1), pick, order
    if match := re.search(rf"(?<!\S)({'|'.join(_NEXT)})(?= {_ACTION})", rest):
        return _without(rest, match), _NEXT[match[1]], "nth", order
    if match := re.search(rf"(?<!\S)(\d+)(?= {_ACTION})", rest):
        return _without(rest, match), int(match[1]), None, order
    best, rest = _found(rest, _BEST)
    return rest, None, None, order or (CONFIDENCE if best else None)


def _found(rest: str, pattern: str) -> tuple[bool, str]:
    """Say whether there is such a phrase, and return the text without it."""
    taken = re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", _DONE, rest)
    return taken != rest, taken


def _without(rest: str, match: re.Match) -> str:
    return f"{rest[: match.start()]}{_DONE}{rest[match.end() :]}"


def _between(rest: str, left: list[str]) -> str:
    """Return the words from the first to the last that was not understood, fillers between them too."""
    words = rest.split()
    first = words.index(left[0])
    last = len(words) - 1 - words[::-1].index(left[-1])
    return " ".join(word for word in words[first : last + 1] if word[0] not in _ACTION + _DONE)

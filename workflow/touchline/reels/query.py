"""Rule-based parser of queries: free text to actions, times, team, number and order of clips.

First, misspelt words are replaced by the most similar known word. Then teams, actions
(`touchline.reels.vocabulary`), halves and times (`touchline.reels.query_times`), number and order
of the clips are extracted from the text, in this order. Words that remain, apart from fillers such
as "show me", were not understood. A query that names no known action but has such words is an open
question, for a model that takes questions in words.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches

from jsonschema.exceptions import best_match

from touchline.core.actions import action_name
from touchline.core.config import validator
from touchline.core.problems import InputError
from touchline.data.match_names import AWAY, HOME
from touchline.reels import query_times
from touchline.reels.query_times import Window
from touchline.reels.vocabulary import FILLERS, NUMBERS, Vocabulary, words_of

MAX_LENGTH = 500
# difflib's similarity from which a word is corrected to a known one; less would turn "four" into
# "foul".
MIN_SIMILARITY = 0.8
SHORTEST_CORRECTED = 4  # letters
TIME, CONFIDENCE = "time", "confidence"
_SIDES = {
    HOME: r"home(?: (?:team|side|club))?|hosts?",
    AWAY: r"away(?: (?:team|side|club))?|visitors?|visiting (?:team|side)|guests?",
}
_WORD = re.compile(r"\d+:\d\d|\d+\+\d+|\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+|'")
# Placeholders in the text for what was extracted from it.
_ACTION = "\x01"  # an action; its number follows
_DONE = "\x02"  # anything else
_EXCEPT = (
    r"(?:except(?: for)?|without|excluding|(?:but )?(?:no|not)|other than|apart from|minus|but)"
    r"(?: the| any)?"
)
# "goals and corners", after their names were replaced.
_LIST = rf"{_ACTION}\d+(?:(?: and| or| nor)?(?: the| any)? {_ACTION}\d+)*"


@dataclass(frozen=True)
class Query:
    """A parsed query.

    `actions` in the vocabulary's order; `open_text` is the question where no known action is named;
    `halves` and `windows` restrict the time (`query_times.spans_of_halves`); `team` is home, away
    or a club's name; `limit` is the number of clips to keep: the most confident or, with `pick`,
    the first, the last or only the n-th in time. `corrections` are misspelt words and what they
    were replaced by, `ignored` the words that were not understood.
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
    corrections: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    everything: bool = False  # no action is named: all are meant, except those that are excluded

    def describe(self) -> str:
        """Return sentences that tell a user how the query was understood, and what was not."""
        parts = [
            ", ".join(map(action_name, self.actions)) or f'an open question: "{self.open_text}"'
        ]
        if self.halves:
            parts.append("half " + " and ".join(map(str, self.halves)))
        parts += [str(window) for window in self.windows]
        if self.team:
            parts.append(f"{self.team} team" if self.team in (HOME, AWAY) else self.team)
        if self.limit is not None:
            phrases = {
                None: "the {} most confident", "first": "the first {}", "last": "the last {}",
                "nth": "number {} alone",
            }  # fmt: skip
            parts.append(phrases[self.pick].format(self.limit))
        if self.order:
            parts.append(f"in order of {self.order}")
        sentences = [f"Understood: {'; '.join(parts)}."]
        sentences += [f'"{word}" was read as "{known}".' for word, known in self.corrections]
        if self.ignored and not self.open_text:
            sentences.append(f"Not understood: {', '.join(self.ignored)}.")
        return " ".join(sentences)

    def to_dict(self) -> dict[str, object]:
        """Return the fields for JSON, without those that have their default value."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        content["windows"] = tuple(_without_defaults(window) for window in self.windows)
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in content.items() if value != defaults[name]}

    @classmethod
    def from_dict(cls, content: dict) -> "Query":
        """Return the query of `to_dict`, from JSON; raise `InputError` for anything else."""
        error = best_match(validator("query").iter_errors(content))
        if error is not None:
            raise InputError(f"--query: not a parsed query ({error.json_path[:80]} is wrong).")
        lists = {name: tuple(content.get(name, ())) for name in ("actions", "halves", "ignored")}
        lists["windows"] = tuple(Window(**window) for window in content.get("windows", ()))
        corrections = tuple(map(tuple, content.get("corrections", ())))
        return cls(**content | lists | {"corrections": corrections})


def parse_query(text: str, vocabulary: Vocabulary, clubs: Collection[str] = ()) -> Query:
    """Return the parsed query; `clubs` are the names of the teams that it may mention.

    Raises `InputError` for a text that is empty, too long, or contradicts itself.
    """
    if not text.strip():
        raise InputError('the query is empty. Write what to show, such as "goals, second half".')
    if len(text) > MAX_LENGTH:
        raise InputError(
            f"the query has {len(text)} characters; the limit is {MAX_LENGTH}. Shorten it."
        )
    club_names = {_normalise(club): club for club in sorted(clubs, key=len, reverse=True)}
    normalised = re.sub(r"\bopener\b", "first goal", _normalise(text))
    words, corrections = _correct(normalised.split(), vocabulary, club_names)
    rest = " ".join(words)
    rest, teams = _extract_teams(rest, club_names)
    rest, mentions = _extract_actions(rest, vocabulary)
    rest, halves, windows = query_times.extract_times(rest, _DONE)
    rest, excluded = _extract_excluded(rest, mentions)
    included = [mentions[int(number)] for number in re.findall(rf"{_ACTION}(\d+)", rest)]
    rest, limit, pick, order = _extract_choice(rest)
    everything, rest = _extract_phrase(rest, r"everything|(?:all|any) (?:actions?|events?)")
    actions = set[str]().union(*included) - excluded
    unknown = [
        word for word in rest.split() if word[0] not in _ACTION + _DONE and word not in FILLERS
    ]
    open_text = None
    if not mentions and unknown and not everything:
        open_text = _open_question(rest, unknown)
    elif not included:
        actions = set(vocabulary.actions) - excluded
    if not actions and open_text is None:
        raise InputError(f'"{text}" leaves out every action that it names. Name one to show.')
    query_times.check_satisfiable(text, halves, windows)
    # Of two teams it is not clear whose actions are wanted.
    team = teams[0] if len(teams) == 1 else None
    return Query(
        text,
        tuple(action for action in vocabulary.actions if action in actions),
        open_text=open_text,
        halves=halves,
        windows=windows,
        team=team,
        limit=limit,
        pick=pick,
        order=order,
        corrections=tuple(corrections),
        ignored=tuple(unknown if team else [*teams, *unknown]),
        everything=not included and open_text is None,
    )


def _without_defaults(window: Window) -> dict[str, object]:
    defaults = {field.name: field.default for field in fields(window)}
    return {name: value for name, value in asdict(window).items() if value != defaults[name]}


def _normalise(text: str) -> str:
    """Return a text as lower-case words, numbers and minute marks, separated by single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub("[’‘`´′]", "'", text)
    text = re.sub(r"(?<=[^\W\d_])'(?:s|re|ll|d|ve|t)?\b", "", text)
    text = re.sub(r"(?<=\d)('?) ?[-–—] ?(?=\d)", r"\1 to ", text)
    text = re.sub(r"(?<!\d)(?<!\dst|\dnd|\drd|\dth)(?<!\d )'", " ", text)  # quotes, not minutes
    return " ".join(_WORD.findall(text))


def _correct(
    words: list[str], vocabulary: Vocabulary, club_names: Collection[str]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the words, corrected and with numbers as digits, and (word, correction) pairs."""
    club_words = {word for club in club_names for word in club.split()}
    known = vocabulary.words | set(NUMBERS) | FILLERS | query_times.WORDS | _CHOICE_WORDS
    known |= club_words
    targets = sorted(word for word in known if len(word) >= SHORTEST_CORRECTED)
    corrected, corrections = [], []
    for word in words:
        if word not in known and word.isalpha() and len(word) >= SHORTEST_CORRECTED:
            letters = sorted(word)
            same_initial = [target for target in targets if target[0] == word[0]]
            similar = get_close_matches(word, same_initial, 5, MIN_SIMILARITY)
            # Swapped letters are preferred: "golas" is "goals", not "golazos".
            similar.sort(key=lambda target: sorted(target) != letters)
            if similar:
                corrections.append((word, similar[0]))
                word = similar[0]
        corrected.append(NUMBERS.get(word, word))
    return corrected, corrections


def _extract_teams(rest: str, club_names: dict[str, str]) -> tuple[str, list[str]]:
    """Return the text without clubs and sides (home, away), and those."""
    teams = []
    patterns = {re.escape(normalised): club for normalised, club in club_names.items()}
    for pattern, team in (patterns | {words: side for side, words in _SIDES.items()}).items():
        is_named, rest = _extract_phrase(rest, pattern)
        teams += [team] * is_named
    return rest, teams


def _extract_actions(rest: str, vocabulary: Vocabulary) -> tuple[str, list[set[str]]]:
    """Replace actions by numbered placeholders; return the actions that each one means."""
    mentions: list[set[str]] = []
    for phrase in vocabulary.not_actions:
        rest = re.sub(rf"(?<!\S){re.escape(phrase)}(?!\S)", phrase.replace(" ", "_"), rest)

    def replace(match: re.Match) -> str:
        mentions.append(vocabulary.phrases[match[0]])
        return f"{_ACTION}{len(mentions) - 1}"

    phrases = "|".join(map(re.escape, vocabulary.phrases))
    rest = re.sub(rf"(?<!\S)(?:{phrases})(?!\S)", replace, rest)
    return rest.replace("_", " "), mentions


def _extract_excluded(rest: str, mentions: list[set[str]]) -> tuple[str, set[str]]:
    """Return the text without the actions after "except", "no", "without" …, and those actions."""
    excluded: set[str] = set()

    def replace(match: re.Match) -> str:
        numbers = re.findall(rf"{_ACTION}(\d+)", match[0])
        excluded.update(*(mentions[int(number)] for number in numbers))
        return _DONE

    return re.sub(rf"(?<!\S){_EXCEPT} {_LIST}", replace, rest), excluded


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


def _extract_choice(rest: str) -> tuple[str, int | None, str | None, str | None]:
    """Return the text without number and order of clips, and (limit, pick, order) of the query."""
    order = None
    for order_name, pattern in _ORDERS.items():
        is_named, rest = _extract_phrase(rest, pattern)
        order = order or (order_name if is_named else None)
    for pattern in (rf"{_BEST} (\d+)", rf"(\d+) {_BEST}"):
        if match := re.search(rf"(?<!\S){pattern}(?!\S)", rest):
            return _replace_match(rest, match), int(match[1]), None, order
    for pick, pattern in _ENDS.items():
        if match := re.search(rf"(?<!\S){pattern}(?: (\d+))?(?= {_ACTION})", rest):
            return _replace_match(rest, match), int(match[1] or 1), pick, order
    if match := re.search(rf"(?<!\S)({'|'.join(_NEXT)})(?= {_ACTION})", rest):
        return _replace_match(rest, match), _NEXT[match[1]], "nth", order
    if match := re.search(rf"(?<!\S)(\d+)(?= {_ACTION})", rest):
        return _replace_match(rest, match), int(match[1]), None, order
    best, rest = _extract_phrase(rest, _BEST)
    return rest, None, None, order or (CONFIDENCE if best else None)


def _extract_phrase(rest: str, pattern: str) -> tuple[bool, str]:
    """Return whether the text has such a phrase, and the text with a placeholder for it."""
    replaced = re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", _DONE, rest)
    return replaced != rest, replaced


def _replace_match(rest: str, match: re.Match) -> str:
    """Return the text with a placeholder for a match of a pattern."""
    return f"{rest[: match.start()]}{_DONE}{rest[match.end() :]}"


def _open_question(rest: str, unknown: list[str]) -> str:
    """Return the text from its first to its last unknown word, with the fillers between them."""
    words = rest.split()
    first = words.index(unknown[0])
    last = len(words) - 1 - words[::-1].index(unknown[-1])
    return " ".join(word for word in words[first : last + 1] if word[0] not in _ACTION + _DONE)

"""Vocabulary of queries: names and synonyms of the actions, number words and filler words."""

from collections.abc import Collection, Mapping
from pathlib import Path

from touchline.core.actions import action_name
from touchline.core.config import WORKFLOW, read_yaml


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_TO_TWENTY = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty
"""
NUMBERS = {word: str(number) for number, word in enumerate(_TO_TWENTY.split(), start=1)}
NUMBERS |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70"}
NUMBERS |= {"eighty": "80", "couple": "2", "dozen": "12"}
NUMBERS |= {"third": "3rd", "fourth": "4th", "fifth": "5th"}

# Words that carry no meaning in a query.
FILLERS = words_of(
    """
    a about all along also among an and any are at be been by can clip clips collect compilation
    compile could cut did do does edit every extract find fixture footage for from game games gimme
    give got had happen happened happens has have highlight highlights how i id in into is it its
    just let like list look lookup make match matches me might moment moments montage my need of on
    only or our out over play played please pls plus pull put reel reels replay replays s scene
    scenes see seen show showing shown shows side some t that the their them there these they this
    those time times to together us video videos view wanna want was watch we well were what when
    where which while who will with within would yes you
    """
)


def read_vocabulary(path: Path | str | None) -> dict:
    """Return `synonyms` and `not_actions` of a vocabulary file (workflow/vocabulary.yaml).

    Raises `InputError` for a file that cannot be read or is not valid.
    """
    return read_yaml(Path(path) if path else WORKFLOW / "vocabulary.yaml", "vocabulary")


class Vocabulary:
    """Phrases and the actions that each of them means.

    An action's phrases are its name and its synonyms, in the singular and the plural; a phrase may
    mean several actions. `not_actions` are phrases that contain the name of an action and mean
    something else.
    """

    def __init__(
        self,
        actions: Collection[str],
        synonyms: Mapping[str, Collection[str]] | None = None,
        not_actions: Collection[str] = (),
    ) -> None:
        self.actions = tuple(dict.fromkeys(actions))
        actions_of: dict[str, set[str]] = {}
        for action in self.actions:
            for phrase in (action, action_name(action), *(synonyms or {}).get(action, ())):
                plain = " ".join(phrase.casefold().replace("_", " ").replace("-", " ").split())
                for form in (plain, *plural_forms(plain)):
                    actions_of.setdefault(form, set()).add(action)
        # The longest first: "free kick" before "kick".
        self.phrases = dict(sorted(actions_of.items(), key=lambda item: (-len(item[0]), item[0])))
        forms = (form for phrase in not_actions for form in (phrase, *plural_forms(phrase)))
        self.not_actions = sorted({form.replace("-", " ") for form in forms}, key=len, reverse=True)

    @property
    def words(self) -> set[str]:
        """Every word of every phrase."""
        return {word for phrase in (*self.phrases, *self.not_actions) for word in phrase.split()}


def plural_forms(phrase: str) -> list[str]:
    """Return the phrase with its last, and with its first word in the plural ("shots on target")."""
    first, _, rest = phrase.partition(" ")
    forms = [_plural(phrase)]
    return [*forms, f"{_plural(first)} {rest}"] if rest else forms


def _plural(word: str) -> str:
    if word.endswith(("s", "sh", "ch", "x")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"

"""Bad input: an `InputError` stops a command, a `Problem` is recorded and worked around."""

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

# Effects of a problem, from none to the loss of a whole match.
NOTED = "noted"
ROW_LEFT_OUT = "row left out"
CHUNK_SET_ASIDE = "chunk set aside"
MATCH_SET_ASIDE = "match set aside"

# C0 and C1 but for tab and line end. They would move the cursor, colour or delete what is shown.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return a text with its control characters, but tab and line end, as escapes such as \\x1b.

    So are lone surrogates (halves of a character), which no terminal takes.
    """
    text = text.replace("\r\n", "\n").encode("utf-8", "backslashreplace").decode()
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


# Longest texts, in characters: a sentence of a problem, a line of an `InputError`, a quoted value.
_MAX_SENTENCE, _MAX_LINE, _MAX_QUOTED = 600, 2000, 80
_values = reprlib.Repr()
_values.maxlevel, _values.maxstring, _values.maxother, _values.maxlong = 3, 80, 80, 80


def shorten(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; one that was cut ends in "…"."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def quoted(value: object) -> str:
    """Return a value that was read from a file, which may be any JSON, as messages quote it."""
    text = value if isinstance(value, str) else _values.repr(value)
    return printable(shorten(text, _MAX_QUOTED)).replace("\n", "\\n")


class InputError(Exception):
    """Bad input that stops a command. Its text is shown to the user without a traceback.

    A text may have several lines; of a very long one only the start is shown.
    """

    def __init__(self, text: object = "") -> None:
        super().__init__("\n".join(shorten(line, _MAX_LINE) for line in str(text).split("\n")))

    def __str__(self) -> str:
        return printable(super().__str__())


@dataclass(frozen=True)
class Problem:
    """A problem in the input: what is wrong, what to do (`remedy`), and what it cost (`effect`).

    `row` counts from 1 in the unit of the file: the line of a CSV, the entry of a JSON list.
    `half`, `file` and `row` are None where the problem concerns the whole match.
    """

    match: str
    stage: str
    problem: str
    remedy: str
    effect: str = MATCH_SET_ASIDE
    half: int | None = None
    file: str | None = None
    row: int | None = None

    def __post_init__(self) -> None:
        """Keep a text that quotes a file short, wherever it is shown or stored."""
        for name in ("problem", "remedy"):
            object.__setattr__(self, name, shorten(getattr(self, name), _MAX_SENTENCE))

    def __str__(self) -> str:
        half = f", half {self.half}" if self.half is not None else ""
        file = f"{self.file}: " if self.file else ""
        row = f"row {self.row}: " if self.row is not None else ""
        return f"{self.match}{half}: {file}{row}{self.problem} {self.remedy} ({self.effect})"


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise `InputError` with all problems that cost any data, for `on_problem: stop`."""
    costly = [problem for problem in problems if problem.effect != NOTED]
    if costly:
        raise InputError("\n".join(map(str, costly)))

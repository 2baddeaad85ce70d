"""Bad input: an `InputError` stops a command, a `Problem` is recorded and worked around."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import polars as pl

# Effects of a problem, from none to the loss of a whole match.
NOTED = "noted"
ROW_LEFT_OUT = "row left out"
CHUNK_SET_ASIDE = "chunk set aside"
MATCH_SET_ASIDE = "match set aside"

PROBLEMS = pl.Schema(
    {
        "match": pl.String,
        "half": pl.Int64,
        "stage": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "problem": pl.String,
        "remedy": pl.String,
        "effect": pl.String,
    }
)


class InputError(Exception):
    """Bad input that stops a command. Its text is shown to the user without a traceback."""


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

    def __str__(self) -> str:
        half = f", half {self.half}" if self.half is not None else ""
        file = f"{self.file}: " if self.file else ""
        row = f"row {self.row}: " if self.row is not None else ""
        return f"{self.match}{half}: {file}{row}{self.problem} {self.remedy} ({self.effect})"


def to_frame(problems: Sequence[Problem]) -> pl.DataFrame:
    """Return the problems as a table (columns `PROBLEMS`), in the order given."""
    return pl.DataFrame([asdict(problem) for problem in problems], schema=PROBLEMS)


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise `InputError` with all problems that cost any data, for `on_problem: stop`."""
    costly = [problem for problem in problems if problem.effect != NOTED]
    if costly:
        raise InputError("\n".join(map(str, costly)))

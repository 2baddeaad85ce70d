"""Loops of a speech recogniser: lines, and phrases in a line, that repeat over noise."""

import re
from collections.abc import Sequence

import polars as pl

from touchline.core import schema

# A loop is a phrase of up to so many words that follows itself at once, at least three times and
# over at least so many words.
_LONGEST_PHRASE, _LEAST_REPEATS, _LEAST_WORDS = 20, 3, 6
_PUNCTUATION = re.compile(r"[^\w]+")


def collapse_loops(segments: pl.DataFrame) -> pl.DataFrame:
    """Return the segments without those that repeat the text of the segment before.

    Case and punctuation do not count. A speech recogniser may repeat a line over the sound that
    follows it, as for one in seven consecutive English segments of SoccerNet-Echoes. The first of
    them has the times of the words.
    """
    words = (
        pl.col("text").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    )
    return segments.filter(words.ne_missing(words.shift(1).over("half")))


def drop_repeats(lines: Sequence[tuple[float, float, str]]) -> pl.DataFrame:
    """Return lines (start and end in seconds, text) without loops, as a table of these columns.

    Of a line that repeats the one before it, the first is kept; of a phrase that follows itself over
    and over within a line, one (see `shorten_loops`).
    """
    rows = [(1, start_s, end_s, shorten_loops(text)) for start_s, end_s, text in lines]
    table = pl.DataFrame(rows, schema=schema.COMMENTARY, orient="row")
    return collapse_loops(table).drop("half")


def shorten_loops(text: str) -> str:
    """Return a text with one of a phrase that follows itself three times or more, over six words."""
    words = text.split()
    plain = [_PUNCTUATION.sub("", word.lower()) for word in words]
    kept: list[str] = []
    at = 0
    while at < len(words):
        length, end = _find_loop(plain, at)
        kept += words[at : at + length]
        at = end
    return " ".join(kept)


def _find_loop(words: Sequence[str], at: int) -> tuple[int, int]:
    """Return the length of the phrase at a word, and where its loop ends; 1 word without a loop."""
    for length in range(1, _LONGEST_PHRASE + 1):
        phrase, end = words[at : at + length], at + length
        while words[end : end + length] == phrase:
            end += length
        if end - at >= max(_LEAST_REPEATS * length, _LEAST_WORDS):
            return length, end
    return 1, at + 1

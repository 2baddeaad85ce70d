"""Commentary as timed words: the lines of each half, and the time of every word in them."""

from collections.abc import Iterator

import polars as pl

from touchline.data.loops import collapse_loops
from touchline.models.backend import Match

WORD_PATTERN = r"[\p{L}\p{N}']+"


def split_halves(samples: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame, float]]:
    """Yield (half, its commentary lines by time, the end of its last chunk in seconds)."""
    lines = (
        samples.select("half", "lines")
        .explode("lines")
        .drop_nulls("lines")
        .unique(maintain_order=True)
        .unnest("lines")
        .sort("half", "start_s", "end_s", maintain_order=True)
    )
    for half, end_s in samples.group_by("half").agg(pl.col("end_s").max()).sort("half").iter_rows():
        yield half, lines.filter(pl.col("half") == half), end_s


def split_transcripts(match: Match) -> Iterator[tuple[int, list[pl.DataFrame], float]]:
    """Yield (half, the lines of each of its transcripts, the end of its last chunk in seconds).

    A transcript without a line in the half is left out, unless there is no other.
    """
    further = match.further
    for half, lines, end_s in split_halves(match.samples):
        heard = [lines]
        if further is not None:
            of_half = collapse_loops(
                further.filter(half=half).sort("transcript", "start_s", "end_s")
            )
            groups = of_half.group_by("transcript", maintain_order=True)
            heard += [group.drop("transcript") for _, group in groups]
        yield half, [one for one in heard if len(one)] or [lines], end_s


def timed_words(lines: pl.DataFrame, pattern: str = WORD_PATTERN) -> pl.DataFrame:
    """Return (word, time_s, pair) of each word; a line's words are spread evenly over its duration.

    A word is a match of `pattern` in the lower-case text; a pair joins the word before and the
    word.
    """
    position = (pl.col("number") + 0.5) / pl.col("words").list.len()
    return (
        lines.select(
            "start_s", "end_s", words=pl.col("text").str.to_lowercase().str.extract_all(pattern)
        )
        .filter(pl.col("words").list.len() > 0)
        .with_columns(word="words", number=pl.int_ranges(pl.col("words").list.len()))
        .explode("word", "number")
        .select(
            "word",
            time_s=pl.col("start_s") + (pl.col("end_s") - pl.col("start_s")) * position,
            pair=pl.col("word").shift(1, fill_value="") + "_" + pl.col("word"),
        )
    )

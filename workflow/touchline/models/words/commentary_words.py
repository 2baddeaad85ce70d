"""The words of a match's commentary, with the time of each."""

from collections.abc import Iterator

import polars as pl

WORDS = r"[\p{L}\p{N}']+"


def halves(samples: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame, float]]:
    """Yield (half, its lines in the order of time, the end of its last chunk in seconds)."""
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


def spoken_words(lines: pl.DataFrame, pattern: str = WORDS) -> pl.DataFrame:
    """Return (time_s, word, pair) of each word; a line's words are spread evenly over its time.

    A word is what `pattern` finds in the lower-case text; a pair is a word with the one before it.
    """
    place = (pl.col("number") + 0.5) / pl.col("words").list.len()
    return (
        lines.select(
            "start_s", "end_s", words=pl.col("text").str.to_lowercase().str.extract_all(pattern)
        )
        .filter(pl.col("words").list.len() > 0)
        .with_columns(word="words", number=pl.int_ranges(pl.col("words").list.len()))
        .explode("word", "number")
        .select(
            "word",
            time_s=pl.col("start_s") + (pl.col("end_s") - pl.col("start_s")) * place,
            pair=pl.col("word").shift(1, fill_value="") + "_" + pl.col("word"),
        )
    )

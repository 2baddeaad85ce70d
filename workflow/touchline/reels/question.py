"""The samples of an open question: each chunk of a match once, asked in the user's own words.

A model that is asked in words takes a question in the place of an action's name. The words are a single
line of plain text, so that they cannot pose as another part of the prompt.
"""

import argparse
from pathlib import Path

import polars as pl

from touchline.core import schema


def to_samples(samples: pl.DataFrame, question: str) -> pl.DataFrame:
    """Return the samples (columns `schema.SAMPLES`) with the question for their only action."""
    chunks = samples.unique(["half", "chunk"], keep="first", maintain_order=True)
    return chunks.with_columns(action=pl.lit(question))


def main(argv: list[str]) -> None:
    """Write the samples of an open question."""
    parser = argparse.ArgumentParser(prog="touchline question", description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--question", required=True, help="in words, such as: dribbles")
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    args = parser.parse_args(argv)
    samples = schema.read(args.samples, schema.SAMPLES)
    schema.write(args.out, to_samples(samples, args.question), schema.SAMPLES)

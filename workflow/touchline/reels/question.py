"""Samples of an open question: every chunk of a match, with the question in place of an action.

Models that take open questions insert it into the prompt where an action's name stands. It is a
single line of plain words, so that it cannot imitate other parts of the prompt.
"""

import argparse
from pathlib import Path

import polars as pl

from touchline.core import schema


def to_samples(samples: pl.DataFrame, question: str) -> pl.DataFrame:
    """Return a sample of each chunk (columns `schema.SAMPLES`) with the question as its action."""
    chunks = samples.unique(["half", "chunk"], keep="first", maintain_order=True)
    return chunks.with_columns(action=pl.lit(question))


def main(argv: list[str]) -> None:
    """Write the samples of an open question."""
    parser = argparse.ArgumentParser(prog="touchline question", description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--question", required=True, help="in plain words, such as: dribbles")
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    args = parser.parse_args(argv)
    samples = schema.read(args.samples, schema.SAMPLES)
    schema.write(args.out, to_samples(samples, args.question), schema.SAMPLES)

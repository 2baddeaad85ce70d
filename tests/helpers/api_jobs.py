"""A job of an API model as a rule starts it, for tests that kill or inspect a process."""

import sys

import polars as pl

from project import ENVIRONMENT
from questions import KEY, entry
from touchline.core import schema
from touchline.models.backend import Match


def job(server, a_match: Match, **settings) -> list[str]:
    """Write a match's samples and return the command that infers them."""
    schema.write("samples.parquet", a_match.samples, schema.SAMPLES)
    encoded = pl.Series([entry(server, **settings)]).struct.json_encode().item()
    return [sys.executable, "-m", "touchline", "infer", "--backend", "openai_api",
            "--settings", encoded, "--match", a_match.name, "--samples", "samples.parquet",
            "--out", "out.parquet"]  # fmt: skip


def environment() -> dict[str, str]:
    """Return the environment of a job, with the API key."""
    return ENVIRONMENT | {"TOUCHLINE_TEST_KEY": KEY}

"""A match and a model's settings for tests of the API backend."""

import polars as pl

from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.models.api import openai_api
from touchline.models.backend import Match

ACTIONS = ["goal", "foul", "corner", "substitution", "clearance"]
KEY = "sk-planted-0123456789abcdef"
SAMPLES = 20  # of the match by default
PRICES = {"input": 1.0, "output": 4.0, "cached": 0.25}
KINDS = ("action", "chunk")
# What tests ask that say nothing else: the fixture `kind` changes it.
DEFAULTS = {"questions": "action", "ask_silent": True}


def requests_of(kind: str, chunks: int = 4) -> int:
    """Return the requests for so many chunks."""
    return chunks * (len(ACTIONS) if kind == "action" else 1)


def match(chunks: int = 4, silent: bool = False, name: str = "a-match") -> Match:
    """Return a match of one half; each chunk has five samples, and a line unless `silent`."""
    rows = [
        (1, 60.0 * number + 3, 60.0 * number + 9, f"and he plays it on, for the {number}. time")
        for number in range(0 if silent else chunks)
    ]
    segments = pl.DataFrame(rows, schema.COMMENTARY, orient="row")
    return Match(name, make_samples(segments, {1: 60.0 * chunks}, ACTIONS, 60.0, 0.0))


def entry(server, **settings) -> dict:
    """Return the settings of a model on a test server, changed by `settings`."""
    return {
        "model": "a-model",
        "base_url": server.address,
        "api_key_variable": "TOUCHLINE_TEST_KEY",
        "parameters": {"max_completion_tokens": 50},
        "prices": PRICES,
        "concurrency": 4,
        "timeout_s": 5,
        **DEFAULTS,
    } | settings


def answers_of(server, a_match: Match | None = None, **settings) -> pl.DataFrame:
    """Return the predictions of a model on a server."""
    return openai_api.load(entry(server, **settings), None).answer(a_match or match())


def content(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table of predictions without its column of times, which differ between runs."""
    return table.drop("seconds")

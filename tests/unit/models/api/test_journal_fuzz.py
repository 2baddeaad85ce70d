"""Whatever is in the file of a journal, it is read as valid values or refused with a sentence."""

import contextlib
import json
import math
import sqlite3
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import any_json, damaged, fuzz
from questions import match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.api import journal, journal_tables, openai_api
from touchline.models.api.completions import Prices
from touchline.models.api.requests.questions import build_questions
from touchline.models.api.server import ApiSettings, Server

SETTINGS = ApiSettings(
    "a-model", api_key_variable=None, prices=Prices(1.0, 4.0), questions="action", ask_silent=True
)
MATCH = match(chunks=1)
QUESTIONS = build_questions(MATCH, SETTINGS)
REQUESTS = QUESTIONS.requests
RECORD = {"text": "A Goal occurs at (00:10, 00:22).", "finish_reason": "stop", "seconds": 0.5,
          "prompt_tokens": 100, "cached_tokens": 50, "answer_tokens": 10,
          "tokens": [[32, -0.5]]}  # fmt: skip


@pytest.fixture(scope="module")
def folder():
    shared = Path("/dev/shm")  # in memory, where there is such a folder: each journal is synced
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def whole(folder) -> Path:
    """Return the path of a journal with answers and an open batch."""
    path = folder / "whole.sqlite"
    with contextlib.closing(journal.Journal(path)) as opened:
        for request in REQUESTS[:-1]:
            opened.apply(partial(journal_tables.settle, key=request.key, sample=request.sample,
                                 record=RECORD, reserved_usd=0.0, usd=0.1))  # fmt: skip
        opened.apply(partial(journal_tables.open_batch, name="a-batch", usd=1.0,
                             samples=[(REQUESTS[-1].key, REQUESTS[-1].sample)]))  # fmt: skip
    return path


def use(path: Path) -> None:
    """Read and change all that a journal holds; what is read must be valid."""
    with contextlib.closing(journal.Journal(path)) as opened:
        transactions = [
            journal_tables.read_spending,
            partial(journal_tables.reserve, usd=0.5, max_usd=10.0, max_requests=9),
            *(partial(journal_tables.is_known, key=request.key) for request in REQUESTS),
            partial(journal_tables.samples_of_batch, name="a-batch"),
            journal_tables.list_batches,
        ]
        results = [read(opened, transaction) for transaction in transactions]
        if results[0]:
            assert 0 <= results[0].usd < math.inf
        for name, _ in results[-1] or []:
            read(opened, partial(journal_tables.close_batch, name=name))
        with contextlib.suppress(InputError):
            table = openai_api._predictions(MATCH, QUESTIONS, opened, Server(SETTINGS))
            assert table.schema == schema.PREDICTIONS
            assert table["cost_usd"].is_null().any() or table["cost_usd"].min() >= 0


def read(opened: journal.Journal, transaction):
    with contextlib.suppress(InputError):
        return opened.apply(transaction)
    return None


values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.binary(max_size=9)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
)
COLUMNS = ["answers.record", "answers.sample", "spending.usd", "spending.requests", "batches.id",
           "batches.usd", "batches.name", "batched.sample", "batched.batch"]  # fmt: skip
records = any_json | st.dictionaries(st.sampled_from(sorted(RECORD)), any_json).map(
    lambda changed: RECORD | changed
)


def place(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[int]:
    return numbers | st.integers(0, 40_000)


@given(
    odd=st.tuples(st.sampled_from(COLUMNS), values, records)
    | st.tuples(place(st.just(0)), place(st.integers(0, 200)), st.binary(min_size=1, max_size=400))
)
@fuzz
def test_a_file_of_any_bytes_or_values_is_a_journal_or_a_sentence(folder, whole, odd):
    path = folder / "odd.sqlite"
    if isinstance(odd[0], str):
        column, value, record = odd
        path.write_bytes(whole.read_bytes())
        table, name = column.split(".")
        value = json.dumps(record) if name == "record" else value
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("PRAGMA synchronous = OFF")
            file.execute(f"UPDATE OR REPLACE {table} SET {name} = ?", (value,))
    else:
        cut, at, piece = odd
        content = whole.read_bytes()
        at %= len(content)
        content = content[:at] + piece + content[at + len(piece) :]
        path.write_bytes(damaged(content, cut, at, piece[0]))
    with contextlib.suppress(InputError):
        use(path)
    path.unlink()
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)

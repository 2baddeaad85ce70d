"""The tables of the journal: answers, spending and open batches, as functions of the open file.

They are the transactions that `Journal.apply` runs.
"""

import json
import math
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from touchline.models.api.completions import check_record

# Tolerance of a budget for rounding errors in sums of costs.
ROUNDING_USD = 1e-9

TABLES = """
CREATE TABLE answers (key TEXT PRIMARY KEY, sample TEXT, record TEXT) WITHOUT ROWID;
CREATE TABLE spending (requests INTEGER, usd REAL);
CREATE TABLE batches (name TEXT PRIMARY KEY, id TEXT, usd REAL);
CREATE TABLE batched (key TEXT PRIMARY KEY, sample TEXT, batch TEXT) WITHOUT ROWID;
INSERT INTO spending VALUES (0, 0.0);
"""
NAMES = {"answers", "spending", "batches", "batched"}


class DamageError(Exception):
    """The content of the journal is not what was written."""


class Spending(NamedTuple):
    """The requests sent so far, and their cost in US dollars, unanswered ones at their maximum."""

    requests: int
    usd: float


class StoredAnswer(NamedTuple):
    """An answer: the sample whose request was sent, and the record of its completion."""

    sample: str
    record: dict


def find_answer(file: sqlite3.Connection, key: str) -> StoredAnswer | None:
    """Return the answer to a request, or None where there is none yet."""
    row = file.execute("SELECT sample, record FROM answers WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    sample, record = row
    try:
        if isinstance(sample, str):
            return StoredAnswer(sample, check_record(json.loads(record)))
    except (ValueError, TypeError, RecursionError):
        pass
    raise DamageError(f"the answer {key[:8]} is not readable")


def read_spending(file: sqlite3.Connection) -> Spending:
    """Return the requests and the cost so far."""
    rows = file.execute("SELECT requests, usd FROM spending").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], int) or not isinstance(rows[0][1], float):
        raise DamageError("the sum of what was spent is not readable")
    requests, usd = rows[0]
    if not math.isfinite(usd):
        raise DamageError("the sum of what was spent is not finite")
    # A sum below zero, which earlier versions could store, would make the budget larger.
    return Spending(max(0, requests), max(0.0, usd))


def reserve(
    file: sqlite3.Connection,
    usd: float,
    max_usd: float | None,
    max_requests: int | None,
    requests: int = 1,
) -> bool:
    """Reserve the cost of requests, and return whether the budget has room for them."""
    so_far = read_spending(file)
    if max_requests is not None and so_far.requests + requests > max_requests:
        return False
    if max_usd is not None and so_far.usd + usd > max_usd + ROUNDING_USD:
        return False
    _add(file, requests, usd)
    return True


def release(file: sqlite3.Connection, usd: float, requests: int = 1) -> None:
    """Release the reserve of requests that were not charged."""
    _add(file, -requests, -usd)


def settle(
    file: sqlite3.Connection, key: str, sample: str, record: dict, reserved_usd: float, usd: float
) -> None:
    """Store an answer, and replace its reserve by its cost."""
    file.execute("REPLACE INTO answers VALUES (?, ?, ?)", (key, sample, json.dumps(record)))
    _add(file, 0, usd - reserved_usd)


def _add(file: sqlite3.Connection, requests: int, usd: float) -> None:
    so_far = read_spending(file)
    file.execute(
        "UPDATE spending SET requests = ?, usd = ?", (so_far.requests + requests, so_far.usd + usd)
    )


def is_known(file: sqlite3.Connection, key: str) -> bool:
    """Return whether a request has an answer or is in an open batch."""
    for table in ("answers", "batched"):
        if file.execute(f"SELECT 1 FROM {table} WHERE key = ?", (key,)).fetchone():
            return True
    return False


def open_batch(
    file: sqlite3.Connection, name: str, samples: Iterable[tuple[str, str]], usd: float
) -> None:
    """Store a batch before it is sent: the (key, sample) of its requests, and their reserve."""
    file.execute("INSERT INTO batches VALUES (?, NULL, ?)", (name, usd))
    file.executemany(
        "INSERT INTO batched VALUES (?, ?, ?)", ((key, sample, name) for key, sample in samples)
    )


def set_batch_id(file: sqlite3.Connection, name: str, id_: str) -> None:
    """Store the identifier that the server gave to a batch."""
    file.execute("UPDATE batches SET id = ? WHERE name = ?", (id_, name))


def list_batches(file: sqlite3.Connection) -> list[tuple[str, str | None]]:
    """Return the (name, identifier) of all open batches; None where it is not stored yet."""
    rows = file.execute("SELECT name, id FROM batches ORDER BY name").fetchall()
    if not all(isinstance(name, str) and isinstance(id_, str | None) for name, id_ in rows):
        raise DamageError("an open batch is not readable")
    return rows


def samples_of_batch(file: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the samples of a batch's requests by the requests' keys."""
    rows = file.execute("SELECT key, sample FROM batched WHERE batch = ?", (name,)).fetchall()
    if not all(isinstance(key, str) and isinstance(sample, str) for key, sample in rows):
        raise DamageError("a request of an open batch is not readable")
    return dict(rows)


def reserve_of_batch(file: sqlite3.Connection, name: str) -> float:
    """Return the reserve of an open batch in US dollars."""
    row = file.execute("SELECT usd FROM batches WHERE name = ?", (name,)).fetchone()
    if row is None or not isinstance(row[0], float) or not 0 <= row[0] < math.inf:
        raise DamageError("the reserve of an open batch is not readable")
    return row[0]


def close_batch(file: sqlite3.Connection, name: str) -> None:
    """Delete a batch, and release the reserve: requests without an answer were not charged."""
    usd = reserve_of_batch(file, name)
    (unanswered,) = file.execute(
        "SELECT count(*) FROM batched LEFT JOIN answers USING (key)"
        " WHERE batch = ? AND record IS NULL",
        (name,),
    ).fetchone()
    file.execute("DELETE FROM batched WHERE batch = ?", (name,))
    file.execute("DELETE FROM batches WHERE name = ?", (name,))
    release(file, usd, unanswered)

"""The journal of a paid model: its answers and spending in an SQLite file that all jobs share.

An answer is on the disk before it is used. The file is in a folder that no rule declares, so
Snakemake does not delete it with the outputs of a failed job. The jobs share the budget: the
maximum cost of a request is reserved before it is sent, and replaced by its true cost when the
answer arrives. A request that was interrupted keeps its reserve, since it may have been charged.

SQLite's rollback journal (not WAL, which needs shared memory) works on network file systems with
locks.
"""

import asyncio
import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from touchline.core.problems import InputError

Result = TypeVar("Result")
Transaction = Callable[[sqlite3.Connection], Result]

# How long a job waits for the commit of another one.
BUSY_TIMEOUT_S = 120.0
# Tolerance of a budget for rounding errors in sums of costs.
ROUNDING_USD = 1e-9

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, sample TEXT, record TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (requests INTEGER, usd REAL);
CREATE TABLE IF NOT EXISTS batches (name TEXT PRIMARY KEY, id TEXT, usd REAL);
CREATE TABLE IF NOT EXISTS batched (key TEXT PRIMARY KEY, sample TEXT, batch TEXT) WITHOUT ROWID;
INSERT INTO spending SELECT 0, 0.0 WHERE NOT EXISTS (SELECT * FROM spending);
"""


class Spending(NamedTuple):
    """The requests sent so far, and their cost in US dollars, unanswered ones at their maximum."""

    requests: int
    usd: float


class StoredAnswer(NamedTuple):
    """An answer: the sample whose request was sent, and the record of its completion."""

    sample: str
    record: dict


class Journal:
    """The open journal of one model. Raises `InputError` for a file that is no journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite connections belong to one thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._queue: list[tuple[Transaction[Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None
        try:
            self._connection = self._thread.submit(self._open).result()
        except sqlite3.Error as error:
            raise InputError(
                f"{path}: not a readable journal ({error}). It holds the answers that were paid "
                "for: restore it, or move it away to ask everything again."
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        return connection

    def apply(self, transaction: Transaction[Result]) -> Result:
        """Run a function of this module with its other arguments bound, and return its result."""
        (result,) = self._thread.submit(self._commit, [transaction]).result()
        if isinstance(result, Exception):
            raise result
        return result

    async def apply_async(self, transaction: Transaction[Result]) -> Result:
        """Run a transaction; it is on the disk when this returns.

        Transactions that arrive while others are being written are committed together.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((transaction, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_queue())
        # The transaction of a cancelled request is committed all the same.
        return await asyncio.shield(done)

    async def _write_queue(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            group, self._queue = self._queue, []
            transactions = [transaction for transaction, _ in group]
            try:
                results = await loop.run_in_executor(self._thread, self._commit, transactions)
            except sqlite3.Error as error:
                results = [InputError(f"{self.path}: cannot be written ({error}).")] * len(group)
            for (_, done), result in zip(group, results, strict=True):
                if isinstance(result, Exception):
                    done.set_exception(result)
                else:
                    done.set_result(result)

    async def flush(self) -> None:
        """Wait until all transactions that were given to `apply_async` are on the disk."""
        while self._writer is not None and not self._writer.done():
            await self._writer

    def _commit(self, transactions: list[Transaction[Any]]) -> list[Any]:
        """Return the results of transactions that are committed together.

        One that raises is rolled back alone, and its error is its result.
        """
        results: list[Any] = []
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for transaction in transactions:
                self._connection.execute("SAVEPOINT single")
                try:
                    results.append(transaction(self._connection))
                except Exception as error:
                    self._connection.execute("ROLLBACK TO single")
                    results.append(error)
                self._connection.execute("RELEASE single")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold a lock that one job at a time can hold, while the block runs or until the job ends."""
        with open(self.path.with_suffix(".lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def close(self) -> None:
        """Close the file and end its thread."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()


# Transactions: functions of the open file, for `Journal.apply`.


def find_answer(file: sqlite3.Connection, key: str) -> StoredAnswer | None:
    """Return the answer to a request, or None where there is none yet."""
    row = file.execute("SELECT sample, record FROM answers WHERE key = ?", (key,)).fetchone()
    return StoredAnswer(row[0], json.loads(row[1])) if row else None


def read_spending(file: sqlite3.Connection) -> Spending:
    """Return the requests and the cost so far."""
    return Spending(*file.execute("SELECT requests, usd FROM spending").fetchone())


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
    file.execute("UPDATE spending SET requests = requests + ?, usd = usd + ?", (requests, usd))


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
    return file.execute("SELECT name, id FROM batches ORDER BY name").fetchall()


def samples_of_batch(file: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the samples of a batch's requests by the requests' keys."""
    return dict(file.execute("SELECT key, sample FROM batched WHERE batch = ?", (name,)))


def close_batch(file: sqlite3.Connection, name: str) -> None:
    """Delete a batch, and release the reserve: requests without an answer were not charged."""
    (usd,) = file.execute("SELECT usd FROM batches WHERE name = ?", (name,)).fetchone()
    (unanswered,) = file.execute(
        "SELECT count(*) FROM batched LEFT JOIN answers USING (key)"
        " WHERE batch = ? AND record IS NULL",
        (name,),
    ).fetchone()
    file.execute("DELETE FROM batched WHERE batch = ?", (name,))
    file.execute("DELETE FROM batches WHERE name = ?", (name,))
    release(file, usd, unanswered)

"""What was asked of a paid model, and its answers: on the disk before they count, for all jobs.

A journal is one SQLite file per model, in a folder that no rule declares, so Snakemake does not
delete it with the outputs of a failed job. Jobs share it, and with it the budget: what a request
may cost at most is taken from the budget before it is sent, and given back when the answer's true
cost is known. A request that was cut off keeps its share, since it may have been charged.

SQLite's rollback journal (not WAL, which needs shared memory) works on network file systems that
have locks.
"""

import asyncio
import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from touchline.core.problems import InputError

# How long a job waits for another one's commit.
BUSY_S = 120.0
# Sums of floating-point costs may miss a budget by this much.
ROUNDING_USD = 1e-9

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, sample TEXT, record TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (requests INTEGER, usd REAL);
CREATE TABLE IF NOT EXISTS batches (name TEXT PRIMARY KEY, id TEXT, usd REAL);
CREATE TABLE IF NOT EXISTS batched (key TEXT PRIMARY KEY, sample TEXT, batch TEXT) WITHOUT ROWID;
INSERT INTO spending SELECT 0, 0.0 WHERE NOT EXISTS (SELECT * FROM spending);
"""


class Spent(NamedTuple):
    """What was asked so far: requests, and US dollars with all that are under way at their most."""

    requests: int
    usd: float


class Entry(NamedTuple):
    """An answer: the sample that it was asked for, and what was written down of it."""

    sample: str
    record: dict


class Journal:
    """The answers of one model. Raises `InputError` for a file that is no journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # All work on the file is done in this one thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[tuple[Callable, asyncio.Future]] = []
        self._writing: asyncio.Task | None = None
        try:
            self._file = self._thread.submit(self._open).result()
        except sqlite3.Error as error:
            raise InputError(
                f"{path}: not a readable journal ({error}). It holds the answers that were paid "
                "for: restore it, or move it away to ask everything again."
            ) from error

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        file.execute("PRAGMA synchronous = EXTRA")
        file.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        return file

    def do(self, change: Callable[[sqlite3.Connection], Any]) -> Any:
        """Make one change (a function of this module with its arguments bound), now."""
        (result,) = self._thread.submit(self._commit, [change]).result()
        if isinstance(result, Exception):
            raise result
        return result

    async def write(self, change: Callable[[sqlite3.Connection], Any]) -> Any:
        """Make one change; it is on the disk when this returns.

        Changes that come while others are being written go to the disk together.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        # A request that is cancelled does not take its change back.
        return await asyncio.shield(done)

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            changes = [change for change, _ in group]
            try:
                results = await loop.run_in_executor(self._thread, self._commit, changes)
            except sqlite3.Error as error:
                results = [InputError(f"{self.path}: cannot be written ({error}).")] * len(group)
            for (_, done), result in zip(group, results, strict=True):
                if isinstance(result, Exception):
                    done.set_exception(result)
                else:
                    done.set_result(result)

    async def flush(self) -> None:
        """Wait until all changes that were given to `write` are on the disk."""
        while self._writing is not None and not self._writing.done():
            await self._writing

    def _commit(self, changes: list[Callable]) -> list:
        """Make the changes in one transaction; one that raises is undone alone, and its error returned."""
        results = []
        self._file.execute("BEGIN IMMEDIATE")
        try:
            for change in changes:
                self._file.execute("SAVEPOINT change")
                try:
                    results.append(change(self._file))
                except Exception as error:
                    self._file.execute("ROLLBACK TO change")
                    results.append(error)
                self._file.execute("RELEASE change")
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise
        return results

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other jobs that ask for the same out while the block runs; the system ends it with the job."""
        with open(self.path.with_suffix(".lock"), "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def close(self) -> None:
        self._thread.submit(self._file.close).result()
        self._thread.shutdown()


# Changes: functions of the open file.


def find(file: sqlite3.Connection, key: str) -> Entry | None:
    """Return an answer, or None where there is none yet."""
    row = file.execute("SELECT sample, record FROM answers WHERE key = ?", (key,)).fetchone()
    return Entry(row[0], json.loads(row[1])) if row else None


def spent(file: sqlite3.Connection) -> Spent:
    """Return what was asked and spent so far."""
    return Spent(*file.execute("SELECT requests, usd FROM spending").fetchone())


def reserve(
    file: sqlite3.Connection,
    usd: float,
    max_usd: float | None,
    max_requests: int | None,
    requests: int = 1,
) -> bool:
    """Take requests from the budget; say whether they fit into it."""
    before = spent(file)
    if max_requests is not None and before.requests + requests > max_requests:
        return False
    if max_usd is not None and before.usd + usd > max_usd + ROUNDING_USD:
        return False
    _add(file, requests, usd)
    return True


def release(file: sqlite3.Connection, usd: float, requests: int = 1) -> None:
    """Give back what was reserved for requests that were not charged."""
    _add(file, -requests, -usd)


def settle(
    file: sqlite3.Connection, key: str, sample: str, record: dict, reserved_usd: float, usd: float
) -> None:
    """Write an answer down, and what it cost instead of what was reserved."""
    file.execute("REPLACE INTO answers VALUES (?, ?, ?)", (key, sample, json.dumps(record)))
    _add(file, 0, usd - reserved_usd)


def _add(file: sqlite3.Connection, requests: int, usd: float) -> None:
    file.execute("UPDATE spending SET requests = requests + ?, usd = usd + ?", (requests, usd))


def is_pending(file: sqlite3.Connection, key: str) -> bool:
    """Say whether a request was answered, or is in a batch whose answers are to come."""
    for table in ("answers", "batched"):
        if file.execute(f"SELECT 1 FROM {table} WHERE key = ?", (key,)).fetchone():
            return True
    return False


def open_batch(
    file: sqlite3.Connection, name: str, samples: Iterable[tuple[str, str]], usd: float
) -> None:
    """Write down a batch that is about to be sent: its requests' (key, sample), and their reserve."""
    file.execute("INSERT INTO batches VALUES (?, NULL, ?)", (name, usd))
    file.executemany(
        "INSERT INTO batched VALUES (?, ?, ?)", ((key, sample, name) for key, sample in samples)
    )


def name_batch(file: sqlite3.Connection, name: str, id_: str) -> None:
    """Write down the identifier that the server gave a batch."""
    file.execute("UPDATE batches SET id = ? WHERE name = ?", (id_, name))


def batches(file: sqlite3.Connection) -> list[tuple[str, str | None]]:
    """Return the (name, identifier) of all batches whose answers are to come."""
    return file.execute("SELECT name, id FROM batches ORDER BY name").fetchall()


def batch_of(file: sqlite3.Connection, name: str) -> dict[str, str]:
    """Return the samples of a batch's requests by their keys."""
    return dict(file.execute("SELECT key, sample FROM batched WHERE batch = ?", (name,)))


def close_batch(file: sqlite3.Connection, name: str) -> None:
    """Forget a batch. Its requests without an answer were not charged: they are given back."""
    (usd,) = file.execute("SELECT usd FROM batches WHERE name = ?", (name,)).fetchone()
    (left,) = file.execute(
        "SELECT count(*) FROM batched LEFT JOIN answers USING (key)"
        " WHERE batch = ? AND record IS NULL",
        (name,),
    ).fetchone()
    file.execute("DELETE FROM batched WHERE batch = ?", (name,))
    file.execute("DELETE FROM batches WHERE name = ?", (name,))
    release(file, usd, left)

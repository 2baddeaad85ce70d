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
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from touchline.core.files import atomic_file
from touchline.core.problems import InputError
from touchline.models.api.journal_tables import NAMES, TABLES, DamageError

Result = TypeVar("Result")
Transaction = Callable[[sqlite3.Connection], Result]

# How long a job waits for the commit of another one.
BUSY_TIMEOUT_S = 120.0
# Errors that say nothing about the file's content, by the start of their names.
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_NOT_USABLE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM",
               "SQLITE_AUTH", "SQLITE_NOMEM", "SQLITE_NOLFS")  # fmt: skip
# Of a file that cannot be used; UnicodeDecodeError where SQLite's message quotes damaged text.
_ERRORS = (sqlite3.Error, UnicodeDecodeError, DamageError)


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
        except _ERRORS as error:
            self._thread.shutdown()
            raise self._explain(error) from error

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._create()
        if not self.path.is_file():
            raise DamageError("it is not a file")
        if not self.path.stat().st_size:  # SQLite would take it as a new database
            raise DamageError("it is empty")
        # `mode=rw`: a journal that disappears now is not replaced by an empty one.
        uri = f"{self.path.resolve().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, BUSY_TIMEOUT_S, isolation_level=None, uri=True)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("BEGIN IMMEDIATE")
            rows = connection.execute("SELECT name FROM sqlite_master").fetchall()
            connection.execute("COMMIT")
            if missing := NAMES - {name for (name,) in rows}:
                raise DamageError(f"it has no table {min(missing)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """Make an empty journal, which appears with its tables or not at all."""
        with self.exclusive():
            if self.path.exists():  # another job was faster
                return
            with atomic_file(self.path) as partial:
                connection = sqlite3.connect(partial, isolation_level=None)
                try:
                    connection.executescript(f"BEGIN; {TABLES} COMMIT;")
                finally:
                    connection.close()

    def _explain(self, error: Exception) -> InputError:
        """Return the message for an error of SQLite: what is wrong, and what to do."""
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(_LOCKED):
            return InputError(
                f"{self.path}: another process has locked the journal for more than "
                f"{BUSY_TIMEOUT_S:g} s ({error}). Leave the file where it is, wait until the other "
                "one has ended, and run again. Its answers are kept."
            )
        if name.startswith(_NOT_USABLE):
            return InputError(
                f"{self.path}: the journal cannot be opened or written ({error}). Leave the file "
                "where it is, see whether the disk is full or may not be written, and run again."
            )
        return InputError(
            f"{self.path}: not a readable journal ({error}). It holds the answers that were paid "
            "for and what was spent: restore it from a copy. Without it, or if it is deleted, all "
            "prompts of this model are asked and paid again, and its budget starts from zero."
        )

    def apply(self, transaction: Transaction[Result]) -> Result:
        """Run a function of this module with its other arguments bound, and return its result.

        Raises `InputError` where the file is damaged, locked, or cannot be written.
        """
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
            results = await loop.run_in_executor(self._thread, self._commit, transactions)
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

        One that raises is rolled back alone, and its error is its result; where nothing could be
        committed, each result is the error.
        """
        results: list[Any] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for transaction in transactions:
                self._connection.execute("SAVEPOINT single")
                try:
                    results.append(transaction(self._connection))
                except Exception as error:
                    if not self._connection.in_transaction:
                        raise  # SQLite rolled all back, as on a full disk
                    self._connection.execute("ROLLBACK TO single")
                    is_ours = isinstance(error, _ERRORS)
                    results.append(self._explain(error) if is_ours else error)
                self._connection.execute("RELEASE single")
            self._connection.execute("COMMIT")
        except _ERRORS as error:
            self._roll_back()
            return [self._explain(error)] * len(transactions)
        except BaseException:
            self._roll_back()
            raise
        return results

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one to report
                self._connection.execute("ROLLBACK")

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

"""Concurrent requests to a server: within a budget, with retries, each answer stored at once."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from functools import partial

import openai

from touchline.core.problems import InputError
from touchline.models.api import journal_tables as journal_db
from touchline.models.api.completions import (
    CompletionError,
    cost_usd,
    is_refusal,
    is_transient,
    parse_completion,
    read_body,
    refusal_record,
    retry_after_s,
)
from touchline.models.api.journal import Journal, Transaction
from touchline.models.api.requests.request import Request
from touchline.models.api.server import ApiSettings, Server

FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.5, 60.0
# Where the server asks for a longer wait, the request fails.
MAX_RETRY_AFTER_S = 600.0
# The server counts as down when so many requests in a row have failed in all their tries.
MAX_CONSECUTIVE_FAILURES = 5


class RequestSender:
    """Sends the requests of one model. `failures` holds the keys of those that failed, and why."""

    def __init__(self, server: Server, journal: Journal) -> None:
        self.server, self.journal, self.settings = server, journal, server.settings
        self.failures: dict[str, str] = {}
        self._in_flight: set[str] = set()  # keys
        self._consecutive_failures = 0
        self._stop_reason: str | None = None  # no more requests are sent where it is set
        self._pause_until = 0.0  # on the clock of time.monotonic
        self._reserving = 0  # requests that hold a reserve of the budget
        self._budget_version = 0  # counts the requests that ended, which change the reserves
        self._budget_changed = asyncio.Condition()

    async def send_all(self, requests: Iterable[Request]) -> None:
        """Send all requests that the journal has no answer to.

        Raises `InputError` when the budget is used up, the server is down, or it returns an error
        that a retry would not change. Then no request is sent any more, but the answers to those
        in flight, which may be charged, are awaited.
        """
        remaining = iter(requests)
        async with self.server.connect() as self._client:
            try:
                async with asyncio.TaskGroup() as workers:
                    for _ in range(self.settings.concurrency):
                        workers.create_task(self._work(remaining))
            except* InputError as errors:
                raise errors.exceptions[0] from None
            finally:
                await self.journal.flush()
        if self._stop_reason:
            raise InputError(self._stop_reason)

    async def _work(self, remaining: Iterator[Request]) -> None:
        """Send requests one after the other; those of all workers come from one iterator."""
        for request in remaining:
            if request.key not in self._in_flight:
                self._in_flight.add(request.key)
                try:
                    await self._send_with_retries(request)
                finally:
                    self._in_flight.discard(request.key)
            if self._stop_reason:
                return

    async def _send_with_retries(self, request: Request) -> None:
        """Send a request until its answer is in the journal or its retries are used up."""
        backoff_s = FIRST_BACKOFF_S
        error: Exception | None = None
        for attempt in range(1 + self.settings.retries):
            while time.monotonic() < self._pause_until and not self._stop_reason:
                await self._sleep_until(self._pause_until)
            reserved_usd = await self._reserve(request)
            if reserved_usd is None:
                return
            error = await self._send(request, reserved_usd)
            if error is None:
                self._consecutive_failures = 0
            if error is None or self._stop_reason:
                return
            if attempt < self.settings.retries:
                requested_s = _requested_wait_s(error)
                if requested_s is not None and requested_s > MAX_RETRY_AFTER_S:
                    break
                if requested_s is None:
                    jitter = random.uniform(0.75, 1.0)
                    await self._sleep_until(time.monotonic() + backoff_s * jitter)
                else:
                    self._pause_until = max(self._pause_until, time.monotonic() + requested_s)
                backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
        assert error is not None  # every other way out of the loop returns
        self.failures[request.key] = self.server.describe_error(error)
        self._consecutive_failures += 1
        if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES:
            self._stop_reason = (
                f"{self.settings.base_url} did not answer {self._consecutive_failures} prompts in a "
                f"row, the last one: {self.failures[request.key]}. Its answers so far are kept: run "
                "again later."
            )

    async def _send(self, request: Request, reserved_usd: float) -> Exception | None:
        """Send a request once; return the error where a retry may help."""
        start_s = time.perf_counter()
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                # The raw body, since the client would accept any JSON as a completion. As
                # `extra_body`, parameters that OpenAI does not know are sent too.
                sent = request.sent_body
                response = await self._client.chat.completions.with_raw_response.create(
                    model=sent["model"], messages=sent["messages"], extra_body=sent
                )
                body = read_body(response.content)
            record = parse_completion(body, round(time.perf_counter() - start_s, 3))
        except openai.APIStatusError as error:
            if not is_refusal(error):
                await self._end(partial(journal_db.release, usd=reserved_usd))
                if not is_transient(error):
                    self._stop_reason = self.server.final_error(error)
                return error
            record = refusal_record(self.server.describe_error(error))
        except (
            openai.APIConnectionError,
            TimeoutError,
            ValueError,
            RecursionError,
            CompletionError,
        ) as error:
            # It may have been charged, so its reserve is not released.
            await self._end()
            return error
        paid_usd = cost_usd(record, self.settings.prices)
        await self._end(
            partial(
                journal_db.settle,
                key=request.key,
                sample=request.sample,
                record=self.server.strike_record(record),
                reserved_usd=reserved_usd,
                usd=reserved_usd if paid_usd is None else paid_usd,
            )
        )
        return None

    async def _reserve(self, request: Request) -> float | None:
        """Reserve the maximum cost of a request in US dollars, and return it.

        Returns None where the request is not to be sent: it has an answer by now, or the budget is
        used up.
        """
        budget, max_usd = self.settings.budget, self.settings.max_usd(request)

        def reserve(file: sqlite3.Connection) -> bool | None:
            if journal_db.find_answer(file, request.key):
                return None
            fits = journal_db.reserve(file, max_usd, budget.max_usd, budget.max_requests)
            self._reserving += fits
            return fits

        while not self._stop_reason:
            version = self._budget_version
            fits = await self.journal.apply_async(reserve)
            if fits is None:
                return None
            if fits:
                return max_usd
            if not self._reserving:
                self._stop_reason = budget_message(self.settings, self.journal)
            else:
                # Requests in flight cost less than their reserve, part of which is then released.
                async with self._budget_changed:
                    while self._budget_version == version:
                        await self._budget_changed.wait()
        return None

    async def _end(self, transaction: Transaction[None] | None = None) -> None:
        """Store the end of a request, and wake the requests that wait for its reserve."""
        if transaction:
            await self.journal.apply_async(transaction)
        async with self._budget_changed:
            self._reserving -= 1
            self._budget_version += 1
            self._budget_changed.notify_all()

    async def _sleep_until(self, moment_s: float) -> None:
        """Sleep until a moment of time.monotonic, or until sending stops."""
        while (left_s := moment_s - time.monotonic()) > 0 and not self._stop_reason:
            await asyncio.sleep(min(left_s, 0.5))


def _requested_wait_s(error: Exception) -> float | None:
    """Return the wait that the server asks for with an error, in seconds."""
    return retry_after_s(error.response.headers) if hasattr(error, "response") else None


def budget_message(settings: ApiSettings, journal: Journal) -> str:
    """Return the message for a budget that has no room for another request."""
    budget, so_far = settings.budget, journal.apply(journal_db.read_spending)
    limits = [
        f"{name} {limit:g}"
        for name, limit in (("max_usd", budget.max_usd), ("max_requests", budget.max_requests))
        if limit is not None
    ]
    bound = ""
    if budget.max_usd is not None:
        bound = ", whose cost is bounded by the longest answer that the parameters allow"
    return (
        f"the budget of {settings.model} ({' and '.join(limits)}) has no room for another "
        f"request{bound}. So far there were "
        f"{so_far.requests} requests for {so_far.usd:.4f} USD, interrupted ones at their maximum. "
        f"Their answers are kept in {journal.path}: raise the budget and run again to go on."
    )

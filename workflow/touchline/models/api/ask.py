"""Ask a server many prompts: side by side, within a budget, each finished answer kept at once."""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import openai

from touchline.core.problems import InputError
from touchline.models.api import journal as book
from touchline.models.api.completions import (
    CompletionError,
    Request,
    cost_usd,
    is_passing,
    is_refusal,
    read_completion,
    refusal,
    retry_after_s,
)
from touchline.models.api.journal import Journal
from touchline.models.api.server import Server, Settings

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
# A server that asks for more than this has to be asked again another day.
LONGEST_RETRY_AFTER_S = 600.0
# So many prompts in a row that failed in all their tries: the server is down.
FAILURES_IN_A_ROW = 5


class Asker:
    """Asks one model. `failures` holds the keys of prompts that stayed without an answer, and why."""

    def __init__(self, server: Server, journal: Journal) -> None:
        self.server, self.journal, self.settings = server, journal, server.settings
        self.failures: dict[str, str] = {}
        self._under_way: set[str] = set()
        self._failed_in_a_row = 0
        self._stopped: str | None = None  # why no more requests are sent
        self._pause_until = 0.0  # on the clock of time.monotonic
        self._held = 0  # requests that hold a part of the budget
        self._changes = 0  # of the budget, by requests that ended
        self._changed = asyncio.Condition()

    async def ask(self, requests: Iterable[Request]) -> None:
        """Ask for all requests that the journal has no answer to.

        Raises `InputError` when the budget is used up, the server is down, or it says what no other
        try would change: no request is sent from then on, but those under way may be charged, so
        their answers are waited for.
        """
        waiting = iter(requests)
        async with self.server.connect() as self._client:
            try:
                async with asyncio.TaskGroup() as workers:
                    for _ in range(self.settings.concurrency):
                        workers.create_task(self._work(waiting))
            except* InputError as errors:
                raise errors.exceptions[0] from None
            finally:
                await self.journal.flush()
        if self._stopped:
            raise InputError(self._stopped)

    async def _work(self, waiting: Iterator[Request]) -> None:
        for request in waiting:
            if request.key not in self._under_way:
                self._under_way.add(request.key)
                try:
                    await self._settle(request)
                finally:
                    self._under_way.discard(request.key)
            if self._stopped:
                return

    async def _settle(self, request: Request) -> None:
        """Try until there is an answer in the journal, or no sense in another try."""
        wait_s = FIRST_WAIT_S
        for tried in range(1 + self.settings.retries):
            while time.monotonic() < self._pause_until and not self._stopped:
                await self._sleep_until(self._pause_until)
            most_usd = await self._reserve(request)
            if most_usd is None:
                return
            error = await self._try(request, most_usd)
            if error is None:
                self._failed_in_a_row = 0
            if error is None or self._stopped:
                return
            if tried < self.settings.retries:
                asked_s = _asked_wait_s(error)
                if asked_s is not None and asked_s > LONGEST_RETRY_AFTER_S:
                    break
                if asked_s is None:
                    await self._sleep_until(time.monotonic() + wait_s * random.uniform(0.75, 1.0))
                else:
                    self._pause_until = max(self._pause_until, time.monotonic() + asked_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self.failures[request.key] = self.server.name(error)
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= FAILURES_IN_A_ROW:
            self._stopped = (
                f"{self.settings.base_url} did not answer {self._failed_in_a_row} prompts in a row, "
                f"the last one: {self.failures[request.key]}. Its answers so far are kept: run "
                "again later."
            )

    async def _try(self, request: Request, most_usd: float) -> Exception | None:
        """Send a request once; return the error if another try may help."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                # The raw body: the client would take any JSON for a completion.
                response = await self._client.chat.completions.with_raw_response.create(
                    **request.body
                )
                body = json.loads(response.content)
            record = read_completion(body, round(time.perf_counter() - began, 3))
        except openai.APIStatusError as error:
            if not is_refusal(error):
                await self._end(partial(book.release, usd=most_usd))
                if not is_passing(error):
                    self._stopped = self.server.refusal(error)
                return error
            record = refusal(self.server.name(error))
        except (
            openai.APIConnectionError,
            TimeoutError,
            ValueError,
            RecursionError,
            CompletionError,
        ) as error:
            # It may have been charged, so its part of the budget does not come back.
            await self._end()
            return error
        paid_usd = cost_usd(record, self.settings.prices)
        await self._end(
            partial(
                book.settle,
                key=request.key,
                sample=request.sample,
                record=record,
                reserved_usd=most_usd,
                usd=most_usd if paid_usd is None else paid_usd,
            )
        )
        return None

    async def _reserve(self, request: Request) -> float | None:
        """Take what a request can cost at most from the budget, and return it.

        None where it is not to be asked: it has an answer by now, or the budget has come to its end.
        """
        budget, most_usd = self.settings.budget, self.settings.most_usd(request)

        def change(file: sqlite3.Connection) -> bool | None:
            if book.find(file, request.key):
                return None
            fits = book.reserve(file, most_usd, budget.max_usd, budget.max_requests)
            self._held += fits
            return fits

        while not self._stopped:
            changes = self._changes
            fits = await self.journal.write(change)
            if fits is None:
                return None
            if fits:
                return most_usd
            if not self._held:
                self._stopped = used_up(self.settings, self.journal)
            else:
                # What is under way costs less than it might: a part of it comes back.
                async with self._changed:
                    await self._changed.wait_for(lambda seen=changes: self._changes != seen)
        return None

    async def _end(self, change: Callable[[sqlite3.Connection], None] | None = None) -> None:
        """Write down how a request ended, and let those that wait for its part of the budget know."""
        if change:
            await self.journal.write(change)
        async with self._changed:
            self._held -= 1
            self._changes += 1
            self._changed.notify_all()

    async def _sleep_until(self, moment_s: float) -> None:
        """Sleep until a moment of time.monotonic, or until no more requests are sent."""
        while (left_s := moment_s - time.monotonic()) > 0 and not self._stopped:
            await asyncio.sleep(min(left_s, 0.5))


def _asked_wait_s(error: Exception) -> float | None:
    return retry_after_s(error.response.headers) if hasattr(error, "response") else None


def used_up(settings: Settings, journal: Journal) -> str:
    """Return the sentence for a budget that has no room for another request."""
    budget, so_far = settings.budget, journal.do(book.spent)
    limits = [
        f"{name} {limit:g}"
        for name, limit in (("max_usd", budget.max_usd), ("max_requests", budget.max_requests))
        if limit is not None
    ]
    return (
        f"the budget of {settings.model} ({' and '.join(limits)}) has no room for another request, "
        f"which is reckoned with the longest answer that the parameters allow. So far there were "
        f"{so_far.requests} requests for {so_far.usd:.4f} USD, cut-off ones at their most. Their "
        f"answers are kept in {journal.path}: raise the budget and run again to go on."
    )

"""OpenAI's Batch API: questions are handed in, answered within 24 hours at a lower price, collected.

A job hands its questions in and ends; the same job, run again, collects what has been answered and
hands in what was not. Each batch is in the journal before it is sent, under a name that its metadata
carry: where a job dies between sending a batch and writing down its identifier, the next one finds
it on the server by that name, and nothing is handed in twice.
"""

import io
import json
import sqlite3
import sys
import uuid
from functools import partial

import openai
from openai.types import Batch

from touchline.core.problems import InputError
from touchline.models.api import journal as book
from touchline.models.api.ask import used_up
from touchline.models.api.completions import (
    REFUSED,
    CompletionError,
    Request,
    cost_usd,
    read_completion,
    refusal,
)
from touchline.models.api.journal import Journal
from touchline.models.api.server import Server

ENDPOINT = "/v1/chat/completions"
WINDOW = "24h"
NAME = "touchline"  # key of a batch's name in its metadata
_ENDED = ("completed", "failed", "expired", "cancelled")


async def advance(server: Server, journal: Journal, requests: list[Request]) -> str | None:
    """Collect the batches that have ended and hand in what no batch has.

    Returns None when all requests have answers, else what is waited for. Raises `InputError` when
    the server refuses the batch or the budget has no room for it.
    """
    async with server.connect(retries=server.settings.retries) as client:
        try:
            states = await _collect(server, journal, client)
            missing = _missing(journal, requests)
            if missing:
                states.append(await _hand_in(server, journal, client, missing))
        except openai.APIStatusError as error:
            raise InputError(server.refusal(error)) from None
        except openai.APIConnectionError as error:
            raise InputError(
                f"{server.settings.base_url}: {server.name(error)}. Run again."
            ) from None
    if all(journal.do(partial(book.find, key=request.key)) for request in requests):
        return None
    return f"waiting for {'; '.join(states)}. Run the same command again to collect the answers."


def _missing(journal: Journal, requests: list[Request]) -> list[Request]:
    once = {request.key: request for request in requests}.values()
    return [one for one in once if not journal.do(partial(book.is_pending, key=one.key))]


async def _collect(server: Server, journal: Journal, client: openai.AsyncOpenAI) -> list[str]:
    """Take in what has been answered; return how the batches stand that have not ended."""
    states = []
    for name, known in journal.do(book.batches):
        id_ = known or await _find(client, name)
        if id_ is None:  # it was never sent
            journal.do(partial(book.close_batch, name=name))
            continue
        batch = await client.batches.retrieve(id_)
        if batch.status not in _ENDED:
            counts = batch.request_counts
            done = f", {counts.completed} of {counts.total} answered" if counts else ""
            states.append(f"batch {id_} ({batch.status}{done})")
            continue
        lines = []
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            content = await client.files.content(file)
            lines += content.content.strip().split(b"\n")
        records = dict(filter(None, map(_read_line, lines)))
        journal.do(partial(_take_in, server=server, name=name, records=records))
        if not records:
            said = server.strike(_why(batch, lines))
            raise InputError(
                f"batch {id_} {batch.status}: {said}. Run again to hand its questions in once more."
            )
        print(f"batch {id_} {batch.status}: {len(records)} answers", file=sys.stderr)
    return states


async def _find(client: openai.AsyncOpenAI, name: str) -> str | None:
    async for batch in client.batches.list(limit=100):
        if (batch.metadata or {}).get(NAME) == name:
            return batch.id
    return None


def _read_line(line: bytes) -> tuple[str, dict] | None:
    """Return the (key, record) of a line of an output or error file; None where nothing was answered."""
    try:
        entry = json.loads(line)
        body = entry["response"]["body"]
        code = (body.get("error") or {}).get("code")
        if entry["response"]["status_code"] == 400 and code in REFUSED:
            return entry["custom_id"], refusal(str(body["error"].get("message")))
        return entry["custom_id"], {**read_completion(body), "batch": True}
    except (ValueError, LookupError, TypeError, AttributeError, CompletionError):
        return None


def _take_in(file: sqlite3.Connection, server: Server, name: str, records: dict) -> None:
    """Write a batch's answers down and forget the batch, in one step."""
    for key, sample in book.batch_of(file, name).items():
        if key in records:
            usd = cost_usd(records[key], server.settings.prices) or 0.0
            book.settle(file, key, sample, records[key], reserved_usd=0.0, usd=usd)
    book.close_batch(file, name)


def _why(batch: Batch, lines: list[bytes]) -> str:
    """Return the server's words for a batch without any answer."""
    errors = batch.errors.data if batch.errors and batch.errors.data else []
    said = [error.message for error in errors if error.message]
    return "; ".join(said[:3]) or b"".join(lines[:1]).decode(errors="replace") or "no reason given"


async def _hand_in(
    server: Server, journal: Journal, client: openai.AsyncOpenAI, requests: list[Request]
) -> str:
    """Send a batch; return how it stands."""
    settings = server.settings
    name, usd = uuid.uuid4().hex, sum(map(settings.most_usd, requests))

    def write_down(file: sqlite3.Connection) -> bool:
        budget = settings.budget
        fits = book.reserve(file, usd, budget.max_usd, budget.max_requests, len(requests))
        if fits:
            book.open_batch(file, name, ((one.key, one.sample) for one in requests), usd)
        return fits

    if not journal.do(write_down):
        raise InputError(used_up(settings, journal))
    lines = (
        json.dumps({"custom_id": one.key, "method": "POST", "url": ENDPOINT, "body": one.body})
        for one in requests
    )
    content = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    file = await client.files.create(file=(f"{name}.jsonl", content), purpose="batch")
    # Not tried again by itself: the first try may have made the batch. The next run looks for it.
    batch = await client.with_options(max_retries=0).batches.create(
        input_file_id=file.id,
        endpoint=ENDPOINT,
        completion_window=WINDOW,
        metadata={NAME: name},
    )
    journal.do(partial(book.name_batch, name=name, id_=batch.id))
    return f"batch {batch.id} ({batch.status}, {len(requests)} questions)"

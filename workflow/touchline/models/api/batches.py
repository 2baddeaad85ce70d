"""OpenAI's Batch API: requests are submitted as a file, and answered within 24 hours.

A job submits its requests and ends; the same job, run again, collects the answers and submits the
requests that were not answered. Each batch is stored in the journal before it is sent, under a name
that is also in its metadata. Where a job dies between sending a batch and storing its identifier,
the next job finds it on the server by that name, so no request is submitted twice.
"""

import io
import json
import sqlite3
import sys
import uuid
from functools import partial
from typing import Final, Literal

import openai
from openai.types import Batch

from touchline.core.problems import InputError
from touchline.models.api import journal_tables as journal_db
from touchline.models.api.ask import budget_message
from touchline.models.api.completions import (
    REFUSAL_CODES,
    CompletionError,
    cost_usd,
    parse_completion,
    refusal_record,
)
from touchline.models.api.http_client import MAX_BATCH_FILE
from touchline.models.api.journal import Journal
from touchline.models.api.requests.request import Request
from touchline.models.api.server import Server

ENDPOINT: Final[Literal["/v1/chat/completions"]] = "/v1/chat/completions"
COMPLETION_WINDOW: Final[Literal["24h"]] = "24h"
NAME_KEY = "touchline"  # of the batch's name in its metadata
_ENDED = ("completed", "failed", "expired", "cancelled")


class NotABatchError(Exception):
    """The server's response is not a batch or a file."""


async def advance(server: Server, journal: Journal, requests: list[Request]) -> str | None:
    """Collect the batches that have ended, and submit the requests that are in no batch.

    Returns None when all requests have answers, else a message about the open batches. Raises
    `InputError` where the server rejects the batch or the budget has no room for it.
    """
    async with server.connect(server.settings.retries, MAX_BATCH_FILE) as client:
        try:
            states = await _collect(server, journal, client)
            missing = _missing(journal, requests)
            if missing:
                states.append(await _submit(server, journal, client, missing))
        except openai.APIStatusError as error:
            raise InputError(server.final_error(error)) from None
        except openai.APIConnectionError as error:
            raise InputError(
                f"{server.settings.base_url}: {server.describe_error(error)}. Run again."
            ) from None
        except (
            openai.OpenAIError,
            NotABatchError,
            json.JSONDecodeError,
            UnicodeDecodeError,
            RecursionError,
        ) as error:
            raise InputError(
                f"{server.settings.base_url} did not answer in the form of the Batch API "
                f"({server.describe_error(error)}). Use a server that has it, or batch: false."
            ) from None
    if all(journal.apply(partial(journal_db.find_answer, key=request.key)) for request in requests):
        return None
    return f"waiting for {'; '.join(states)}. Run the same command again to collect the answers."


def _missing(journal: Journal, requests: list[Request]) -> list[Request]:
    """Return the requests, each once, that have no answer and are in no open batch."""
    unique = {request.key: request for request in requests}.values()
    return [
        request
        for request in unique
        if not journal.apply(partial(journal_db.is_known, key=request.key))
    ]


async def _collect(server: Server, journal: Journal, client: openai.AsyncOpenAI) -> list[str]:
    """Store the answers of the batches that have ended; return the states of the others."""
    states = []
    for name, stored_id in journal.apply(journal_db.list_batches):
        id_ = stored_id or await _find_batch(client, name)
        if id_ is None:  # it was never sent
            journal.apply(partial(journal_db.close_batch, name=name))
            continue
        batch = _check(await client.batches.retrieve(id_))
        if batch.status not in _ENDED:
            done, total = (
                getattr(batch.request_counts, name, None) for name in ("completed", "total")
            )
            progress = f", {done} of {total} answered" if total is not None else ""
            states.append(server.redact(f"batch {id_} ({batch.status}{progress})"))
            continue
        lines: list[bytes] = []
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            content = await client.files.content(file)
            lines += content.content.strip().split(b"\n")
        parsed = dict(filter(None, map(_parse_line, lines)))
        records = {key: server.strike_record(record) for key, record in parsed.items()}
        journal.apply(partial(_store, server=server, name=name, records=records))
        if not records:
            reason = server.redact(f"batch {id_} {batch.status}: {_failure_reason(batch, lines)}")
            raise InputError(f"{reason}. Run again to submit its requests once more.")
        ended = server.redact(f"batch {id_} {batch.status}")
        print(f"{ended}: {len(records)} answers", file=sys.stderr)
    return states


def _check(batch: object) -> Batch:
    """Return a batch of the server; the client takes other JSON for one, too."""
    texts = [getattr(batch, name, None) for name in ("id", "status")]
    files = [getattr(batch, name, None) for name in ("output_file_id", "error_file_id")]
    are_names = all(isinstance(name, str) for name in texts + [file for file in files if file])
    if not isinstance(batch, Batch) or not are_names:
        raise NotABatchError("no batch")
    return batch


async def _find_batch(client: openai.AsyncOpenAI, name: str) -> str | None:
    """Return the identifier of the batch with this name in its metadata."""
    async for batch in client.batches.list(limit=100):
        metadata = getattr(batch, "metadata", None)
        if isinstance(metadata, dict) and metadata.get(NAME_KEY) == name:
            return _check(batch).id
    return None


def _parse_line(line: bytes) -> tuple[str, dict] | None:
    """Return the (key, record) of a line of an output or error file; None without an answer."""
    try:
        entry = json.loads(line)
        key, response = entry["custom_id"], entry["response"]
        if not isinstance(key, str):
            return None
        error = response["body"].get("error") or {}
        if response["status_code"] == 400 and error.get("code") in REFUSAL_CODES:
            return key, refusal_record(str(error.get("message")))
        return key, {**parse_completion(response["body"]), "batch": True}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, CompletionError):
        return None


def _store(file: sqlite3.Connection, server: Server, name: str, records: dict[str, dict]) -> None:
    """Store a batch's answers and delete the batch, in one transaction."""
    samples = journal_db.samples_of_batch(file, name)
    share_usd = journal_db.reserve_of_batch(file, name) / max(1, len(samples))
    for key, sample in samples.items():
        if key in records:
            cost = cost_usd(records[key], server.settings.prices)
            usd = share_usd if cost is None else cost  # an unknown cost stays at its maximum
            journal_db.settle(file, key, sample, records[key], reserved_usd=0.0, usd=usd)
    journal_db.close_batch(file, name)


def _failure_reason(batch: Batch, lines: list[bytes]) -> str:
    """Return the server's error messages for a batch without any answer."""
    errors = getattr(batch.errors, "data", None)
    errors = errors if isinstance(errors, list) else []
    messages = [str(message) for error in errors if (message := getattr(error, "message", None))]
    first_line = b"".join(lines[:1]).decode(errors="replace")
    return "; ".join(messages[:3]) or first_line or "no reason given"


async def _submit(
    server: Server, journal: Journal, client: openai.AsyncOpenAI, requests: list[Request]
) -> str:
    """Send a batch and return its state; raise `InputError` where the budget has no room for it."""
    settings = server.settings
    name, usd = uuid.uuid4().hex, sum(map(settings.max_usd, requests))

    def open_batch(file: sqlite3.Connection) -> bool:
        budget = settings.budget
        fits = journal_db.reserve(file, usd, budget.max_usd, budget.max_requests, len(requests))
        if fits:
            samples = ((request.key, request.sample) for request in requests)
            journal_db.open_batch(file, name, samples, usd)
        return fits

    if not journal.apply(open_batch):
        raise InputError(budget_message(settings, journal))
    lines = (
        json.dumps(
            {
                "custom_id": request.key,
                "method": "POST",
                "url": ENDPOINT,
                "body": request.sent_body,
            }
        )
        for request in requests
    )
    content = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    file = await client.files.create(file=(f"{name}.jsonl", content), purpose="batch")
    if not isinstance(getattr(file, "id", None), str):
        raise NotABatchError("no file")
    # Without retries: a failed try may have created the batch, for which the next job looks.
    batch = _check(
        await client.with_options(max_retries=0).batches.create(
            input_file_id=file.id,
            endpoint=ENDPOINT,
            completion_window=COMPLETION_WINDOW,
            metadata={NAME_KEY: name},
        )
    )
    journal.apply(partial(journal_db.set_batch_id, name=name, id_=batch.id))
    return server.redact(f"batch {batch.id} ({batch.status}, {len(requests)} requests)")

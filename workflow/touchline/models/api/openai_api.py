"""A model behind OpenAI's API, or any server that speaks it, asked zero-shot about the commentary.

Nothing is paid twice: each answer is in a journal (`touchline.models.api.journal`) before it counts, and the
table is made from the journal. `batch: true` sends the questions through the Batch API instead.
"""

import asyncio
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.problems import ROW_LEFT_OUT, InputError, Problem
from touchline.jobs.unfinished import UNFINISHED
from touchline.models.api import batches, journal, local_server
from touchline.models.api.ask import Asker
from touchline.models.api.completions import Request, cost_usd, make_request
from touchline.models.api.cost_estimate import Estimate, estimate
from touchline.models.api.journal import Journal
from touchline.models.api.server import Server, Settings, journal_path, read_settings
from touchline.models.backend import Match
from touchline.prompts import answer_parser, prompt_text
from touchline.prompts.confidence import confidences

# Where more of a match's samples stay without an answer, the server is to blame, not their prompts.
MOST_FAILED = 0.01


class ApiModel:
    """Asks a server about the samples of a match."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the answers to the samples of a match (columns `schema.PREDICTIONS`).

        Answers that the journal has are not asked for again. Raises `InputError` with what to do
        where the server does not answer or the budget is used up, and SystemExit(75) where answers
        of a batch are still to come.
        """
        settings = self.settings
        if settings.base is None:
            return self._answer(match, Server(settings), Journal(journal_path(settings)))
        with tempfile.TemporaryDirectory() as folder, local_server.serve(settings.base) as address:
            served = replace(settings, model=settings.base, base_url=address, api_key_variable=None)
            # What costs nothing is not kept: the base may be another one next time.
            return self._answer(match, Server(served), Journal(Path(folder) / "journal.sqlite"))

    def estimate(self, match: Match, seen: set[str]) -> Estimate:
        """Return what asking about a match would cost; `seen` gets its keys, and those in it are free."""
        own = Journal(journal_path(self.settings))
        try:
            return estimate(_requests(match, self.settings), own, self.settings, seen)
        finally:
            own.close()

    def _answer(self, match: Match, server: Server, own: Journal) -> pl.DataFrame:
        settings = server.settings
        requests = partial(_requests, match, settings)
        print(estimate(requests(), own, settings, set()), file=sys.stderr)
        failures = {}
        try:
            if settings.batch:
                # Alone: a batch that another job is about to send looks like one that never was.
                with own.alone():
                    waiting = asyncio.run(batches.advance(server, own, list(requests())))
                if waiting:
                    print(waiting, file=sys.stderr)
                    raise SystemExit(UNFINISHED)
            else:
                asker = Asker(server, own)
                total = match.samples.height
                with tqdm(requests(), match.name, total, unit="sample") as shown:
                    asyncio.run(asker.ask(shown))
                failures = asker.failures
            if failures:
                self._set_aside(match, settings, failures)
            return _table(match, requests(), own, settings)
        finally:
            own.close()

    def _set_aside(self, match: Match, settings: Settings, failures: dict[str, str]) -> None:
        """Note the samples that stay without an answer; raise `InputError` where they are many."""
        count, total = len(failures), match.samples.height
        said = f"{count} of {total} samples have no answer of {settings.model}, the first one: "
        said += next(iter(failures.values()))
        if count > max(1, MOST_FAILED * total):
            raise InputError(f"{said}. The answers so far are kept: run again to ask for the rest.")
        remedy = "To ask them again, delete the match's predictions and run again."
        self.problems.append(Problem(match.name, "infer", f"{said}.", remedy, ROW_LEFT_OUT))


def load(settings: dict, folder: Path | None) -> ApiModel:
    """Return the model; it is not trained, so `folder` is None."""
    return ApiModel(read_settings(settings))


def _requests(match: Match, settings: Settings) -> Iterator[Request]:
    """Yield the request for each sample, a chunk's questions after each other: they share a prefix."""
    actions = match.samples["action"].unique(maintain_order=True).to_list()
    for row in match.samples.iter_rows(named=True):
        prefix = prompt_text.messages(
            row["half"], row["start_s"], row["end_s"], row["lines"], actions, settings.prompt
        )
        chat = prompt_text.as_text(prompt_text.ask(prefix, row["action"]))
        sample = f"{match.name} {row['half']} {row['chunk']} {row['action']}"
        body = {**settings.parameters, "model": settings.model, "messages": chat}
        yield make_request(settings.base_url, sample, body)


def _table(
    match: Match, requests: Iterator[Request], own: Journal, settings: Settings
) -> pl.DataFrame:
    rows = []
    for row, request in zip(match.samples.iter_rows(named=True), requests, strict=True):
        entry = own.do(partial(journal.find, key=request.key))
        key = {name: row[name] for name in ("half", "chunk", "action")}
        if entry is None:
            rows.append(
                dict.fromkeys(schema.PREDICTIONS) | key | {"intervals": [], "status": "skipped"}
            )
            continue
        record = entry.record
        cost = cost_usd(record, settings.prices)
        # A prompt that several samples share was paid for once.
        first = entry.sample == request.sample
        rows.append(
            {
                **key,
                **_read(record, row, settings),
                "text": record["text"],
                "prompt_tokens": record["prompt_tokens"],
                "answer_tokens": record["answer_tokens"],
                "seconds": record["seconds"],
                "cost_usd": cost if first or cost is None else 0.0,
            }
        )
    return pl.DataFrame(rows, schema=schema.PREDICTIONS)


def _read(record: dict, row: dict, settings: Settings) -> dict:
    """Return the intervals and the status of an answer to the sample `row`."""
    parsed = answer_parser.parse(
        record["text"],
        row["action"],
        row["half"],
        row["start_s"],
        row["end_s"],
        settings.prompt.clock,
        record["finish_reason"],
    )
    sure = [None] * len(parsed.intervals)
    if tokens := record.get("tokens"):
        ends = list(accumulate(length for length, _ in tokens))
        probabilities = [math.exp(logprob) for _, logprob in tokens]
        sure = confidences(ends, probabilities, [one.span for one in parsed.intervals])
    intervals = [
        {"start_s": one.start_s, "end_s": one.end_s, "confidence": confidence}
        for one, confidence in zip(parsed.intervals, sure, strict=True)
    ]
    return {"intervals": intervals, "status": parsed.status}

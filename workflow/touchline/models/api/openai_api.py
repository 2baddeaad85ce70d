"""A model behind OpenAI's API or a compatible server, used zero-shot on the commentary.

No answer is paid for twice: each one is stored in a journal (`touchline.models.api.journal`), and
the predictions are made from the journal. With `batch: true`, requests go through the Batch API.
"""

import asyncio
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, groupby
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.problems import ROW_LEFT_OUT, InputError, Problem
from touchline.jobs.unfinished import UNFINISHED
from touchline.models import shipped_bases
from touchline.models.api import alternatives, batches, journal_tables, local_server
from touchline.models.api.ask import RequestSender
from touchline.models.api.completions import Request, cost_usd, make_request
from touchline.models.api.cost_estimate import Estimate, estimate_cost
from touchline.models.api.journal import Journal
from touchline.models.api.server import ApiSettings, Server, journal_path, parse_settings
from touchline.models.backend import Match
from touchline.prompts import answer_parser, prompt_text
from touchline.prompts.confidence import confidences
from touchline.prompts.moments import chunk_moments

# Where a larger share of a match's samples stays without an answer, the match fails.
MAX_FAILED_SHARE = 0.01
# Where more probability lies on other texts than the set of answers, the text alone counts.
MAX_OUTSIDE = 0.5


class ApiModel:
    """A model behind an API; each sample is a request."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions for the samples of a match (columns `schema.PREDICTIONS`).

        Requests with an answer in the journal are not sent. Raises `InputError` with what to do
        where the server does not answer or the budget is used up, and SystemExit(75) where a batch
        is still open.
        """
        settings = self.settings
        if settings.base is None:
            return self._answer(match, Server(settings), Journal(journal_path(settings)))
        base = shipped_bases.locate(settings.base)
        with tempfile.TemporaryDirectory() as folder, local_server.serve(base) as address:
            local = replace(settings, model=base, base_url=address, api_key_variable=None)
            # Free answers are not kept: another base may be in the same folder next time.
            return self._answer(match, Server(local), Journal(Path(folder) / "journal.sqlite"))

    def estimate(self, match: Match, seen: set[str]) -> Estimate:
        """Return the cost of a match's requests not in `seen`, and add their keys to it."""
        answers = Journal(journal_path(self.settings))
        try:
            return estimate_cost(build_requests(match, self.settings), answers, self.settings, seen)
        finally:
            answers.close()

    def _answer(self, match: Match, server: Server, answers: Journal) -> pl.DataFrame:
        settings = server.settings
        requests = build_requests(match, settings)
        print(estimate_cost(requests, answers, settings, set()), file=sys.stderr)
        failures: dict[str, str] = {}
        try:
            if settings.batch:
                # Exclusive: the batch that another job is about to send looks as if never sent.
                with answers.exclusive():
                    waiting = asyncio.run(batches.advance(server, answers, requests))
                if waiting:
                    print(waiting, file=sys.stderr)
                    raise SystemExit(UNFINISHED)
            else:
                sender = RequestSender(server, answers)
                with tqdm(requests, match.name, unit="sample") as progress:
                    asyncio.run(sender.send_all(progress))
                failures = sender.failures
            if failures:
                self._note_failures(match, settings, failures)
            return _predictions(match, requests, answers, server)
        finally:
            answers.close()

    def _note_failures(self, match: Match, settings: ApiSettings, failures: dict[str, str]) -> None:
        """List the samples that stay without an answer; raise `InputError` where they are many."""
        count, total = len(failures), match.samples.height
        problem = f"{count} of {total} samples have no answer of {settings.model}, the first one: "
        problem += next(iter(failures.values()))
        if count > max(1, MAX_FAILED_SHARE * total):
            raise InputError(
                f"{problem}. The answers so far are kept: run again to ask for the rest."
            )
        remedy = "To ask them again, delete the match's predictions and run again."
        self.problems.append(Problem(match.name, "infer", f"{problem}.", remedy, ROW_LEFT_OUT))


def load(settings: dict, folder: Path | None) -> ApiModel:
    """Return the model; it is not trained, so `folder` is None."""
    return ApiModel(parse_settings(settings))


def build_requests(match: Match, settings: ApiSettings) -> list[Request]:
    """Return the request of each sample, in the order of the samples.

    The prefix of a chunk's prompts is built once for its samples, which follow each other, and all
    requests share the system message.
    """
    actions = match.samples["action"].unique(maintain_order=True).to_list()
    system: dict = {}
    requests = []
    rows = match.samples.iter_rows(named=True)
    for _, samples in groupby(rows, key=lambda row: (row["half"], row["chunk"])):
        prefix: list[dict] = []
        for row in samples:
            if not prefix:
                prefix = prompt_text.build_prefix(
                    row["half"],
                    row["start_s"],
                    row["end_s"],
                    row["lines"],
                    actions,
                    settings.prompt,
                )
                system = system or prompt_text.as_text(prefix)[0]
            _, user = prompt_text.as_text(prompt_text.add_question(prefix, row["action"]))
            sample = f"{match.name} {row['half']} {row['chunk']} {row['action']}"
            body = {**settings.parameters, "model": settings.model, "messages": [system, user]}
            requests.append(make_request(settings.base_url, sample, body))
    return requests


def _predictions(
    match: Match, requests: list[Request], answers: Journal, server: Server
) -> pl.DataFrame:
    """Return a match's predictions (columns `schema.PREDICTIONS`) from the journal's answers."""
    rows, settings = [], server.settings
    for sample, request in zip(match.samples.iter_rows(named=True), requests, strict=True):
        answer = answers.apply(partial(journal_tables.find_answer, key=request.key))
        key = {name: sample[name] for name in ("half", "chunk", "action")}
        if answer is None:
            skipped = {"intervals": [], "status": "skipped"}
            rows.append(dict.fromkeys(schema.PREDICTIONS) | key | skipped)
            continue
        record = server.strike_record(answer.record)  # earlier versions stored answers as they came
        cost = cost_usd(record, settings.prices)
        # Samples with the same prompt share an answer, whose cost counts for the first one alone.
        is_payer = answer.sample == request.sample
        rows.append(
            {
                **key,
                **_parse_answer(record, sample, settings),
                "text": record["text"],
                "prompt_tokens": record["prompt_tokens"],
                "answer_tokens": record["answer_tokens"],
                "seconds": record["seconds"],
                "cost_usd": cost if is_payer or cost is None else 0.0,
            }
        )
    return pl.DataFrame(rows, schema=schema.PREDICTIONS)


def _parse_answer(record: dict, sample: dict, settings: ApiSettings) -> dict:
    """Return the intervals and the status of the answer to a sample.

    With alternatives to its tokens, the intervals are those of the distribution over the answers as
    far as they tell it, unless most of it lies outside of the set of answers.
    """
    answer = answer_parser.parse(
        record["text"],
        sample["action"],
        sample["half"],
        sample["start_s"],
        sample["end_s"],
        settings.prompt.clock,
        record["finish_reason"],
    )
    if record.get("alternatives"):
        half, start_s, end_s = sample["half"], sample["start_s"], sample["end_s"]
        moments = chunk_moments(half, start_s, end_s, settings.prompt)
        reading = alternatives.read(alternatives.tokens_of(record), sample["action"], moments)
        if reading.outside <= MAX_OUTSIDE:
            return {
                "intervals": reading.intervals(),
                "status": answer.status,
                "outside": reading.outside,
            }
    confidence: Sequence[float | None] = [None] * len(answer.intervals)
    if tokens := record.get("tokens"):
        ends = list(accumulate(length for length, _ in tokens))
        probabilities = [math.exp(logprob) for _, logprob in tokens]
        confidence = confidences(
            ends, probabilities, [interval.span for interval in answer.intervals]
        )
    intervals = [
        {"start_s": interval.start_s, "end_s": interval.end_s, "confidence": value}
        for interval, value in zip(answer.intervals, confidence, strict=True)
    ]
    return {"intervals": intervals, "status": answer.status, "outside": None}

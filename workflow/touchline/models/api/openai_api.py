"""A model behind OpenAI's API or a compatible server, used zero-shot on commentary and frames.

No answer is paid for twice: each one is stored in a journal (`touchline.models.api.journal`), and
the predictions are made from the journal. With `batch: true`, requests go through the Batch API.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.problems import ROW_LEFT_OUT, InputError, Problem
from touchline.jobs.unfinished import UNFINISHED
from touchline.models import shipped_bases
from touchline.models.api import batches, journal_tables, known_models, local_server
from touchline.models.api.ask import RequestSender
from touchline.models.api.cost_estimate import Estimate, estimate_cost
from touchline.models.api.journal import Journal
from touchline.models.api.requests.answers import empty_row, to_rows, unusable_answers
from touchline.models.api.requests.questions import Questions, build_questions
from touchline.models.api.server import (
    ACTION,
    CHUNK,
    OPENAI,
    ApiSettings,
    Server,
    journal_path,
    parse_settings,
)
from touchline.models.backend import Match
from touchline.video.chunk_store import unread_problems

# Where a larger share of a match's requests stays without an answer, the match fails.
MAX_FAILED_SHARE = 0.01


class ApiModel:
    """A model behind an API; a chunk, or each of its samples, is a request."""

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

    def estimate(self, match: Match, seen: dict[str, set[str]]) -> dict[str, Estimate]:
        """Return the cost of a match's requests not in `seen`, and add their keys to it.

        There is an estimate, and a set of keys, for each kind of questions, that of the settings
        first. Chunks whose video cannot be read are added to `problems`.
        """
        chosen = self.settings.questions
        estimates = {}
        for kind in dict.fromkeys((chosen, CHUNK, ACTION)):
            settings = replace(self.settings, questions=kind)
            questions = build_questions(match, settings)
            if kind == chosen:
                self._note_unread(questions)
            with _read_journal(settings) as answers:
                estimates[kind] = estimate_cost(
                    questions, answers, settings, seen.setdefault(kind, set())
                )
        return estimates

    def notes(self) -> list[str]:
        """Return what a user should know of the model before it is asked."""
        settings = self.settings
        if settings.base:  # it costs nothing
            return []
        has_prices = settings.prices is not None
        notes = known_models.notes(settings.base_url, settings.model, has_prices)
        has_limit = settings.budget.max_usd is not None or settings.budget.max_requests is not None
        if not has_limit and (has_prices or settings.base_url == OPENAI):
            notes.append(
                f"{settings.model} has no budget: nothing limits what it may cost. Set "
                "budget.max_usd or budget.max_requests in its entry."
            )
        if has_prices and settings.reads_video and settings.video.tokens_per_frame is None:
            notes.append(
                f"{settings.model} has no video.tokens_per_frame: tokens of prompts are those of their "
                "text, and no cost is estimated."
            )
        return notes

    def _answer(self, match: Match, server: Server, answers: Journal) -> pl.DataFrame:
        settings = server.settings
        questions = build_questions(match, settings)
        self._note_unread(questions)
        requests = questions.requests
        for note in [*self.notes(), estimate_cost(questions, answers, settings, set())]:
            print(note, file=sys.stderr)
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
                with tqdm(requests, match.name, unit="request") as progress:
                    asyncio.run(sender.send_all(progress))
                failures = sender.failures
            if failures:
                self._note_failures(match, questions, failures)
            predictions = _predictions(match, questions, answers, server)
        finally:
            answers.close()
        self.problems += unusable_answers(match.name, self.settings, predictions)
        return predictions

    def _note_unread(self, questions: Questions) -> None:
        self.problems += unread_problems(questions.unread, "infer", "Its samples have no answers.")

    def _note_failures(self, match: Match, questions: Questions, failures: dict[str, str]) -> None:
        """List the samples that stay without an answer; raise `InputError` where they are many."""
        failed = [one for one in questions.asked if one.request.key in failures]
        count, total = sum(len(one.samples) for one in failed), match.samples.height
        model = self.settings.model or self.settings.base
        problem = f"{count} of {total} samples have no answer of {model}, the first one: "
        problem += next(iter(failures.values()))
        if len(failed) > max(1, MAX_FAILED_SHARE * len(questions.asked)):
            raise InputError(
                f"{problem}. The answers so far are kept: run again to ask for the rest."
            )
        remedy = "To ask them again, delete the match's predictions and run again."
        self.problems.append(Problem(match.name, "infer", f"{problem}.", remedy, ROW_LEFT_OUT))


@contextlib.contextmanager
def _read_journal(settings: ApiSettings) -> Iterator[Journal]:
    """Open the journal of a model; where there is none yet, an empty one that is not kept."""
    path = journal_path(settings)
    with tempfile.TemporaryDirectory() as folder:
        exists = settings.base is None and path.exists()
        journal = Journal(path if exists else Path(folder) / "journal.sqlite")
        try:
            yield journal
        finally:
            journal.close()


def load(settings: dict, folder: Path | None) -> ApiModel:
    """Return the model; it is not trained, so `folder` is None."""
    return ApiModel(parse_settings(settings))


def _predictions(
    match: Match, questions: Questions, answers: Journal, server: Server
) -> pl.DataFrame:
    """Return a match's predictions (columns `schema.PREDICTIONS`) from the journal's answers."""
    rows: list[dict] = [empty_row(sample, "not_asked") for sample in questions.silent]
    for question in questions.asked:
        request = question.request
        answer = answers.apply(partial(journal_tables.find_answer, key=request.key))
        if answer is None:
            rows += [empty_row(sample, "skipped") for sample in question.samples]
            continue
        record = server.strike_record(answer.record)  # earlier versions stored answers as they came
        # Samples with the same prompt share an answer, whose cost counts for the first one alone.
        is_payer = answer.sample == request.sample
        rows += to_rows(question, record, is_payer, server.settings)
    key = ["half", "chunk", "action"]
    predictions = pl.DataFrame(rows, schema=schema.PREDICTIONS)
    joined = match.samples.select(key).join(predictions, on=key, how="left", maintain_order="left")
    # What is left are the samples of chunks whose video cannot be read.
    return joined.with_columns(
        pl.col("status").fill_null("skipped"), pl.col("intervals").fill_null([])
    ).select(schema.PREDICTIONS.names())

"""The answers of a server as predictions: a row for each sample of a question."""

import math
from collections.abc import Sequence
from itertools import accumulate

import polars as pl

from touchline.core import schema
from touchline.core.problems import NOTED, Problem, quoted
from touchline.models.api.completions import cost_usd
from touchline.models.api.requests import alternatives
from touchline.models.api.requests.questions import Question
from touchline.models.api.server import CHUNK, ApiSettings
from touchline.models.peaks import AnswerDistribution
from touchline.prompts import answer_parser, chunk_answers
from touchline.prompts.answer_parser import Answer
from touchline.prompts.confidence import confidences
from touchline.prompts.moments import chunk_moments

# Where more probability lies on other texts than the set of answers, the text alone counts.
MAX_OUTSIDE = 0.5
# Where a larger share of a match's answers cannot be used, the user is told.
MAX_UNUSABLE = 0.1
# What to do about answers of these statuses.
_REMEDIES = {
    "unparsable": "Ask a model that follows the instructions",
    "cut_off": "Raise the limit of tokens among the parameters",
    "refused": "Ask another model",
}
_COUNTS = ("prompt_tokens", "cached_tokens", "answer_tokens")


def empty_row(sample: dict, status: str) -> dict:
    """Return the prediction for a sample without an answer."""
    return dict.fromkeys(schema.PREDICTIONS) | _key(sample) | {"intervals": [], "status": status}


def to_rows(question: Question, record: dict, is_payer: bool, settings: ApiSettings) -> list[dict]:
    """Return the predictions for the samples of a question from the record of its answer.

    Tokens, seconds and cost are those of the request, divided evenly among its samples, so that
    their sums are right. Without `is_payer` another question with the same prompt has the cost.
    """
    samples = question.samples
    answers = _parse(record, samples, settings)
    confidence = _confidences(record, [answer for answer, _ in answers])
    reading = _read_alternatives(record, samples, settings)
    cost = cost_usd(record, settings.prices)
    if cost is not None:
        cost = cost / len(samples) if is_payer else 0.0
    seconds = record["seconds"]
    rows = []
    for number, (sample, (answer, text)) in enumerate(zip(samples, answers, strict=True)):
        intervals = [
            {"start_s": one.start_s, "end_s": one.end_s, "confidence": confidence[one.span]}
            for one in answer.intervals
        ]
        counts = {name: _share(record[name], number, len(samples)) for name in _COUNTS}
        rows.append(
            _key(sample)
            | counts
            | {
                "intervals": intervals if reading is None else reading.intervals(),
                "status": answer.status,
                "text": text,
                "outside": reading and reading.outside,
                "rates": reading and reading.rates(sample["start_s"], sample["end_s"]),
                "seconds": None if seconds is None else seconds / len(samples),
                "cost_usd": cost,
            }
        )
    return rows


def _key(sample: dict) -> dict:
    return {name: sample[name] for name in ("half", "chunk", "action")}


def _share(count: int | None, number: int, parts: int) -> int | None:
    """Return the `number`th of the whole parts that a count of tokens is divided into."""
    return None if count is None else count * (number + 1) // parts - count * number // parts


def _parse(
    record: dict, samples: Sequence[dict], settings: ApiSettings
) -> list[tuple[Answer, str]]:
    """Return the answer to each sample, and the part of the text that is about it."""
    text, first = record["text"], samples[0]
    chunk = (first["half"], first["start_s"], first["end_s"])
    on_clock, reason = settings.prompt.clock, record["finish_reason"]
    if len(samples) == 1:
        answer = answer_parser.parse(text, first["action"], *chunk, on_clock, reason)
        return [(answer, text)]
    actions = [sample["action"] for sample in samples]
    return chunk_answers.parse(text, actions, *chunk, on_clock, reason)


def _read_alternatives(
    record: dict, samples: Sequence[dict], settings: ApiSettings
) -> AnswerDistribution | None:
    """Return the distribution over the answers about an action, as far as the server tells it.

    None where it gives no alternatives to its tokens, where most of the probability lies outside of
    the set of answers, and for an answer about all actions of a chunk.
    """
    if len(samples) > 1 or not record.get("alternatives"):
        return None
    sample = samples[0]
    moments = chunk_moments(sample["half"], sample["start_s"], sample["end_s"], settings.prompt)
    reading = alternatives.read(alternatives.tokens_of(record), sample["action"], moments)
    return reading if reading.outside <= MAX_OUTSIDE else None


def _confidences(record: dict, answers: Sequence[Answer]) -> dict[tuple[int, int], float | None]:
    """Return the confidence of each interval by its span in the text, from its tokens."""
    spans = sorted({interval.span for answer in answers for interval in answer.intervals})
    if not (tokens := record.get("tokens")):
        return dict.fromkeys(spans)
    ends = list(accumulate(length for length, _ in tokens))
    probabilities = [math.exp(logprob) for _, logprob in tokens]
    return dict(zip(spans, confidences(ends, probabilities, spans), strict=True))


def unusable_answers(match: str, settings: ApiSettings, predictions: pl.DataFrame) -> list[Problem]:
    """Return the problem of a match that many answers are unparsable, cut off or refused."""
    bad = predictions.filter(
        pl.col("status").is_in(list(_REMEDIES)), pl.col("intervals").list.len() == 0
    )
    asked = predictions.filter(~pl.col("status").is_in(["not_asked", "skipped"])).height
    if not asked or bad.height <= MAX_UNUSABLE * asked:
        return []
    counts = bad["status"].value_counts().sort("count", "status", descending=True).rows()
    kinds = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts)
    most, _ = counts[0]
    example = quoted(bad.filter(status=most)["text"][0] or "")
    problem = (
        f"{bad.height} of {asked} answers of {settings.model or settings.base} state nothing usable "
        f'({kinds}), such as "{example}".'
    )
    remedy = _REMEDIES[most]
    if most == "unparsable" and settings.questions == CHUNK and not settings.as_json:
        remedy += ", or set answer_format to json_schema where the server has structured outputs"
    remedy += "; the texts are in the match's predictions, column text."
    return [Problem(match, "infer", problem, remedy, NOTED)]

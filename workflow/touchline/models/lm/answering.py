"""Inference with a language model: prompts for each chunk, and the answers to its questions.

The answers are read from the distribution over all of them (`distribution`), or decoded as text and
parsed.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.problems import Problem
from touchline.models.backend import Match
from touchline.models.lm import loader, shared_prefix
from touchline.models.lm.distribution.reading import (
    Distribution,
    most_probable_text,
    read_distributions,
)
from touchline.models.lm.lm_settings import (
    DISTRIBUTION,
    LanguageModelSettings,
    ablated,
    parse_settings,
    with_frames,
)
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.shared_prefix import Decoded, Prefix
from touchline.models.lm.tokenize import Chunk, Encoder, to_chunk
from touchline.prompts import answer_parser
from touchline.prompts.confidence import confidences
from touchline.video.chunk_store import ChunkStore, UnreadChunk, group_by_chunk, unread_problems
from touchline.video.frame_reader import VideoError


class Spotter:
    """An action spotter of a language model, which answers all questions on a chunk together."""

    def __init__(
        self, model: LanguageModel, encoder: Encoder, settings: LanguageModelSettings
    ) -> None:
        self.model, self.encoder, self.settings = model.eval(), encoder, settings
        stops = model.generation_config.eos_token_id
        self.stop_ids = set(stops if isinstance(stops, list) else [stops])
        self.stop_ids = (self.stop_ids - {None}) | {encoder.tokenizer.eos_token_id}
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions for the samples of a match (columns `schema.PREDICTIONS`).

        The samples of a chunk whose video cannot be read have no intervals, the status `skipped`
        and an entry in `problems`.
        """
        samples, videos = match.samples, ChunkStore(match.manifests)
        # The same list as in training: the actions of all samples, in the configuration's order.
        self.encoder.actions = samples["action"].unique(maintain_order=True).to_list()
        rows: list[dict] = []
        unread: list[UnreadChunk] = []
        chunks = group_by_chunk(samples)
        for row in tqdm(chunks.iter_rows(named=True), match.name, len(chunks), unit="chunk"):
            try:
                chunk = with_frames(to_chunk(match.name, row), videos, self.settings)
                chunk = ablated(chunk, self.settings.ablate)
            except VideoError as error:
                name, half, number = match.name, row["half"], row["chunk"]
                unread.append(UnreadChunk(name, half, number, error.problem, error.remedy))
                rows += [_skipped(row, action) for action in row["actions"]]
            else:
                rows += self.answer_chunk(chunk, row["actions"])
        self.problems += unread_problems(unread, "infer", "Its samples have no answers.")
        predictions = pl.DataFrame(rows, schema=schema.PREDICTIONS)
        key = ["half", "chunk", "action"]
        return samples.select(key).join(predictions, on=key, how="left", maintain_order="left")

    def answer_chunk(self, chunk: Chunk, actions: Sequence[str]) -> list[dict]:
        """Return the predictions (rows of `schema.PREDICTIONS`) for one chunk and these actions."""
        start_s = time.perf_counter()
        prefix, questions = self.encoder.encode_prompt(chunk, actions)
        answer = self._read if self.settings.answers == DISTRIBUTION else self._decode
        answers = answer(chunk, actions, prefix, questions)
        seconds = (time.perf_counter() - start_s) / len(actions)
        return [
            {
                "half": chunk.half,
                "chunk": chunk.chunk,
                "action": action,
                **answer,
                "prompt_tokens": len(prefix.ids) + len(question),
                "seconds": seconds,
                "cost_usd": None,
            }
            for action, question, answer in zip(actions, questions, answers, strict=True)
        ]

    def _read(
        self, chunk: Chunk, actions: Sequence[str], prefix: Prefix, questions: list[list[int]]
    ) -> list[dict]:
        """Return intervals, status and text by the distribution over the answers."""
        distributions = read_distributions(
            self.model, self.encoder, chunk, actions, prefix, questions
        )
        return [
            {
                "intervals": distribution.intervals(),
                "status": _status(distribution),
                "text": most_probable_text(self.encoder, chunk, action, distribution),
                "answer_tokens": distribution.fed_tokens - len(question),
                "outside": distribution.outside,
                "rates": distribution.rates(chunk.start_s, chunk.end_s),
            }
            for action, question, distribution in zip(
                actions, questions, distributions, strict=True
            )
        ]

    def _decode(
        self, chunk: Chunk, actions: Sequence[str], prefix: Prefix, questions: list[list[int]]
    ) -> list[dict]:
        """Return intervals, status and text of the greedily decoded answers."""
        decoded = shared_prefix.decode_answers(
            self.model, prefix, questions, self.settings.max_new_tokens, self.stop_ids
        )
        return [
            self._parse(answer, action, chunk) | {"answer_tokens": len(answer.ids)}
            for action, answer in zip(actions, decoded, strict=True)
        ]

    def _parse(self, decoded: Decoded, action: str, chunk: Chunk) -> dict:
        """Return the intervals, the status and the text of an answer."""
        ends = [len(self._detokenize(decoded.ids[: n + 1])) for n in range(len(decoded.ids))]
        text = self._detokenize(decoded.ids)
        parsed = answer_parser.parse(
            text,
            action,
            chunk.half,
            chunk.start_s,
            chunk.end_s,
            self.settings.prompt.clock,
            None if decoded.ended else "length",
        )
        spans = [interval.span for interval in parsed.intervals]
        intervals = [
            {"start_s": interval.start_s, "end_s": interval.end_s, "confidence": confidence}
            for interval, confidence in zip(
                parsed.intervals, confidences(ends, decoded.probabilities, spans), strict=True
            )
        ]
        return {"intervals": intervals, "status": parsed.status, "text": text}

    def _detokenize(self, ids: list[int]) -> str:
        return str(self.encoder.tokenizer.decode(ids, skip_special_tokens=True))


def load(entry: dict, folder: Path | None, vision: bool) -> Spotter:
    """Load a base model, with the adapter in `folder` unless that is None (zero-shot)."""
    settings = parse_settings(entry)
    model: LanguageModel
    model, processor = loader.load_base(
        settings.base, settings.quantize, settings.device, vision, settings.attention
    )
    encoder = Encoder(model, processor, (), settings.prompt)
    encoder.check_template()
    if folder is not None:
        model = loader.load_adapter(model, settings.base, folder)
    return Spotter(model, encoder, settings)


def _status(distribution: Distribution) -> str:
    """Return the status of the most probable answer; `unparsable` where most texts are none."""
    if distribution.outside > 0.5:
        return "unparsable"
    return "ok" if distribution.chosen else "none"


def _skipped(row: dict, action: str) -> dict:
    """Return the prediction for a sample whose chunk could not be read."""
    empty = dict.fromkeys(schema.PREDICTIONS)
    key = {"half": row["half"], "chunk": row["chunk"], "action": action}
    return empty | key | {"intervals": [], "status": "skipped"}

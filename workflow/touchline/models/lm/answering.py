"""A language model as a spotter: how it is asked, and what is made of its answers."""

import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from tqdm import tqdm
from transformers import PreTrainedModel

from touchline.core import schema
from touchline.core.problems import Problem
from touchline.models.backend import Match
from touchline.models.lm import loader, shared_prefix
from touchline.models.lm.finetuning.dataset import to_chunk
from touchline.models.lm.lm_settings import Settings, look, read_settings
from touchline.models.lm.shared_prefix import Decoded
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts import answer_parser, prompt_text
from touchline.prompts.confidence import confidences
from touchline.video.chunk_store import ChunkStore, UnreadChunk, group_by_chunk, unread_problems
from touchline.video.frame_reader import VideoError


class Spotter:
    """Asks a language model about chunks; all questions on one chunk together."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, settings: Settings) -> None:
        self.model, self.encoder, self.settings = model.eval(), encoder, settings
        stops = model.generation_config.eos_token_id
        self.stop_ids = set(stops if isinstance(stops, list) else [stops])
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the answers to the samples of a match (columns `schema.PREDICTIONS`).

        A chunk whose video cannot be read has no intervals, the status `skipped` and an entry in
        `problems`.
        """
        samples, footage = match.samples, ChunkStore(match.manifests)
        # The same list as in training: all actions that are asked for, in the configuration's order.
        self.encoder.actions = samples["action"].unique(maintain_order=True).to_list()
        rows, unread = [], []
        chunks = group_by_chunk(samples)
        for row in tqdm(chunks.iter_rows(named=True), match.name, len(chunks), unit="chunk"):
            try:
                chunk = look(to_chunk(match.name, row), footage, self.settings)
            except VideoError as error:
                key = (match.name, row["half"], row["chunk"])
                unread.append(UnreadChunk(*key, error.problem, error.remedy))
                rows += [_skipped(row, action) for action in row["actions"]]
            else:
                rows += self.ask(chunk, row["actions"])
        self.problems += unread_problems(unread, "infer", "Its samples have no answers.")
        answered = pl.DataFrame(rows, schema=schema.PREDICTIONS)
        key = ["half", "chunk", "action"]
        return samples.select(key).join(answered, on=key, how="left", maintain_order="left")

    def ask(self, chunk: Chunk, actions: Sequence[str]) -> list[dict]:
        """Return the rows (`schema.PREDICTIONS`) of the questions on one chunk."""
        began = time.perf_counter()
        shown, questions = self.encoder.prompt(chunk, actions)
        asked, openings = questions, [[]] * len(questions)
        if self.settings.candidates:
            asked = questions + questions
            openings = openings + [
                self.encoder.ids(prompt_text.opening(action)) for action in actions
            ]
        decoded = shared_prefix.answer(
            self.model, shown, asked, self.settings.max_new_tokens, self.stop_ids, openings
        )
        seconds = (time.perf_counter() - began) / len(actions)
        rows = [
            {
                "half": chunk.half,
                "chunk": chunk.chunk,
                "action": action,
                **self._read(one, action, chunk),
                "prompt_tokens": len(shown.ids) + len(question),
                "answer_tokens": len(one.ids),
                "seconds": seconds,
                "cost_usd": None,
            }
            for action, question, one in zip(actions, questions, decoded, strict=False)
        ]
        for row, one in zip(rows, decoded[len(rows) :], strict=False):
            if not row["intervals"]:
                row["intervals"] = self._read(one, row["action"], chunk)["intervals"][:1]
        return rows

    def _read(self, decoded: Decoded, action: str, chunk: Chunk) -> dict:
        """Return the intervals, the status and the text of an answer."""
        ends = [
            len(self.encoder.tokenizer.decode(decoded.ids[: count + 1], skip_special_tokens=True))
            for count in range(len(decoded.ids))
        ]
        text = self.encoder.tokenizer.decode(decoded.ids, skip_special_tokens=True)
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
            {"start_s": one.start_s, "end_s": one.end_s, "confidence": confidence}
            for one, confidence in zip(
                parsed.intervals, confidences(ends, decoded.probabilities, spans), strict=True
            )
        ]
        return {"intervals": intervals, "status": parsed.status, "text": text}


def load(entry: dict, folder: Path | None, vision: bool) -> Spotter:
    """Load a base, with the adapter in `folder` unless that is None (zero-shot)."""
    settings = read_settings(entry)
    model, processor = loader.load(settings.base, settings.quantize, settings.device, vision)
    encoder = Encoder(model, processor, (), settings.prompt)
    if folder is not None:
        model = loader.load_adapter(model, settings.base, folder)
    return Spotter(model, encoder, settings)


def _skipped(row: dict, action: str) -> dict:
    empty = dict.fromkeys(schema.PREDICTIONS)
    key = {"half": row["half"], "chunk": row["chunk"], "action": action}
    return empty | key | {"intervals": [], "status": "skipped"}

"""Inference with a language model: prompts for each chunk, and the answers to its questions.

The answers are read from the distribution over all of them (`distribution`), or decoded as text and
parsed.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.problems import Problem
from touchline.models import shipped_bases
from touchline.models.backend import Match
from touchline.models.lm import loader, shared_prefix
from touchline.models.lm.distribution.reading import (
    Asked,
    Distribution,
    most_probable_text,
    read_chunks,
)
from touchline.models.lm.lm_settings import (
    DISTRIBUTION,
    LanguageModelSettings,
    ablated,
    parse_settings,
    with_frames,
)
from touchline.models.lm.loader import ADAPTER_CONFIG, LanguageModel
from touchline.models.lm.shared_prefix import Decoded
from touchline.models.lm.tokenize import Chunk, Encoder, to_chunk
from touchline.models.lm.weights import ADAPTER
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
        self.wait_s = 0.0  # of the last match: time in which the model waited for its input

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the predictions for the samples of a match (columns `schema.PREDICTIONS`).

        The samples of a chunk whose video cannot be read have no intervals, the status `skipped`
        and an entry in `problems`.
        """
        samples = match.samples
        # The same list as in training: the actions of all samples, in the configuration's order.
        self.encoder.actions = samples["action"].unique(maintain_order=True).to_list()
        rows: list[dict] = []
        unread: list[UnreadChunk] = []
        chunks = group_by_chunk(samples)
        prepared = self._prepare(match, chunks.iter_rows(named=True))
        self.wait_s, start_s = 0.0, time.perf_counter()
        with closing(prepared), tqdm(None, match.name, len(chunks), unit="chunk") as progress:
            while batch := list(islice(prepared, self.settings.batch_size)):
                for row, asked in batch:
                    if isinstance(asked, UnreadChunk):
                        unread.append(asked)
                        rows += [_skipped(row, action) for action in row["actions"]]
                answered = self._answer_batch(
                    [asked for _, asked in batch if isinstance(asked, Asked)]
                )
                end_s = time.perf_counter()
                seconds = (end_s - start_s) / max(len(answered), 1)
                rows += [row | {"seconds": seconds} for row in answered]
                start_s = end_s
                progress.update(len(batch))
        self.problems += unread_problems(unread, "infer", "Its samples have no answers.")
        predictions = pl.DataFrame(rows, schema=schema.PREDICTIONS)
        key = ["half", "chunk", "action"]
        return samples.select(key).join(predictions, on=key, how="left", maintain_order="left")

    def _prepare(
        self, match: Match, rows: Iterator[dict]
    ) -> Generator[tuple[dict, Asked | UnreadChunk], None, None]:
        """Yield the rows of `group_by_chunk` with their encoded prompts, or why there are none.

        A thread reads and tokenises the next chunks while the model answers. Prompts are rendered
        in this one, where the time of a chat template is limited.
        """
        videos, ahead = ChunkStore(match.manifests), 2 * self.settings.batch_size
        read: deque[tuple[dict, Future[Chunk]]] = deque()
        encoded: deque[tuple[dict, Future[Asked]]] = deque()
        worker = ThreadPoolExecutor(1)
        try:
            while True:
                for row in islice(rows, ahead - len(read)):
                    read.append((row, worker.submit(self._read_chunk, match.name, row, videos)))
                while read and (not encoded or read[0][1].done()):
                    row, chunk = read.popleft()
                    encoded.append((row, self._encode(worker, row["actions"], chunk)))
                if not encoded:
                    return
                row, asked = encoded.popleft()
                start_s = time.perf_counter()
                try:
                    found: Asked | UnreadChunk = asked.result()
                except VideoError as error:
                    place = (match.name, row["half"], row["chunk"])
                    found = UnreadChunk(*place, error.problem, error.remedy)
                self.wait_s += time.perf_counter() - start_s
                yield row, found
        finally:
            worker.shutdown(cancel_futures=True)

    def _read_chunk(self, match: str, row: dict, videos: ChunkStore) -> Chunk:
        """Return a chunk with its frames; raise `VideoError` where they cannot be read."""
        chunk = with_frames(to_chunk(match, row), videos, self.settings)
        return ablated(chunk, self.settings.ablate)

    def _encode(
        self, worker: ThreadPoolExecutor, actions: Sequence[str], read: Future[Chunk]
    ) -> Future[Asked]:
        """Wait for a chunk, render its prompts, and start to tokenise them."""
        start_s = time.perf_counter()
        error = read.exception()
        self.wait_s += time.perf_counter() - start_s
        if error:
            failed: Future[Asked] = Future()
            failed.set_exception(error)
            return failed
        chunk = read.result()
        prompt = self.encoder.render_prompt(chunk, actions)
        return worker.submit(
            lambda: Asked(chunk, actions, *self.encoder.tokenize_prompt(chunk, prompt))
        )

    def answer_chunk(self, chunk: Chunk, actions: Sequence[str]) -> list[dict]:
        """Return the predictions (rows of `schema.PREDICTIONS`) for one chunk and these actions."""
        start_s = time.perf_counter()
        asked = Asked(chunk, actions, *self.encoder.encode_prompt(chunk, actions))
        rows = self._answer_batch([asked])
        seconds = (time.perf_counter() - start_s) / len(actions)
        return [row | {"seconds": seconds} for row in rows]

    def _answer_batch(self, batch: Sequence[Asked]) -> list[dict]:
        """Return the predictions (rows of `schema.PREDICTIONS`) for the chunks of a batch."""
        if not batch:
            return []
        if self.settings.answers == DISTRIBUTION:
            read = read_chunks(self.model, self.encoder, batch)
            answers = [self._read(*pair) for pair in zip(batch, read, strict=True)]
        else:
            answers = [self._decode(asked) for asked in batch]
        return [
            {
                "half": asked.chunk.half,
                "chunk": asked.chunk.chunk,
                "action": action,
                **answer,
                "prompt_tokens": len(asked.prefix.ids) + len(question),
                "cost_usd": None,
            }
            for asked, of_chunk in zip(batch, answers, strict=True)
            for action, question, answer in zip(
                asked.actions, asked.questions, of_chunk, strict=True
            )
        ]

    def _read(self, asked: Asked, distributions: Sequence[Distribution]) -> list[dict]:
        """Return intervals, status and text by the distribution over the answers."""
        chunk = asked.chunk
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
                asked.actions, asked.questions, distributions, strict=True
            )
        ]

    def _decode(self, asked: Asked) -> list[dict]:
        """Return intervals, status and text of the greedily decoded answers."""
        decoded = shared_prefix.decode_answers(
            self.model,
            asked.prefix,
            asked.questions,
            self.settings.max_new_tokens,
            self.stop_ids,
        )
        return [
            self._parse(answer, action, asked.chunk) | {"answer_tokens": len(answer.ids)}
            for action, answer in zip(asked.actions, decoded, strict=True)
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
    """Load a base model, with the adapter in `folder` unless that is None (zero-shot).

    The setting `weights` names an adapter that is there already.
    """
    settings = parse_settings(entry)
    if settings.weights is not None:
        folder = shipped_bases.weights_folder(settings.weights, (ADAPTER, ADAPTER_CONFIG))
    model: LanguageModel
    model, processor = loader.load_base(
        settings.base, settings.quantize, settings.device, vision, settings.attention
    )
    encoder = Encoder(model, processor, (), settings.prompt)
    encoder.check_template()
    if folder is not None:
        remedy = shipped_bases.remedy_of(settings.weights)
        model = loader.load_adapter(model, settings.base, folder, remedy)
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

"""A language model as a spotter: its settings, how it is asked, and how it is fine-tuned."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
from tqdm import tqdm
from transformers import PreTrainedModel

from touchline import answers, base, finetune, prefix, processes, prompts, schema
from touchline.backends import Match
from touchline.base import Lora
from touchline.confidence import confidences
from touchline.encode import Chunk, Encoder
from touchline.entries import read_entry
from touchline.footage import Footage, Unread, chunks_of, list_unread
from touchline.prefix import Decoded
from touchline.problems import Problem
from touchline.prompts import PromptSettings
from touchline.schedule import Schedule
from touchline.training_set import Listed, TrainingSet, choose, to_chunk
from touchline.video import VideoError


@dataclass(frozen=True)
class Settings:
    """A model's entry in the configuration."""

    base: str
    quantize: str | None = None  # nf4, or none
    device: str = "auto"  # auto, cpu, or cuda, which must be there
    fps: float | None = None  # frames per second shown; all of the chunk's file by default
    max_new_tokens: int = 128
    candidates: bool = False  # where it says that there is none: also its most probable interval
    negatives: float = 1.0  # share of the (chunk, action) pairs without an event trained on
    prompt: PromptSettings = field(default_factory=PromptSettings)
    lora: Lora = field(default_factory=Lora)
    training: Schedule = field(default_factory=Schedule)


def read_settings(entry: dict) -> Settings:
    """Return a model's entry of the configuration as settings; raise `InputError` for a bad one."""
    parts = {"prompt": PromptSettings, "lora": Lora, "training": Schedule}
    return read_entry(Settings, entry, parts)


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
        samples, footage = match.samples, Footage(match.manifests)
        # The same list as in training: all actions that are asked for, in the configuration's order.
        self.encoder.actions = samples["action"].unique(maintain_order=True).to_list()
        rows, unread = [], []
        chunks = chunks_of(samples)
        for row in tqdm(chunks.iter_rows(named=True), match.name, len(chunks), unit="chunk"):
            try:
                chunk = look(to_chunk(match.name, row), footage, self.settings)
            except VideoError as error:
                key = (match.name, row["half"], row["chunk"])
                unread.append(Unread(*key, error.problem, error.remedy))
                rows += [_skipped(row, action) for action in row["actions"]]
            else:
                rows += self.ask(chunk, row["actions"])
        self.problems += list_unread(unread, "infer", "Its samples have no answers.")
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
            openings = openings + [self.encoder.ids(prompts.opening(action)) for action in actions]
        decoded = prefix.answer(
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
        parsed = answers.parse(
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


def sources(settings: Settings) -> tuple[str, ...]:
    """Return the videos of a chunk that the settings show."""
    if "video" not in settings.prompt.inputs:
        return ()
    return ("broadcast", "score_bug") if settings.prompt.score_bug else ("broadcast",)


def look(chunk: Chunk, footage: Footage, settings: Settings) -> Chunk:
    """Return the chunk with the frames that the settings show."""
    if not sources(settings):
        return chunk
    frames, frame_s = footage.frames(chunk.half, chunk.chunk, sources(settings), settings.fps)
    return replace(chunk, frames=frames, frame_s=frame_s)


def load(entry: dict, folder: Path | None, vision: bool) -> Spotter:
    """Load a base, with the adapter in `folder` unless that is None (zero-shot)."""
    settings = read_settings(entry)
    model, processor = base.load(settings.base, settings.quantize, settings.device, vision)
    encoder = Encoder(model, processor, (), settings.prompt)
    if folder is not None:
        model = base.load_adapter(model, settings.base, folder)
    return Spotter(model, encoder, settings)


def fit(study: Iterable[Match], entry: dict, folder: Path, checkpoints: Path, vision: bool) -> None:
    """Train an adapter on the study and write it, with the log, into an existing folder.

    `checkpoints` is kept between the runs of one training. Several processes share the training
    where the settings say so.
    """
    settings = read_settings(entry)
    footage: dict[str, Footage] = {}
    actions: dict[str, None] = {}  # all that answers will be asked for, trained on or not

    def watched() -> Iterator[Match]:
        for match in study:
            footage[match.name] = Footage(match.manifests)
            actions.update(dict.fromkeys(match.samples["action"].unique(maintain_order=True)))
            yield match

    chosen = [
        listed
        for listed in choose(watched(), settings.prompt, settings.negatives, settings.training.seed)
        if footage[listed.chunk.match].has(listed.chunk.half, listed.chunk.chunk, sources(settings))
    ]
    arguments = (chosen, footage, list(actions), settings, folder, checkpoints, vision)
    processes.run(_train, arguments, settings.training.processes)


def _train(
    chosen: list[Listed],
    footage: dict[str, Footage],
    actions: list[str],
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    vision: bool,
) -> None:
    """Train on the chosen chunks, perhaps as one of several processes; the first one writes."""
    model, processor = base.load(settings.base, settings.quantize, settings.device, vision)
    encoder = Encoder(model, processor, actions, settings.prompt)
    adapted = base.add_adapter(model, settings.lora, settings.training.seed)
    examples = TrainingSet(chosen, lambda chunk: look(chunk, footage[chunk.match], settings))
    log = finetune.train(adapted, encoder, examples, settings.training, checkpoints)
    if not finetune.is_first():
        return
    adapted.save_pretrained(folder)
    problems = list_unread(examples.unread, "fit", "The training went on without it.")
    schema.write(folder / "log.parquet", log, schema.LOG, problems)
    print(f"{len(chosen)} chunks, {log.height} steps", file=sys.stderr)


def _skipped(row: dict, action: str) -> dict:
    empty = dict.fromkeys(schema.PREDICTIONS)
    key = {"half": row["half"], "chunk": row["chunk"], "action": action}
    return empty | key | {"intervals": [], "status": "skipped"}

"""The league of benchmarks/learnability.py: fine-tuning on its minutes, answers to others, and F1.

Fine-tuning and inference are the production path. F1 is many-to-many (IoU > 0.3) over all pairs of a
minute and an action.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

import lessons
import minutes
from lessons import BOTH, SETTINGS, VIDEO
from minutes import ACTIONS, CHUNK_S, LEAGUE, Minute
from touchline.core import schema
from touchline.core.intervals import interval_around
from touchline.evaluation import matching, thresholds
from touchline.evaluation.bootstrap import f1
from touchline.models.lm import loader
from touchline.models.lm.answering import Spotter
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.collator import Example
from touchline.models.lm.lm_settings import (
    DISTRIBUTION,
    TEXT,
    LanguageModelSettings,
    TrainingSettings,
)
from touchline.models.lm.loader import LoraSettings
from touchline.models.lm.tokenize import Encoder

TRAINING, HELD_OUT = 0.5, 0.22  # probability of each action, before those too close are dropped
INPUTS = {"both": BOTH, "video": VIDEO}
DEFAULT_THRESHOLD = 0.3  # that of config.yaml
SCHEDULE = TrainingSettings(
    micro_batch_size=8,
    learning_rate=3e-3,
    dataloader_workers=0,
    gradient_checkpointing=False,
    save_steps=10**6,
)
LORA = LoraSettings(rank=16, alpha=32, dropout=0.0)


class League:
    """Minutes of the league to fine-tune on, drawn when they are read (`collator.Examples`)."""

    def __init__(self, seed: int, count: int, inputs: tuple[str, ...]) -> None:
        self.seed, self.count = seed, count
        self.settings = replace(SETTINGS, inputs=inputs)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Example:
        minute = minutes.draw(self.name(number), TRAINING, LEAGUE)
        answers = {
            action: lessons.answer(minute, action, minute.events_s, self.settings)
            for action in ACTIONS
        }
        events_s = {
            action: [minute.events_s[action]] if action in minute.events_s else []
            for action in ACTIONS
        }
        return Example(minute.chunk, answers, events_s)

    def name(self, number: int) -> str:
        return f"league {self.seed} {number}"

    def questions(self, number: int) -> int:
        return len(ACTIONS)


def fine_tune(
    base: Path, adapter: Path, seed: int, count: int, inputs: tuple[str, ...], objective: str
) -> None:
    """Fine-tune a base on `count` minutes of the league and write the adapter."""
    examples = League(seed, count, inputs)
    model, processor = loader.load_base(str(base), "nf4", "cpu", vision=True)
    encoder = Encoder(model, processor, ACTIONS, examples.settings)
    adapted = loader.add_adapter(model, LORA, seed)
    with tempfile.TemporaryDirectory() as checkpoints:
        schedule = replace(SCHEDULE, seed=seed, objective=objective)
        trainer.train(adapted, encoder, examples, schedule, Path(checkpoints))
    adapted.save_pretrained(adapter)


def draw(name: str, seed: int, count: int) -> list[Minute]:
    """Return minutes to answer; each is a match of its own."""
    return [minutes.draw(f"{name} {seed} {number}", HELD_OUT, LEAGUE) for number in range(count)]


def held_out(seed: int, count: int) -> list[Minute]:
    """Return the minutes to evaluate on."""
    return draw("held out", seed, count)


def truth_table(drawn: list[Minute]) -> pl.DataFrame:
    """Return the intervals of the events (columns `matching.SAMPLE`, start_s and end_s)."""
    return pl.DataFrame(
        [
            (minute.chunk.match, 1, 0, action, *interval_around(time_s))
            for minute in drawn
            for action, time_s in minute.events_s.items()
        ],
        schema=[*matching.SAMPLE, "start_s", "end_s"],
        orient="row",
    )


def score(drawn: list[Minute], answered: pl.DataFrame) -> float:
    """Return the F1 of intervals (columns of `matching.answer_intervals`)."""
    rows = [(minute.chunk.match, 1, 0, action) for minute in drawn for action in ACTIONS]
    samples = pl.DataFrame(rows, schema=matching.SAMPLE, orient="row")
    counts = matching.count(samples, truth_table(drawn), answered)
    pooled = counts.filter(protocol="full", matching="many")
    tp, fp, fn = pooled.select(pl.col("tp", "fp", "fn").sum()).row(0)
    return f1(tp, fp, fn)


def tune(drawn: list[Minute], answered: pl.DataFrame) -> dict[str, float]:
    """Return the threshold of each action that is best on these minutes."""
    truths = truth_table(drawn)
    counts = thresholds.count_by_confidence(answered, truths)
    events = pl.DataFrame({"action": ACTIONS}).join(
        truths.group_by("action").len("events"), on="action", how="left"
    )
    return thresholds.tune_thresholds(counts, events.fill_null(0))


@dataclass(frozen=True)
class Sizes:
    """How many minutes thresholds are tuned on, and how many are answered for the table."""

    tuning: int
    held_out: int


class Reader:
    """A model of the league: the base, or the base with an adapter."""

    def __init__(self, base: Path, adapter: Path | None, inputs: str) -> None:
        self.settings = replace(SETTINGS, inputs=INPUTS[inputs])
        model, processor = loader.load_base(str(base), "nf4", "cpu", vision=True)
        self.encoder = Encoder(model, processor, ACTIONS, self.settings)
        self.model = loader.load_adapter(model, str(base), adapter) if adapter else model

    def answer(
        self, answers: str, drawn: list[Minute], change: Callable[[int], dict] = lambda number: {}
    ) -> pl.DataFrame:
        """Return the intervals of the answers; `change(number)` replaces fields of a chunk."""
        options = {"answers": answers, "max_new_tokens": 30, "prompt": self.settings}
        spotter = Spotter(self.model, self.encoder, LanguageModelSettings("base", **options))
        rows = [
            row | {"match": minute.chunk.match}
            for number, minute in enumerate(drawn)
            for row in spotter.answer_chunk(replace(minute.chunk, **change(number)), ACTIONS)
        ]
        table = pl.DataFrame(rows, schema=schema.PREDICTIONS | {"match": pl.String})
        return matching.answer_intervals(table)


def evaluate(reader: Reader, seed: int, sizes: Sizes, is_trained: bool) -> Iterator[tuple]:
    """Yield (answers, threshold, way, F1) for each row of the table that a model makes.

    A `way` names what is changed in the input; then the thresholds are those of the whole input.
    """
    drawn, tuning = held_out(seed, sizes.held_out), draw("tuning", seed, sizes.tuning)
    for answers in (TEXT, DISTRIBUTION):
        answered = reader.answer(answers, drawn)
        tuned = tune(tuning, reader.answer(answers, tuning))
        if answers == TEXT:
            yield answers, "none", "", score(drawn, answered)
        else:
            likely = answered.filter(pl.col("confidence") >= DEFAULT_THRESHOLD)
            yield answers, f"{DEFAULT_THRESHOLD:g}", "", score(drawn, likely)
        yield answers, "tuned", "", score(drawn, thresholds.apply_thresholds(answered, tuned))
    if not is_trained:
        return

    def blank(number: int) -> dict:
        return {"frames": {"broadcast": np.zeros_like(drawn[number].chunk.frames["broadcast"])}}

    def other(number: int) -> dict:
        return {"frames": drawn[number - 1].chunk.frames}

    ways: dict[str, Callable[[int], dict]] = {
        "video blanked": blank,
        "another match's video": other,
    }
    if "commentary" in reader.settings.inputs:
        ways["no commentary"] = lambda number: {"lines": ()}
    for way, change in ways.items():
        spoiled = reader.answer(DISTRIBUTION, drawn, change)
        yield DISTRIBUTION, "tuned", way, score(drawn, thresholds.apply_thresholds(spoiled, tuned))


def baseline(drawn: list[Minute]) -> float:
    """Return the F1 of the constant baseline: the middle 12 s of every minute, for every action."""
    start_s, end_s = interval_around(CHUNK_S / 2)
    rows = [
        {"match": minute.chunk.match, "half": 1, "chunk": 0, "action": action}
        for minute in drawn
        for action in ACTIONS
    ]
    return score(drawn, pl.DataFrame(rows).with_columns(start_s=start_s, end_s=end_s))

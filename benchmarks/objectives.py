"""Both training objectives and both ways to answer, on the small synthetic chunks of the tests.

    PYTHONPATH=workflow:tests/helpers:benchmarks python benchmarks/objectives.py
        [--world spoken shown] [--seeds 3] [--steps 60] [--out scores.jsonl]

The base `touchline:qwen2-vl` is fine-tuned with LoRA by the production path on chunks of phrases or
pictures that it does not know (tests/helpers/synthetic.py), once for each objective and seed. Prints
F1 (many-to-many) on held-out chunks of answers as text and of their distribution, with no threshold
and with the best one on other chunks; the mean over the seeds and their range. It takes a minute a
model, where benchmarks/learnability.py takes a quarter of an hour.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch

from league import SCHEDULE
from synthetic import ACTIONS, HELD_OUT, LEARNING, Shown, Spoken, answers
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
    MATCH,
    TEXT,
    TOKENS,
    LanguageModelSettings,
)
from touchline.models.lm.loader import LoraSettings
from touchline.models.lm.tokenize import Encoder

BASE = "touchline:qwen2-vl"
WORLDS = {"spoken": Spoken, "shown": Shown}
CHUNKS = 60  # to answer, and as many to choose the threshold on
COLUMNS = ("world", "objective", "answers", "threshold", "seed", "f1")


class Drawn:
    """Chunks to fine-tune on, drawn when they are read (`collator.Examples`)."""

    def __init__(self, world: Spoken | Shown, seed: int, count: int) -> None:
        self.world, self.first, self.count = world, 10**6 * (1 + seed), count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Example:
        drawn = self.world.draw(self.first + number, LEARNING)
        events_s = {
            action: [drawn.events_s[action]] if action in drawn.events_s else []
            for action in ACTIONS
        }
        return Example(drawn.chunk, answers(drawn, self.world.settings), events_s)

    def name(self, number: int) -> str:
        return f"chunk {self.first + number}"

    def questions(self, number: int) -> int:
        return len(ACTIONS)


def fine_tune(world: Spoken | Shown, objective: str, seed: int, steps: int) -> Spotter:
    """Return the base, fine-tuned for so many steps of eight chunks; in full precision."""
    settings = replace(SCHEDULE, seed=seed, objective=objective)
    model, processor = loader.load_base(BASE, None, "cpu", vision=True)
    encoder = Encoder(model, processor, ACTIONS, world.settings)
    lora = LoraSettings(rank=16, alpha=32, dropout=0.0, freeze_vision=False)
    adapted = loader.add_adapter(model, lora, seed)
    with tempfile.TemporaryDirectory() as folder:
        trainer.train(adapted, encoder, Drawn(world, seed, 8 * steps), settings, Path(folder))
    options = {"answers": TEXT, "max_new_tokens": 30, "prompt": world.settings}
    return Spotter(adapted, encoder, LanguageModelSettings(BASE, **options))


def read(spotter: Spotter, world: Spoken | Shown, way: str, first: int) -> tuple[pl.DataFrame, ...]:
    """Return (answers, truths) of held-out chunks, whose seeds start at `first`."""
    settings = replace(spotter.settings, answers=way)
    asked = Spotter(spotter.model, spotter.encoder, settings)
    drawn = [world.draw(seed, HELD_OUT) for seed in range(first, first + CHUNKS)]
    rows = [row for example in drawn for row in asked.answer_chunk(example.chunk, ACTIONS)]
    table = pl.DataFrame(rows, schema.PREDICTIONS).with_columns(match=pl.lit("held out"))
    truths = [
        ("held out", 1, example.chunk.chunk, action, *interval_around(time_s))
        for example in drawn
        for action, time_s in example.events_s.items()
    ]
    columns = [*matching.SAMPLE, "start_s", "end_s"]
    return matching.answer_intervals(table), pl.DataFrame(truths, columns, orient="row")


def score(answered: pl.DataFrame, truths: pl.DataFrame) -> float:
    """Return the F1 of answers, many-to-many."""
    pairs = matching.pairs(answered, truths)
    false = len(answered) - pairs["answer"].n_unique()
    return f1(len(pairs), false, len(truths) - pairs["truth"].n_unique())


def evaluate(spotter: Spotter, world: Spoken | Shown) -> Iterator[tuple[str, str, float]]:
    """Yield (way to answer, threshold, F1)."""
    for way in (TEXT, DISTRIBUTION):
        tuning, truths = read(spotter, world, way, first=CHUNKS)
        events = pl.DataFrame({"action": ACTIONS}).join(
            truths.group_by("action").len("events"), on="action", how="left"
        )
        counts = thresholds.count_by_confidence(tuning, truths)
        tuned = thresholds.tune_thresholds(counts, events.fill_null(0))
        answered, truths = read(spotter, world, way, first=0)
        yield way, "none", score(answered, truths)
        yield way, "tuned", score(thresholds.apply_thresholds(answered, tuned), truths)


def parse_arguments(parser: argparse.ArgumentParser, steps: int, chunks: str) -> argparse.Namespace:
    """Return the arguments of a benchmark that trains for so many steps of `chunks`, by default."""
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=steps, help=f"of {chunks} (%(default)s)")
    parser.add_argument("--out", type=Path, help="gets a line for each score as it comes")
    return parser.parse_args()


def keep(row: tuple, out: Path | None) -> tuple:
    """Return a row of scores, after it was added to the file `out` as a line of JSON."""
    if out:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return row


def show(rows: list[tuple], columns: Sequence[str], headings: Sequence[str]) -> None:
    """Print the mean and range of the last column over the one before it, the seeds."""
    print(f"| {' | '.join(headings)} | F1 | range |\n|{' --- |' * (len(headings) + 2)}")
    table = pl.DataFrame(rows, columns, orient="row")
    for key, scores in table.group_by(columns[:-2], maintain_order=True):
        low, high = scores["f1"].min(), scores["f1"].max()
        cells = " | ".join(map(str, key))
        print(f"| {cells} | {scores['f1'].mean():.3f} | {low:.3f} to {high:.3f} |")


def main() -> None:
    """Train and answer, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", nargs="+", choices=WORLDS, default=["spoken"])
    args = parse_arguments(parser, 60, "eight chunks")
    torch.set_num_threads(1)
    rows = []
    for world in args.world:
        for seed in range(args.seeds):
            for objective in (TOKENS, MATCH):
                drawn = WORLDS[world]()
                spotter = fine_tune(drawn, objective, seed, args.steps)
                rows += [
                    keep((world, objective, way, threshold, seed, value), args.out)
                    for way, threshold, value in evaluate(spotter, drawn)
                ]
    show(rows, COLUMNS, ["chunks", "trained by", "answers", "threshold"])


if __name__ == "__main__":
    main()

"""Learnability: F1 of a tiny Qwen2-VL trained from random weights on synthetic minutes.

    python benchmarks/learnability.py [--seeds 3] [--processes 2] [--quick]

For each seed a base is pretrained on synthetic minutes of one domain (lessons.py), then fine-tuned
with QLoRA by the production path on minutes of another domain, the league (minutes.py), once with
both inputs and once with video alone. Reports F1 (many-to-many, IoU > 0.3) on held-out minutes of
the league, also with one input removed. Every stage is a process of its own with one thread.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

import lessons
import minutes
from lessons import BOTH, SETTINGS, VIDEO
from minutes import ACTIONS, CHUNK_S, LEAGUE, Minute
from touchline.core import schema
from touchline.core.intervals import interval_around
from touchline.demo import pretrain, tiny_models
from touchline.evaluation import matching
from touchline.evaluation.bootstrap import f1
from touchline.models.lm import loader
from touchline.models.lm.answering import Spotter
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.collator import Example
from touchline.models.lm.lm_settings import TEXT, LanguageModelSettings, TrainingSettings
from touchline.models.lm.loader import LoraSettings
from touchline.models.lm.tokenize import Encoder

TRAINING, HELD_OUT = 0.5, 0.22  # probability of each action, before those too close are dropped
INPUTS = {"both": BOTH, "video": VIDEO}
NAMES = {"both": "video and commentary", "video": "video alone", "none": "none"}
STAGES = ("pretrain", "fine-tune", "zero-shot", "answer")


@dataclass(frozen=True)
class Size:
    """The size of each stage."""

    steps: int = 1900  # of pretraining
    trained: int = 2400  # minutes of the league to fine-tune on
    held_out: int = 120  # minutes to answer


QUICK = Size(steps=20, trained=16, held_out=4)
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
        return Example(minute.chunk, answers)

    def name(self, number: int) -> str:
        return f"league {self.seed} {number}"

    def questions(self, number: int) -> int:
        return len(ACTIONS)


def make_base(folder: Path, seed: int, size: Size) -> None:
    """Pretrain a base from random weights."""
    tiny_models.make(folder, "qwen2_vl", lessons.texts(), hidden=128, layers=2, depth=1, seed=seed)
    model, processor = loader.load_base(str(folder), None, "cpu", vision=True)
    batches = lessons.batches(model, processor, size.steps, seed)
    pretrain.pretrain(model, batches, size.steps, decay_ratio=0.6)
    model.save_pretrained(folder)


def fine_tune(folder: Path, adapter: Path, seed: int, size: Size, inputs: tuple[str, ...]) -> None:
    """Fine-tune a base on the league and write the adapter."""
    examples = League(seed, size.trained, inputs)
    model, processor = loader.load_base(str(folder), "nf4", "cpu", vision=True)
    encoder = Encoder(model, processor, ACTIONS, examples.settings)
    adapted = loader.add_adapter(model, LORA, seed)
    with tempfile.TemporaryDirectory() as checkpoints:
        schedule = replace(SCHEDULE, seed=seed)
        trainer.train(adapted, encoder, examples, schedule, Path(checkpoints))
    adapted.save_pretrained(adapter)


def held_out(seed: int, size: Size) -> list[Minute]:
    """Return the minutes to evaluate on; each is a match of its own."""
    return [
        minutes.draw(f"held out {seed} {number}", HELD_OUT, LEAGUE)
        for number in range(size.held_out)
    ]


def score(drawn: list[Minute], answered: pl.DataFrame) -> float:
    """Return the F1 of intervals (columns of `matching.answer_intervals`)."""
    rows = [(minute.chunk.match, 1, 0, action) for minute in drawn for action in ACTIONS]
    samples = pl.DataFrame(rows, schema=matching.SAMPLE, orient="row")
    truths = pl.DataFrame(
        [
            (minute.chunk.match, 1, 0, action, *interval_around(time_s))
            for minute in drawn
            for action, time_s in minute.events_s.items()
        ],
        schema=[*matching.SAMPLE, "start_s", "end_s"],
        orient="row",
    )
    counts = matching.count(samples, truths, answered).filter(protocol="full", matching="many")
    tp, fp, fn = counts.select(pl.col("tp", "fp", "fn").sum()).row(0)
    return f1(tp, fp, fn)


def answer(spotter: Spotter, drawn: list[Minute], changes: Callable[[int], dict]) -> float:
    """Return the F1 of a model; `changes(number)` replaces fields of the chunk `number`."""
    rows = [
        row | {"match": minute.chunk.match}
        for number, minute in enumerate(drawn)
        for row in spotter.answer_chunk(replace(minute.chunk, **changes(number)), ACTIONS)
    ]
    answered = pl.DataFrame(rows, schema=schema.PREDICTIONS | {"match": pl.String})
    return score(drawn, matching.answer_intervals(answered))


def ask(folder: Path, adapter: Path | None, seed: int, size: Size, inputs: str) -> dict[str, float]:
    """Return the F1 of each row of the table that this model makes."""
    drawn = held_out(seed, size)
    model, processor = loader.load_base(str(folder), "nf4", "cpu", vision=True)
    settings = replace(SETTINGS, inputs=INPUTS[inputs])
    encoder = Encoder(model, processor, ACTIONS, settings)
    if adapter:
        model = loader.load_adapter(model, str(folder), adapter)
    options = {"answers": TEXT, "max_new_tokens": 30, "prompt": settings}
    spotter = Spotter(model, encoder, LanguageModelSettings(str(folder), **options))

    def blank(number: int) -> dict:
        return {"frames": {"broadcast": np.zeros_like(drawn[number].chunk.frames["broadcast"])}}

    def other(number: int) -> dict:
        return {"frames": drawn[number - 1].chunk.frames}

    ways = {"": lambda number: {}}
    if adapter:
        ways |= {"video blanked": blank, "another match's video": other}
    if adapter and inputs == "both":
        ways["no commentary"] = lambda number: {"lines": ()}
    return {way: answer(spotter, drawn, changes) for way, changes in ways.items()}


def stage(folder: Path, name: str, seed: int, quick: bool, *more: str) -> str:
    """Run a stage in a process of its own and return the last line that it printed.

    bitsandbytes on a CPU cannot train in a process that has already answered.
    """
    command = [sys.executable, __file__, "--stage", name, "--seed", str(seed), "--folder", folder]
    began = time.monotonic()
    run = subprocess.run(
        [*map(str, command), *more, *(["--quick"] if quick else [])],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )
    if run.returncode:
        raise SystemExit(f"seed {seed}, {name} failed:\n{run.stderr[-3000:]}")
    print(
        f"seed {seed}, {name} {' '.join(more)}: {time.monotonic() - began:.0f} s", file=sys.stderr
    )
    return run.stdout.strip().rpartition("\n")[2]


def run_stage(args: argparse.Namespace, size: Size) -> None:
    """Run one stage in this process."""
    torch.set_num_threads(1)
    folder = args.folder / str(args.seed)
    folder.mkdir(exist_ok=True)
    trained = folder / args.inputs if args.inputs else None
    if args.stage == "pretrain":
        make_base(folder / "base", args.seed, size)
    elif args.stage == "fine-tune":
        fine_tune(folder / "base", trained, args.seed, size, INPUTS[args.inputs])
    else:
        adapter = trained if args.stage == "answer" else None
        print(json.dumps(ask(folder / "base", adapter, args.seed, size, args.inputs)))


def all_seeds(folder: Path, seeds: int, processes: int, quick: bool) -> pl.DataFrame:
    """Run all stages of all seeds; return columns model, inputs, way, f1, one row per seed."""

    def tuned(seed: int, inputs: str, pretrained: Future) -> list[dict]:
        pretrained.result()
        more = ["--inputs", inputs]
        stage(folder, "fine-tune", seed, quick, *more)
        scores = {
            "zero-shot": json.loads(stage(folder, "zero-shot", seed, quick, *more)),
            "fine-tuned": json.loads(stage(folder, "answer", seed, quick, *more)),
        }
        return [
            {"model": model, "inputs": inputs, "way": way, "f1": value}
            for model, ways in scores.items()
            for way, value in ways.items()
        ]

    with ThreadPoolExecutor(processes) as pool:
        # All bases are submitted first: no job then waits for a base that is not being made.
        bases = [pool.submit(stage, folder, "pretrain", seed, quick) for seed in range(seeds)]
        evaluations = [
            pool.submit(tuned, seed, inputs, base)
            for seed, base in enumerate(bases)
            for inputs in INPUTS
        ]
        rows = [row for evaluation in evaluations for row in evaluation.result()]
    return pl.DataFrame(rows)


def baseline(drawn: list[Minute]) -> float:
    """Return the F1 of the constant baseline: the middle 12 s of every minute, for every action."""
    start_s, end_s = interval_around(CHUNK_S / 2)
    rows = [
        {"match": minute.chunk.match, "half": 1, "chunk": 0, "action": action}
        for minute in drawn
        for action in ACTIONS
    ]
    return score(drawn, pl.DataFrame(rows).with_columns(start_s=start_s, end_s=end_s))


def show(scores: pl.DataFrame) -> None:
    """Print the table: the mean over the seeds and their range."""
    print("| model | inputs | F1 | range |\n| --- | --- | --- | --- |")
    for (model, inputs, way), rows in scores.group_by(
        "model", "inputs", "way", maintain_order=True
    ):
        shown = ", ".join(filter(None, [NAMES[inputs], way]))
        low, high = rows["f1"].min(), rows["f1"].max()
        print(f"| {model} | {shown} | {rows['f1'].mean():.3f} | {low:.3f} to {high:.3f} |")


def main() -> None:
    """Run all stages of all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2, help="at a time (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    parser.add_argument("--folder", type=Path, help="keeps the models here")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--inputs", choices=INPUTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    size = QUICK if args.quick else Size()
    if args.stage:
        run_stage(args, size)
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        scores = all_seeds(folder, args.seeds, args.processes, args.quick)
    drawn = [held_out(seed, size) for seed in range(args.seeds)]
    baselines = [
        {"model": "constant baseline", "inputs": "none", "way": "", "f1": baseline(of_seed)}
        for of_seed in drawn
    ]
    show(pl.concat([scores.sort("model", "inputs", maintain_order=True), pl.DataFrame(baselines)]))
    events = sum(len(minute.events_s) for of_seed in drawn for minute in of_seed)
    pairs = args.seeds * size.held_out * len(ACTIONS)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{events / pairs:.0%} of the {pairs} held-out (minute, action) pairs are positive. "
        f"{args.processes} processes took {(time.monotonic() - began) / 60:.1f} minutes, and "
        f"{(used.ru_utime + used.ru_stime) / 60:.1f} core-minutes."
    )


if __name__ == "__main__":
    main()

"""Learnability: F1 of a tiny Qwen2-VL trained from random weights on synthetic minutes.

    python benchmarks/learnability.py --folder DIR [--seeds 3] [--processes 2] [--quick]
        [--inputs video both] [--objectives match tokens] [--steps N] [--trained N]

For each seed a base is pretrained on synthetic minutes of one domain (lessons.py), then fine-tuned
with QLoRA by the production path on minutes of another domain, the league (minutes.py, league.py),
for each kind of input and each training objective. Reports F1 (many-to-many, IoU > 0.3) on held-out
minutes of the league, of answers as text and of their distribution, also with one input removed.
Where video alone is asked for, the base is pretrained on video alone.

Every stage is a process of its own with one thread. What is in the folder already is not made again,
and the table so far is printed after each seed, so that the run may be cut off and go on.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import torch

import league
import lessons
from league import INPUTS, Sizes
from minutes import ACTIONS
from touchline.demo import pretrain, tiny_models
from touchline.models.lm import loader
from touchline.models.lm.lm_settings import MATCH, TOKENS

NAMES = {"both": "video and commentary", "video": "video alone", "none": "none"}
ZERO_SHOT = "zero-shot"
STEPS, TRAINED = 1900, 2400  # of pretraining; minutes of the league to fine-tune on
SIZES, QUICK_SIZES = Sizes(tuning=120, held_out=120), Sizes(tuning=4, held_out=4)
COLUMNS = ("model", "inputs", "answers", "threshold", "way", "f1")


def make_base(folder: Path, seed: int, steps: int, inputs: list[str]) -> None:
    """Pretrain a base from random weights; on video alone where no other input is asked for."""
    kinds = lessons.KINDS if "both" in inputs else (lessons.VIDEO,)
    tiny_models.make(folder, "qwen2_vl", lessons.texts(), hidden=128, layers=2, depth=1, seed=seed)
    model, processor = loader.load_base(str(folder), None, "cpu", vision=True)
    batches = lessons.batches(model, processor, steps, seed, kinds)
    pretrain.pretrain(model, batches, steps, decay_ratio=0.6)
    model.save_pretrained(folder)


def run_stage(args: argparse.Namespace) -> None:
    """Make one base, adapter or file of scores in this process: `args.make`, by its name."""
    torch.set_num_threads(1)
    out = args.make
    base, partial = out.parent / "base", out.with_name(f".{out.name}")
    inputs, _, model = out.stem.partition("-")
    if out.name == "base":
        make_base(partial, args.seed, args.steps, args.inputs)
    elif not out.suffix:
        league.fine_tune(base, partial, args.seed, args.trained, INPUTS[inputs], model)
    else:
        adapter = None if model == ZERO_SHOT else out.with_suffix("")
        reader = league.Reader(base, adapter, inputs)
        sizes = QUICK_SIZES if args.quick else SIZES
        rows = [
            dict(zip(COLUMNS, (model, inputs, *row), strict=True))
            for row in league.evaluate(reader, args.seed, sizes, adapter is not None)
        ]
        partial.write_text(json.dumps(rows, indent=1))
    partial.rename(out)


def stage(args: argparse.Namespace, seed: int, name: str) -> None:
    """Make a file or folder of a seed in a process of its own, unless it is there.

    bitsandbytes on a CPU cannot train in a process that has already answered.
    """
    out = args.folder / str(seed) / name
    if out.exists():
        return
    began = time.monotonic()
    command = [sys.executable, *sys.argv, "--make", str(out), "--seed", str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, text=True, capture_output=True)
    if run.returncode:
        raise SystemExit(f"seed {seed}, {name} failed:\n{run.stderr[-3000:]}")
    print(f"seed {seed}, {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def run_seed(args: argparse.Namespace, seed: int) -> None:
    """Run all stages of a seed."""
    (args.folder / str(seed)).mkdir(exist_ok=True)
    stage(args, seed, "base")
    for inputs in args.inputs:
        for objective in args.objectives:
            stage(args, seed, f"{inputs}-{objective}")
            stage(args, seed, f"{inputs}-{objective}.json")
        stage(args, seed, f"{inputs}-{ZERO_SHOT}.json")
    print(f"\nafter seed {seed}:")
    show(args)


def baselines(args: argparse.Namespace, seeds: list[int]) -> list[dict]:
    """Return the rows of the constant baseline."""
    sizes = QUICK_SIZES if args.quick else SIZES
    return [
        dict(zip(COLUMNS, ("constant baseline", "none", "", "", "", f1), strict=True))
        for f1 in (league.baseline(league.held_out(seed, sizes.held_out)) for seed in seeds)
    ]


def show(args: argparse.Namespace) -> None:
    """Print the table of what is in the folder: the mean over the seeds and their range."""
    files = sorted(args.folder.glob("*/*.json"))
    rows = [row for file in files for row in json.loads(file.read_text())]
    rows += baselines(args, sorted({int(file.parent.name) for file in files}))
    print("| model | inputs | answers | threshold | F1 | range | seeds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    order = ["inputs", "model"]
    for (model, inputs, answers, threshold, way), scores in (
        pl.DataFrame(rows)
        .sort(order, maintain_order=True)
        .group_by(COLUMNS[:-1], maintain_order=True)
    ):
        name = model if model in (ZERO_SHOT, "constant baseline") else f"trained by {model}"
        shown = ", ".join(filter(None, [NAMES[inputs], way]))
        f1 = scores["f1"]
        print(
            f"| {name} | {shown} | {answers} | {threshold} | {f1.mean():.3f} | "
            f"{f1.min():.3f} to {f1.max():.3f} | {len(f1)} |",
            flush=True,
        )


def main() -> None:
    """Run all stages of all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="keeps models and scores")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2, help="at a time (%(default)s)")
    parser.add_argument("--inputs", nargs="+", choices=INPUTS, default=list(INPUTS))
    parser.add_argument("--objectives", nargs="+", choices=(MATCH, TOKENS), default=[MATCH, TOKENS])
    parser.add_argument("--steps", type=int, default=STEPS, help="of pretraining (%(default)s)")
    parser.add_argument("--trained", type=int, default=TRAINED, help="minutes (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.steps, args.trained = min(args.steps, 20), min(args.trained, 16)
    if args.make:
        run_stage(args)
        return
    began = time.monotonic()
    args.folder = args.folder.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(args.processes) as pool:
        list(pool.map(lambda seed: run_seed(args, seed), range(args.seeds)))
    print("\nall seeds:")
    show(args)
    sizes = QUICK_SIZES if args.quick else SIZES
    drawn = [
        minute for seed in range(args.seeds) for minute in league.held_out(seed, sizes.held_out)
    ]
    share = sum(len(minute.events_s) for minute in drawn) / (len(drawn) * len(ACTIONS))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{share:.0%} of the {len(drawn) * len(ACTIONS)} held-out (minute, action) pairs are "
        f"positive. {args.processes} processes took {(time.monotonic() - began) / 60:.1f} minutes, "
        f"and {(used.ru_utime + used.ru_stime) / 60:.1f} core-minutes."
    )


if __name__ == "__main__":
    main()

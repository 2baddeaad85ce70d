"""Training throughput on a GPU: the production path on true architectures with random weights.

    python benchmarks/gpu_train.py [--size 2b] [--steps 5] [--chunks-per-step 8] [--minutes 8]

NF4 + LoRA by `touchline.models.lm.finetuning.trainer` on chunks of 60 frames of 224 × 398 px with
seven questions: one sample per sequence, the shared prefix with a dense mask and with block-sparse
attention, and more chunks in a pass. Prints a table, and writes it to `--out` as JSON after each way.
`--size tiny` is a trial on a CPU, where torch trains with the dense mask alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import torch

from gpu_bases import SIZES, Operations, Results, count_operations, make_base, share_of_peak
from prefix import ACTIONS, make_chunk
from touchline.core.problems import InputError
from touchline.models.lm import loader
from touchline.models.lm.attention_masks import branch_spans, span_masks
from touchline.models.lm.distribution.head import label_loss
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.collator import Example
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.shared_prefix import collate, pack
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

ANSWER = "A Foul occurs at (00:12, 00:24)."

# Whether questions share a prefix, the attention, and how many sequences go through a pass.
WAYS = (
    (True, "sdpa", 1),
    (True, "flex", 1),
    (True, "flex", 2),
    (True, "flex", 4),
    (True, "flex", 8),
    (True, "sdpa", 4),
    (False, "sdpa", 1),
)


class Chunks:
    """The same chunk repeated, with all its questions or one (`collator.Examples`)."""

    def __init__(self, chunks: int, shared: bool, frames: int) -> None:
        self.chunk = make_chunk(frames, 398, 224)
        groups = [ACTIONS] if shared else [(action,) for action in ACTIONS]
        self.actions = groups * chunks

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, number: int) -> Example:
        return Example(self.chunk, dict.fromkeys(self.actions[number], ANSWER))

    def name(self, number: int) -> str:
        return str(number)

    def questions(self, number: int) -> int:
        return len(self.actions[number])


def count(folder: Path, frames: int) -> dict[str, tuple[int, Operations]]:
    """Return the tokens and the operations of one training sequence, for each way to make it."""
    model, processor = loader.load_base(str(folder), None, "auto", True, "sdpa")
    encoder = Encoder(model, processor, ACTIONS, PromptSettings())
    prefix, questions = encoder.encode_prompt(make_chunk(frames, 398, 224), ACTIONS)
    branches = [(question, encoder.answer_ids(ANSWER)) for question in questions]
    counted = {}
    for way, asked in (("separate", branches[:1]), ("shared", branches)):
        packed = pack(prefix, asked)
        pairs = int(span_masks(branch_spans(packed.owner[None]), packed.attention).sum())
        batch = {
            name: value.to(model.device) for name, value in collate([packed], pad_id=0).items()
        }
        operations = count_operations(model, partial(label_loss, model, batch), pairs)
        counted[way] = len(packed.ids), operations
    return counted


def measure(args: argparse.Namespace) -> dict:
    """Train some steps and return the medians of all but the first two."""
    shared, attention, at_once = args.way
    per_step = args.chunks_per_step * (1 if shared else len(ACTIONS))
    examples = Chunks(args.steps * args.chunks_per_step, shared, args.frames)
    schedule = TrainingSettings(
        batch_size=per_step, micro_batch_size=min(at_once, per_step), save_steps=10**6
    )
    try:
        model, processor = loader.load_base(str(args.folder), "nf4", "auto", True, attention)
        encoder = Encoder(model, processor, ACTIONS, PromptSettings())
        adapted = loader.add_adapter(model, loader.LoraSettings(), seed=0)
        with tempfile.TemporaryDirectory() as checkpoints:
            log = trainer.train(adapted, encoder, examples, schedule, Path(checkpoints))
    except torch.OutOfMemoryError:
        return {"not measured": "out of memory"}
    except InputError as error:
        return {"not measured": str(error)}
    late = log[2:]
    sequences_per_s = late["samples_per_s"].median() / examples.questions(0)
    tokens, operations = args.counted["shared" if shared else "separate"]
    per_s = sequences_per_s * Operations(*operations).training
    return {
        "samples/s": late["samples_per_s"].median(),
        "tokens/s": sequences_per_s * tokens,
        "tokens of a sequence": tokens,
        "peak memory, MiB": late["peak_mib"].max(),
        "data wait, share": late["data_wait"].median(),
        "tera-operations/s": per_s,
        "share of peak": share_of_peak(per_s),
    }


def main() -> None:
    """Measure each way in a process of its own, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="2b")
    parser.add_argument("--steps", type=int, default=5, help="3 or more: two are not counted")
    parser.add_argument("--chunks-per-step", type=int, default=8)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=8, help="after which nothing is measured")
    parser.add_argument("--out", type=Path, default=Path("gpu_train.json"))
    parser.add_argument("--way", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--counted", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps < 3:
        parser.error("--steps: 3 or more, since the first two are not counted")
    if args.way:
        work = count(args.folder, args.frames) if args.way == "count" else measure(args)
        print(json.dumps(work))
        return
    results = Results(args.out, 60 * args.minutes)
    with tempfile.TemporaryDirectory() as folder:
        make_base(Path(folder), args.size)
        command = [sys.executable, *sys.argv, "--folder", folder]

        def run(way: object, counted: dict) -> dict:
            more = ["--way", json.dumps(way), "--counted", json.dumps(counted)]
            try:
                done = subprocess.run(
                    [*command, *more], stdout=subprocess.PIPE, check=True, timeout=results.left_s()
                )
            except subprocess.TimeoutExpired:
                return {"not measured": "no time left"}
            return dict(json.loads(done.stdout.splitlines()[-1]))

        counted = run("count", {})
        for shared, attention, at_once in WAYS:
            name = {"size": args.size, "prefix": "shared" if shared else "separate"}
            name |= {"attention": attention, "sequences in a pass": at_once}
            results.measure(name, partial(run, (shared, attention, at_once), counted))
    results.print_table()


if __name__ == "__main__":
    main()

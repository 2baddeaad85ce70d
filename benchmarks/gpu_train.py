"""Training throughput of Qwen2-VL-2B: the production path on its architecture with random weights.

    python benchmarks/gpu_train.py [--steps 6] [--chunks-per-step 8] [--size 2b]

NF4 + LoRA by `touchline.models.lm.finetuning.trainer` on chunks of 60 frames of 224 × 398 px with
seven questions, once with the shared prefix and once with one sample per sequence. `--size tiny` is
a trial on a CPU.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from prefix import ACTIONS, WORDS, make_chunk
from touchline.demo import tiny_models
from touchline.models.lm import loader
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.collator import UNREAD, Collator, Example
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt

# Dense bfloat16 TFLOP/s (a multiply-add is two operations), from the data sheets.
PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "L40S": 362, "A40": 150}

# torch's counter has no formula for attention on CPUs.
ON_CPU = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value)
    )
}


class Chunks:
    """The same chunk repeated, with all its questions or one (`collator.Examples`)."""

    def __init__(self, chunks: int, shared: bool, frames: int) -> None:
        self.chunk = make_chunk(frames, 398, 224)
        groups = [ACTIONS] if shared else [(action,) for action in ACTIONS]
        self.actions = groups * chunks

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, number: int) -> Example:
        answer = "A Foul occurs at (00:12, 00:24)."
        return Example(self.chunk, dict.fromkeys(self.actions[number], answer))

    def name(self, number: int) -> str:
        return str(number)

    def questions(self, number: int) -> int:
        return len(self.actions[number])


def make_base(folder: Path, size: str) -> None:
    """Write Qwen2-VL-2B-Instruct's architecture with random weights, or a tiny one."""
    texts = [
        format_system_prompt(ACTIONS, PromptSettings()),
        *map(format_question, ACTIONS),
        " ".join(WORDS),
    ]
    if size == "tiny":
        tiny_models.make(folder, "qwen2_vl", texts)
        return
    tokenizer = tiny_models.make_tokenizer(texts, vocabulary=1000)
    config = transformers.Qwen2VLConfig(
        text_config={
            "vocab_size": 151936,
            "hidden_size": 1536,
            "intermediate_size": 8960,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32768,
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [16, 24, 24],
            },
        },
        vision_config={"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16},
        tie_word_embeddings=True,
        dtype=torch.bfloat16,
        **tiny_models.vision_ids(tokenizer),
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tiny_models.make_processor("qwen2_vl", tokenizer).save_pretrained(folder)


def count(folder: Path, frames: int) -> dict[str, float]:
    """Return the tera-operations of one training sequence, for each way to make it.

    Recomputation by gradient checkpointing does not count. The backward pass of a frozen layer
    costs as much as its forward pass (the gradient of its input alone), that of attention twice as
    much. The vision tower has no backward pass, since no trained weight precedes it.
    """
    model, processor = loader.load_base(str(folder), None, "auto", vision=True)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings())
    operations = {}
    for way in ("separate", "shared"):
        batch = Collator(encoder, Chunks(1, way == "shared", frames))([{"chunk": 0}])
        del batch[UNREAD]
        batch = {name: value.to(model.device) for name, value in batch.items()}
        with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=ON_CPU) as counter:
            model(**batch)
        everything, tower = (
            counter.get_flop_counts()[name]
            for name in ("Global", f"{type(model).__name__}.model.visual")
        )
        attention = sum(
            flops - tower.get(operation, 0)
            for operation, flops in everything.items()
            if "attention" in str(operation)
        )
        language = sum(everything.values()) - sum(tower.values())
        operations[way] = (sum(tower.values()) + 2 * language + attention) / 1e12
    return operations


def measure(folder: Path, shared: bool, args: argparse.Namespace) -> dict:
    """Train some steps and return the medians of all but the first two."""
    model, processor = loader.load_base(str(folder), "nf4", "auto", vision=True)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings())
    adapted = loader.add_adapter(model, loader.LoraSettings(), seed=0)
    per_step = args.chunks_per_step * (1 if shared else len(ACTIONS))
    examples = Chunks(args.steps * args.chunks_per_step, shared, args.frames)
    prefix, questions = encoder.encode_prompt(examples.chunk, examples.actions[0])
    branch = len(questions[0]) + len(encoder.answer_ids(examples[0].answers[ACTIONS[0]]))
    with tempfile.TemporaryDirectory() as checkpoints:
        schedule = TrainingSettings(batch_size=per_step, save_steps=10**6)
        log = trainer.train(adapted, encoder, examples, schedule, Path(checkpoints))
    late = log[2:]
    samples_per_s = late["samples_per_s"].median()
    tokens = len(prefix.ids) + branch * len(questions)
    return {
        "tokens of a sequence": tokens,
        "samples/s": samples_per_s,
        "sequences/s": samples_per_s / len(questions),
        "tokens/s": samples_per_s / len(questions) * tokens,
        "data wait, share of a step": late["data_wait"].median(),
        "peak memory, MiB": late["peak_mib"].max(),
    }


def main() -> None:
    """Measure both ways in processes of their own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("2b", "tiny"), default="2b")
    parser.add_argument("--steps", type=int, default=6, help="3 or more: two are not counted")
    parser.add_argument("--chunks-per-step", type=int, default=8)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--way", choices=("shared", "separate", "count"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps < 3:
        parser.error("--steps: 3 or more, since the first two are not counted")
    if args.way == "count":
        print(json.dumps(count(args.folder, args.frames)))
        return
    if args.way:
        print(json.dumps(measure(args.folder, args.way == "shared", args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_base(Path(folder), args.size)
        results = {}
        for way in ("count", "separate", "shared"):
            command = [sys.executable, *sys.argv, "--way", way, "--folder", folder]
            run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            results[way] = json.loads(run.stdout.splitlines()[-1])
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    peak = next((peak for name, peak in PEAK_TFLOPS.items() if name in card), None)
    for way, operations in results.pop("count").items():
        figures = results[way]
        figures["tera-operations of a sequence"] = operations
        figures["tera-operations/s"] = operations * figures["sequences/s"]
        share = figures["tera-operations/s"] / peak if peak else float("nan")
        figures["share of the card's peak"] = share
    print(f"{card}, torch {torch.__version__}, transformers {transformers.__version__}")
    print(f"{'':32}{'separate':>12}{'shared':>12}{'ratio':>8}")
    for name, shared in results["shared"].items():
        separate = results["separate"][name]
        ratio = shared / separate if separate else float("nan")
        print(f"{name:32}{separate:12.3f}{shared:12.3f}{ratio:8.2f}")


if __name__ == "__main__":
    main()

"""Speed and memory of the shared prefix: one sequence per chunk against one per question.

    python benchmarks/prefix.py [--family qwen2_vl] [--hidden 256] [--layers 4] [--words 16]
    python benchmarks/prefix.py --family mistral --words 9
    python benchmarks/prefix.py --answers [--rounds 5]
    python benchmarks/prefix.py --head

A chunk of 60 frames of 224 × 398 px and 15 lines of commentary (mistral: the commentary alone),
seven questions, a model with random weights. The median minute of SoccerNet-Echoes' English
commentary has 15 lines and 129 words. Both ways use the same code on the same GPU or CPU, in turn,
in processes of their own; they differ only in the number of questions in a sequence.

With `--head`, the peak memory of a training step with a vocabulary of 151,936 entries: with the logits
of all tokens, as the model's own loss makes them, and of those before a label alone, as training does.

With `--answers`, the prefix alone, the distribution over all answers to the seven questions after
it, and their text decoded after it take turns in one process; the figures are medians of CPU time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from touchline.demo import tiny_models
from touchline.models.lm import loader
from touchline.models.lm.distribution.head import label_loss
from touchline.models.lm.distribution.reading import Asked, read_chunks
from touchline.models.lm.finetuning.trainer import peak_mib
from touchline.models.lm.shared_prefix import IGNORED, collate, decode_answers, pack, prefill
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt

ACTIONS = (
    "corner",
    "shots_on_target",
    "goal",
    "clearance",
    "foul",
    "free_kick",
    "substitution",
)
WORDS = [
    "and",
    "he",
    "plays",
    "it",
    "back",
    "to",
    "the",
    "middle",
    "where",
    "they",
    "keep",
    "the",
    "ball",
    "for",
    "a",
    "while",
]


VOCABULARY = 151_936  # entries of Qwen2-VL's


def make_chunk(frames: int, width: int, height: int, words: int = 16) -> Chunk:
    """Return a minute of video noise with 15 commentary lines of `words` words each."""
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 255, (frames, height, width, 3), dtype=np.uint8)
    lines = [
        {
            "start_s": 4.0 * k,
            "end_s": 4.0 * k + 3,
            "text": " ".join(generator.permutation(WORDS)[:words]),
        }
        for k in range(15)
    ]
    times_s = [float(second) for second in range(frames)]
    return Chunk("a_match", 1, 0, 0.0, 60.0, lines, {"broadcast": pictures}, times_s)


def measure(way: str, folder: Path, chunk: Chunk, steps: int, tokens: int) -> dict:
    """Train `steps` steps and answer once, with all questions of a sequence or one."""
    reads_video = bool(chunk.frames)
    model, processor = loader.load_base(str(folder), None, "auto", vision=reads_video)
    inputs = ("video", "commentary") if reads_video else ("commentary",)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings(inputs=inputs))
    prefix, questions = encoder.encode_prompt(chunk, ACTIONS)
    answer_ids = encoder.answer_ids("A Foul occurs at (00:12, 00:24).")
    groups = [questions] if way == "shared" else [[question_ids] for question_ids in questions]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        for group in groups:
            batch = collate(
                [pack(prefix, [(question_ids, answer_ids) for question_ids in group])], 0
            )
            batch = {name: value.to(model.device) for name, value in batch.items()}
            tokens = len(group) * len(answer_ids)
            (label_loss(model, batch) / tokens / len(groups)).backward()
        optimiser.step()
        optimiser.zero_grad()

    step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    _wait()
    training_s = (time.perf_counter() - began) / steps
    trained_mib = peak_mib()
    model.eval()
    began = time.perf_counter()
    for group in groups:
        decode_answers(model, prefix, group, tokens, stop_ids=())
    _wait()
    return {
        "prefix_tokens": len(prefix.ids),
        "training_samples_per_s": len(questions) / training_s,
        "training_peak_mib": trained_mib,
        "inference_samples_per_s": len(questions) / (time.perf_counter() - began),
    }


def measure_head(way: str, folder: Path, chunk: Chunk) -> dict:
    """Take the passes of a step that trains the language model's layers, and return the peak."""
    model, processor = loader.load_base(str(folder), None, "auto", vision=True)
    model.resize_token_embeddings(VOCABULARY, mean_resizing=False)
    for name, weight in model.named_parameters():
        weight.requires_grad_("language_model.layers" in name)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings())
    prefix, questions = encoder.encode_prompt(chunk, ACTIONS)
    answer_ids = encoder.answer_ids("A Foul occurs at (00:12, 00:24).")
    batch = collate([pack(prefix, [(question, answer_ids) for question in questions])], 0)
    batch = {name: value.to(model.device) for name, value in batch.items()}
    loaded_mib, began = peak_mib(), time.process_time()
    loss = model(**batch).loss if way == "all" else label_loss(model, batch)
    loss.backward()
    _wait()
    tokens, labels = batch["labels"].numel(), int((batch["labels"] != IGNORED).sum())
    return {
        "prefix_tokens": len(prefix.ids),
        "tokens": tokens,
        "rows of logits": tokens if way == "all" else labels,
        "peak memory, MiB": peak_mib(),
        "before the passes, MiB": loaded_mib,
        "CPU s": time.process_time() - began,
    }


def time_answers(folder: Path, chunk: Chunk, rounds: int, tokens: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each round: of the prefix, and of both ways to answer with it.

    On a GPU, which the CPU does not wait for, they are seconds of the wall clock.
    """
    model, processor = loader.load_base(str(folder), None, "auto", vision=bool(chunk.frames))
    model.eval()
    inputs = ("video", "commentary") if chunk.frames else ("commentary",)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings(inputs=inputs))
    prefix, questions = encoder.encode_prompt(chunk, ACTIONS)
    ways = {
        "prefix alone": lambda: prefill(model, prefix),
        "distribution": lambda: read_chunks(
            model, encoder, [Asked(chunk, ACTIONS, prefix, questions)]
        ),
        "text": lambda: decode_answers(model, prefix, questions, tokens, stop_ids=()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    with torch.inference_mode():
        for turn in range(rounds + 1):
            for name, run in ways.items():
                began = clock()
                run()
                _wait()
                if turn:  # the first one warms up
                    seconds[name].append(clock() - began)
    print(f"prefix {len(prefix.ids)} tokens, {len(questions)} questions, {tokens} tokens of text")
    return seconds


def print_answers(seconds: dict[str, list[float]]) -> None:
    """Print the median time of each way, and its ratio to that of the prefix alone."""
    alone = np.array(seconds["prefix alone"])
    for name, values in seconds.items():
        ratios = np.array(values) / alone
        print(
            f"{name:14}{np.median(values):8.2f} s   ratio {np.median(ratios):.3f} "
            f"({ratios.min():.3f} to {ratios.max():.3f})"
        )


def _wait() -> None:
    """Wait until the GPU has finished."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    """Measure both ways in processes of their own and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="qwen2_vl", choices=tiny_models.FAMILIES)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=24, help="decoded per question (%(default)s)")
    parser.add_argument("--words", type=int, default=16, help="in a line (%(default)s)")
    parser.add_argument("--answers", action="store_true", help="compare the two ways to answer")
    parser.add_argument("--rounds", type=int, default=5, help="of --answers (%(default)s)")
    parser.add_argument("--head", action="store_true", help="compare the logits that are made")
    parser.add_argument(
        "--way", choices=("shared", "separate", "all", "labels"), help=argparse.SUPPRESS
    )
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    chunk = make_chunk(60, 398, 224, args.words)
    if args.family == "mistral":
        chunk = replace(chunk, frames={}, frame_s=[])
    if args.way and args.head:
        print(json.dumps(measure_head(args.way, args.folder, chunk)))
        return
    if args.way:
        print(json.dumps(measure(args.way, args.folder, chunk, args.steps, args.tokens)))
        return
    with tempfile.TemporaryDirectory() as folder:
        texts = [
            format_system_prompt(ACTIONS, PromptSettings()),
            *map(format_question, ACTIONS),
            " ".join(WORDS),
        ]
        tiny_models.make(Path(folder), args.family, texts, args.hidden, args.layers, args.layers)
        if args.answers:
            print_answers(time_answers(Path(folder), chunk, args.rounds, args.tokens))
            return
        ways = ("all", "labels") if args.head else ("separate", "shared")
        results = {}
        for way in ways:
            command = [sys.executable, *sys.argv, "--way", way, "--folder", folder]
            run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            results[way] = json.loads(run.stdout.splitlines()[-1])
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    threads = torch.get_num_threads()
    print(f"{args.family}, hidden {args.hidden}, {args.layers} layers, {device}, {threads} threads")
    first, second = (results[way] for way in ways)
    print(f"prefix {second['prefix_tokens']} tokens, {len(ACTIONS)} questions")
    print(f"{'':26}{ways[0]:>10}{ways[1]:>10}{'ratio':>8}")
    for name in list(second)[1:]:
        print(f"{name:26}{first[name]:10.2f}{second[name]:10.2f}{second[name] / first[name]:8.2f}")


if __name__ == "__main__":
    main()

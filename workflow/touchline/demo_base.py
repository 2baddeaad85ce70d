"""Make a base model for the demo: a tiny one that read invented matches which are not the demo's.

python -m touchline.demo_base --family qwen2_vl --out demo/base

REQUIRES nothing: no data, no network, no GPU.
PRODUCES a folder like any base: safetensors weights and a processor. It has read commentary alone.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from touchline import base, cli, prompts, tiny
from touchline.broadcast import speech
from touchline.broadcast.script import HALVES, Script, invent
from touchline.encode import Chunk, Encoder
from touchline.intervals import grid
from touchline.prefix import collate, pack
from touchline.pretrain import pretrain
from touchline.prompts import PromptSettings

# The study's seven, by SoccerNet's labels, as in config.yaml.
ACTIONS = {
    "Corner": "corner",
    "Shots on target": "shots_on_target",
    "Goal": "goal",
    "Clearance": "clearance",
    "Foul": "foul",
    "Direct free-kick": "free_kick",
    "Indirect free-kick": "free_kick",
    "Substitution": "substitution",
}
ASKED = tuple(dict.fromkeys(ACTIONS.values()))
CHUNK_S = 60.0
SETTINGS = PromptSettings(clock="chunk", instructions=False, examples=False, inputs=("commentary",))


def chunks(script: Script) -> Iterator[tuple[Chunk, dict[str, str]]]:
    """Yield the chunks of an invented match with the answers to all questions."""
    for half in HALVES:
        spoken = [
            {"start_s": start_s, "end_s": end_s, "text": text}
            for start_s, end_s, text in speech.segments(script, half)
        ]
        for number, (start_s, end_s) in enumerate(grid(script.half_s, CHUNK_S)):
            lines = [line for line in spoken if line["start_s"] < end_s and line["end_s"] > start_s]
            chunk = Chunk(script.seed, half, number, start_s, end_s, lines)
            yield chunk, _answers(script, chunk)


def _answers(script: Script, chunk: Chunk) -> dict[str, str]:
    times_s: dict[str, list[float]] = {action: [] for action in ASKED}
    for event in script.of_half(chunk.half):
        if event.label in ACTIONS and chunk.start_s <= event.time_s < chunk.end_s:
            times_s[ACTIONS[event.label]].append(event.time_s)
    return {
        action: prompts.answer(
            action,
            prompts.answer_intervals(moments, chunk.start_s, chunk.end_s),
            chunk.half,
            chunk.start_s,
            SETTINGS,
        )
        for action, moments in times_s.items()
    }


def batches(encoder: Encoder, size: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Yield batches of chunks of ever new matches."""
    rng = random.Random(f"demo base {seed}")
    waiting: list = []
    while True:
        while len(waiting) < 16 * size:
            waiting += chunks(invent(f"base {rng.random()}"))
        rng.shuffle(waiting)
        packed = []
        for chunk, answers in (waiting.pop() for _ in range(size)):
            prefix, questions = encoder.prompt(chunk, list(answers))
            said = map(encoder.answer_ids, answers.values())
            packed.append(pack(prefix, list(zip(questions, said, strict=True))))
        yield collate(packed, encoder.tokenizer.pad_token_id)


def texts() -> list[str]:
    """Return what the tokenizer learns from: questions, answers and commentary."""
    found = [prompts.system_prompt(ASKED, SETTINGS), *map(prompts.question, ASKED)] * 50
    for number in range(20):
        for chunk, answers in chunks(invent(f"words {number}")):
            found += [line["text"] for line in chunk.lines] + list(answers.values())
    return found


def make(folder: Path, family: str, steps: int, seed: int = 0) -> list[float]:
    """Write a base of one of `tiny.FAMILIES` and return the losses of its pretraining."""
    tiny.make(folder, family, texts(), hidden=128, layers=2, depth=1, vocabulary=1500)
    model, processor = base.load(str(folder), None, "cpu", vision=family in base.VISION_FAMILIES)
    encoder = Encoder(model, processor, ASKED, SETTINGS)
    losses = pretrain(model, batches(encoder, 8, seed), steps)
    model.save_pretrained(folder)
    return losses


def main(argv: list[str]) -> None:
    """Make the base."""
    parser = argparse.ArgumentParser(prog="python -m touchline.demo_base", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--family", choices=tiny.FAMILIES, default="qwen2_vl", help="(%(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="of pretraining (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)  # a model this small gains nothing from more
    make(args.out, args.family, args.steps, args.seed)


if __name__ == "__main__":
    cli.run(main)

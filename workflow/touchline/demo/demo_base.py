"""Make a base model for the demo: a tiny one that has heard invented commentary, and no other.

touchline demo_base --family qwen2_vl --out demo/base

REQUIRES nothing: no data, no network, no GPU.
PRODUCES a folder like any base: safetensors weights and a tokenizer (for vision families a processor).

The base knows a part of the phrases that the demo's commentators use, from talk in which far more
happens than in their matches: what is left to learn by fine-tuning are the other phrases, and how
rare actions are. It has seen no video.
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from touchline.core import clock
from touchline.core.actions import with_article
from touchline.demo import tiny_models
from touchline.demo.broadcast import phrases, speech
from touchline.demo.broadcast.script import AWAY, HOME, Event, Script, invent
from touchline.demo.broadcast.speech import Spoken
from touchline.demo.pretrain import pretrain
from touchline.models.lm import loader
from touchline.models.lm.shared_prefix import Packed, collate, pack
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings

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
SETTINGS = PromptSettings(clock="chunk", instructions=False, examples=False, inputs=("commentary",))

KNOWN = {label: said[:3] for label, said in phrases.MENTIONS.items()}
APART_S = (5.0, 25.0)  # from one event to the next
WITHOUT = 2  # actions asked about that do not happen in the chunk: "no" teaches little
MOMENTS = 2  # lines asked about in each chunk

# Chunks start short and grow: in long ones from the start, where a time stands is not learned in
# this time (benchmarks/README.md).
SHORTEST_S, LONGEST_S = 8.0, 60.0
SHORT, LONG = 0.1, 0.5  # shares of the steps with the shortest chunks, and until the longest
BATCH_S, CHUNK_COSTS_S = 560.0, 10.0  # talk in a batch; what a chunk costs besides its talk


def invent_talk(rng: random.Random, script: Script, length_s: float) -> list[Spoken]:
    """Return what is said in a chunk in which one thing after the other happens."""
    events = []
    time_s = rng.uniform(0, APART_S[0])
    while time_s < length_s - 2:
        side = rng.choice((HOME, AWAY))
        player, other = rng.sample(script.team(side).players[1:11], 2)
        label = rng.choice(list(ACTIONS))
        events.append(Event(1, round(time_s * 1000), label, side, player=player, other=other))
        time_s += rng.uniform(*APART_S)
    eventful = replace(script, half_s=length_s, events=tuple(events))
    return [line for line in speech.speak(rng, eventful, 1, KNOWN) if line.start_s < length_s]


def lesson(rng: random.Random, encoder: Encoder, said: list[Spoken], length_s: float) -> Packed:
    """Return a chunk with the study's questions, and some on when what is spoken of."""
    lines = [{"start_s": one.start_s, "end_s": one.end_s, "text": one.text} for one in said]
    chunk = Chunk("talk", 1, 0, 0.0, length_s, lines)
    about: dict[str, list[Spoken]] = {}
    for line in said:
        if line.event:
            about.setdefault(ACTIONS[line.event.label], []).append(line)
    others = [action for action in ASKED if action not in about]
    asked = [*about, *rng.sample(others, min(WITHOUT, len(others)))]
    prefix, questions = encoder.prompt(chunk, asked)
    answers = [
        _answer(action, [line.event.time_s for line in about.get(action, [])], length_s)
        for action in asked
    ]
    after = questions[0][len(encoder.ids(prompt_text.question(asked[0]))) :]  # the turn's end
    for question, answer in _about_lines(rng, about):
        questions.append(encoder.ids(question) + after)
        answers.append(answer)
    return pack(prefix, list(zip(questions, map(encoder.answer_ids, answers), strict=True)))


def _answer(action: str, times_s: list[float], length_s: float) -> str:
    intervals = prompt_text.answer_intervals(times_s, 0.0, length_s)
    return prompt_text.answer(action, intervals, 1, 0.0, SETTINGS)


def _about_lines(rng: random.Random, about: dict[str, list[Spoken]]) -> Iterator[tuple[str, str]]:
    """Ask when actions are spoken of, and what is spoken of at some moments."""
    for action, lines in about.items():
        times = ", ".join(clock.format_time(line.start_s) for line in lines)
        yield f"When is {with_article(action)} spoken of?", f"At {times}."
    every = [(line.start_s, action) for action, lines in about.items() for line in lines]
    for start_s, action in rng.sample(every, min(MOMENTS, len(every))):
        yield f"What is spoken of at {clock.format_time(start_s)}?", f"{with_article(action)}."


def batches(encoder: Encoder, steps: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Yield the batches of a pretraining of so many steps."""
    for step in range(steps):
        rng = random.Random(f"base {seed} {step}")
        script = invent(f"base {seed} {step}")
        length_s = chunk_length_s(step / steps)
        chunks = round(BATCH_S / (length_s + CHUNK_COSTS_S))
        packed = [
            lesson(rng, encoder, invent_talk(rng, script, length_s), length_s)
            for _ in range(chunks)
        ]
        yield collate(packed, encoder.tokenizer.pad_token_id)


def chunk_length_s(done: float) -> float:
    """Return how long the chunks are when a share of the steps is done."""
    grown = min(1.0, max(0.0, done - SHORT) / (LONG - SHORT))
    return SHORTEST_S + grown * (LONGEST_S - SHORTEST_S)


def texts() -> list[str]:
    """Return what the tokenizer learns from: questions, answers and commentary."""
    found = [prompt_text.system_prompt(ASKED, SETTINGS), *map(prompt_text.question, ASKED)] * 50
    found += [_answer(action, times_s, 60.0) for action in ASKED for times_s in ([], [30.0])] * 50
    for number in range(20):
        script = invent(f"words {number}")
        found += [text for half in (1, 2) for _, _, text in speech.segments(script, half)]
    return found


def make(folder: Path, family: str, steps: int, seed: int = 0) -> list[float]:
    """Write a base of one of `tiny.FAMILIES` and return the losses of its pretraining."""
    tiny_models.make(
        folder, family, texts(), hidden=128, layers=2, depth=1, vocabulary=1500, seed=seed
    )
    model, processor = loader.load(
        str(folder), None, "cpu", vision=family in loader.VISION_FAMILIES
    )
    encoder = Encoder(model, processor, ASKED, SETTINGS)
    losses = pretrain(model, batches(encoder, steps, seed), steps, fall=0.5)
    model.save_pretrained(folder)
    return losses


def main(argv: list[str]) -> None:
    """Make the base."""
    parser = argparse.ArgumentParser(prog="touchline demo_base", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--family", choices=tiny_models.FAMILIES, default="qwen2_vl", help="(%(default)s)"
    )
    parser.add_argument("--steps", type=int, default=900, help="of pretraining (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)  # a model this small gains nothing from more
    make(args.out, args.family, args.steps, args.seed)

"""How the tokens and the clock of times matter to a language model that learns from nothing.

    PYTHONPATH=workflow:tests/helpers:benchmarks python benchmarks/times_as_tokens.py
        [--seeds 3] [--steps 240] [--out scores.jsonl]

A tiny Mistral is trained from random weights on commentary (tests/helpers/synthetic.py) of chunks that
lie anywhere in a half of 45 minutes and grow from 8 s to 60 s. Its times are those of the half or of
the chunk, and a token is one digit or up to two. Prints F1 (many-to-many) on 60 held-out chunks, of
answers as text and of their distribution, with the best threshold on 60 other chunks.
"""

import argparse
import itertools
import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

import synthetic
from lessons import length_s
from objectives import evaluate, keep, parse_arguments, show
from synthetic import ACTIONS, Drawn, Spoken
from touchline.demo import pretrain, tiny_models
from touchline.models.lm import loader
from touchline.models.lm.answering import Spotter
from touchline.models.lm.lm_settings import TEXT, LanguageModelSettings
from touchline.models.lm.tokenize import Encoder

HALF_S = 45 * 60
CHUNKS = 16  # of a batch
CASES = (("half", 1), ("chunk", 1), ("half", 2), ("chunk", 2))  # clock, digits of a token
COLUMNS = ("clock", "digits", "answers", "threshold", "seed", "f1")


class Anywhere(Spoken):
    """Chunks of `Spoken`, of any length, which lie anywhere in a half."""

    def __init__(self, clock: str, chunk_s: float = 60.0) -> None:
        self.settings = replace(Spoken.settings, clock=clock)
        self.chunk_s = chunk_s

    def draw(self, seed: int, share: float) -> Drawn:
        """Return the chunk of a seed."""
        drawn = super().draw(seed, share)
        start_s = float(random.Random(seed).randrange(round(HALF_S - self.chunk_s)))
        lines = [
            line | {"start_s": line["start_s"] + start_s, "end_s": line["end_s"] + start_s}
            for line in drawn.chunk.lines
        ]
        chunk = replace(drawn.chunk, start_s=start_s, end_s=start_s + self.chunk_s, lines=lines)
        events_s = {action: time_s + start_s for action, time_s in drawn.events_s.items()}
        return Drawn(chunk, events_s)


def texts() -> Iterator[str]:
    """Yield what the tokenizer is trained on: words and times."""
    yield from itertools.chain(*synthetic.PHRASES.values(), synthetic.FILLERS)
    yield from (f"[{minute:02}:{second:02}]" for minute in range(46) for second in range(60))


def make_base(folder: Path, digits: int, seed: int) -> None:
    """Write a tiny Mistral with random weights, whose tokens have at most so many digits."""
    tiny_models.make(folder, "mistral", texts(), hidden=128, layers=2, seed=seed)
    plain = AutoTokenizer.from_pretrained(folder)
    if digits == 1:
        return
    tokenizer = Tokenizer.from_str(
        plain.backend_tokenizer.to_str().replace(r"|\\p{N}|", rf"|\\p{{N}}{{1,{digits}}}|")
    )
    grouped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=plain.eos_token, pad_token=plain.pad_token
    ).train_new_from_iterator(
        itertools.chain(["system", "user", "assistant"] * 100, texts()),
        len(plain),
        new_special_tokens=list(tiny_models.SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    assert len(grouped.tokenize("37")) == 1, "two digits are a token"
    grouped.chat_template = plain.chat_template
    grouped.save_pretrained(folder)


def batches(encoder: Encoder, clock: str, steps: int, seed: int) -> Iterator[dict]:
    """Yield a batch for each step; chunks grow as those of benchmarks/lessons.py."""
    for step in range(steps):
        world = Anywhere(clock, length_s(step / steps))
        yield synthetic.batch(encoder, world, 10**6 * (1 + seed) + CHUNKS * step, CHUNKS)


def train(clock: str, digits: int, seed: int, steps: int) -> tuple[Spotter, Anywhere]:
    """Return a model that was trained from random weights, and the world that it knows."""
    world = Anywhere(clock)
    with tempfile.TemporaryDirectory() as folder:
        make_base(Path(folder), digits, seed)
        model, tokenizer = loader.load_base(folder, None, "cpu", vision=False)
    encoder = Encoder(model, tokenizer, ACTIONS, world.settings)
    pretrain.pretrain(model, batches(encoder, clock, steps, seed), steps)
    settings = LanguageModelSettings("tiny", answers=TEXT, max_new_tokens=30, prompt=world.settings)
    return Spotter(model, encoder, settings), world


def main() -> None:
    """Train and answer, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args = parse_arguments(parser, 240, "16 chunks")
    torch.set_num_threads(1)
    rows = []
    for seed, (clock, digits) in itertools.product(range(args.seeds), CASES):
        spotter, world = train(clock, digits, seed, args.steps)
        rows += [
            keep((clock, digits, way, threshold, seed, value), args.out)
            for way, threshold, value in evaluate(spotter, world)
        ]
    show(rows, COLUMNS, ["clock", "digits of a token", "answers", "threshold"])


if __name__ == "__main__":
    main()

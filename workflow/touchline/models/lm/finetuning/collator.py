"""What a training is shown: examples, their order, and the batches that are made of them."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor
from torch.utils.data import get_worker_info

from touchline.models.lm.shared_prefix import Packed, collate, pack
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.video.frame_reader import VideoError

NO_CHUNK = -1  # the number of a chunk that is not there, in a batch that must not be smaller
UNREAD = "unread"  # the entry of a batch, and of the log, on chunks that could not be read


@dataclass(frozen=True)
class Example:
    """A chunk to train on, and the answer text to the question on each of some actions."""

    chunk: Chunk
    answers: dict[str, str]


_BLACK = np.zeros((2, 56, 56, 3), np.uint8)
BLANK = Chunk("", 1, 0, 0.0, 2.0, (), {"broadcast": _BLACK, "score_bug": _BLACK}, (0.0, 1.0))


class Examples(Protocol):
    """The training set. Only `[]` decodes video."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Example: ...

    def name(self, number: int) -> str:
        """Return what to call a chunk in messages."""

    def questions(self, number: int) -> int:
        """Return how many questions are asked about a chunk."""

    def skip(self, number: int, problem: str, remedy: str) -> None:
        """Take note of a chunk that was not trained on, since `[]` raised `VideoError`."""


def order(chunks: int, epochs: int, seed: int) -> list[int]:
    """Return the chunks in the order of training, each once per epoch."""
    draws = (np.random.default_rng([seed, epoch]).permutation(chunks) for epoch in range(epochs))
    return np.concatenate(list(draws)).tolist() if chunks and epochs else []


class Collator:
    """Turns rows of chunk numbers into a batch; runs in the workers that load data."""

    def __init__(self, encoder: Encoder, examples: Examples) -> None:
        self.encoder, self.examples = encoder, examples

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Tensor | list]:
        """Return a batch, and as `UNREAD` the number, problem and remedy of what is not in it."""
        if get_worker_info():
            # A job's SIGTERM reaches all its processes; the trainer needs this one to end its step.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        packed, unread = [], []
        for row in rows:
            if row["chunk"] == NO_CHUNK:
                continue
            try:
                packed.append(self._pack(self.examples[row["chunk"]]))
            except VideoError as error:
                unread.append((row["chunk"], error.problem, error.remedy))
        # A pass with nothing to learn takes the place of a missing one: processes keep in step.
        batch = packed or [self._blank()]
        return collate(batch, self.encoder.tokenizer.pad_token_id) | {UNREAD: unread}

    def _pack(self, example: Example) -> Packed:
        prefix, questions = self.encoder.prompt(example.chunk, list(example.answers))
        answers = map(self.encoder.answer_ids, example.answers.values())
        return pack(prefix, list(zip(questions, answers, strict=True)))

    def _blank(self) -> Packed:
        return pack(self.encoder.prompt(BLANK, self.encoder.actions[:1])[0], [])

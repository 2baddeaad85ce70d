"""Training batches: the training set's interface, the order of its chunks, and the collator."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch.utils.data import get_worker_info

from touchline.models.lm.distribution.match_loss import PackedTries, collate_tries, pack_tries
from touchline.models.lm.lm_settings import MATCH, TOKENS
from touchline.models.lm.shared_prefix import Packed, collate, pack
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.video.frame_reader import VideoError

NO_CHUNK = -1  # a number that pads the last batches, so that all processes have as many
UNREAD = "unread"  # key of the chunks that could not be read, in batches and in the log


@dataclass(frozen=True)
class Example:
    """A chunk to train on, and the target answer for each of its actions.

    `events_s` are the times of each action's events, which the objective `match` needs.
    """

    chunk: Chunk
    answers: dict[str, str]
    events_s: Mapping[str, Sequence[float]] = field(default_factory=dict)


_BLACK = np.zeros((2, 56, 56, 3), np.uint8)
BLANK = Chunk("", 1, 0, 0.0, 2.0, (), {"broadcast": _BLACK, "score_bug": _BLACK}, (0.0, 1.0))


class Examples(Protocol):
    """A training set of numbered chunks; only `[]` decodes video."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Example: ...

    def name(self, number: int) -> str:
        """Return the name of a chunk for messages."""
        ...

    def questions(self, number: int) -> int:
        """Return the number of questions about a chunk."""
        ...

    def skip(self, number: int, problem: str, remedy: str) -> None:
        """Record a chunk that was not trained on, since `[]` raised `VideoError`."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A training set that knows about how long its chunks are without reading them."""

    def size(self, number: int) -> float:
        """Return a number that grows with the tokens of a chunk."""
        ...


def sort_steps(chunks: list[int], batch_size: int, size: Callable[[int], float]) -> list[int]:
    """Return chunks sorted by their size within each step, so that passes have little padding."""
    steps = (chunks[start : start + batch_size] for start in range(0, len(chunks), batch_size))
    return [number for step in steps for number in sorted(step, key=size)]


def training_order(chunks: int, epochs: int, seed: int) -> list[int]:
    """Return the numbers of the chunks in the order of training: a permutation per epoch."""
    permutations = (
        np.random.default_rng([seed, epoch]).permutation(chunks) for epoch in range(epochs)
    )
    return np.concatenate(list(permutations)).tolist() if chunks and epochs else []


class Collator:
    """Makes a batch of rows with chunk numbers; runs in the data loader's workers.

    `objective` is that of `TrainingSettings`.
    """

    def __init__(self, encoder: Encoder, examples: Examples, objective: str = TOKENS) -> None:
        self.encoder, self.examples = encoder, examples
        self.pack: Callable[[Example], Any]
        self.collate: Callable[[Sequence[Any], int], dict[str, Any]]
        if objective == MATCH:
            self.pack, self.collate = self._pack_tries, collate_tries
        else:
            self.pack, self.collate = self._pack, collate

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        """Return a batch, and under `UNREAD` the (number, problem, remedy) of chunks not in it."""
        if get_worker_info():
            # SIGTERM reaches all processes of a job, but the trainer needs its workers still.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        packed: list[Packed | PackedTries] = []
        unread: list[tuple[int, str, str]] = []
        for row in rows:
            if row["chunk"] == NO_CHUNK:
                continue
            try:
                packed.append(self.pack(self.examples[row["chunk"]]))
            except VideoError as error:
                unread.append((row["chunk"], error.problem, error.remedy))
        # A batch without a loss replaces an empty one, so that the processes stay synchronous.
        batch: dict[str, Any] = {UNREAD: unread}
        batch |= self.collate(
            packed or [self.pack(Example(BLANK, {}))], self.encoder.tokenizer.pad_token_id
        )
        return batch

    def _pack(self, example: Example) -> Packed:
        """Return the training sequence of an example."""
        actions = list(example.answers) or self.encoder.actions[:1]
        prefix, questions = self.encoder.encode_prompt(example.chunk, actions)
        answers = map(self.encoder.answer_ids, example.answers.values())
        return pack(prefix, list(zip(questions, answers, strict=False)))

    def _pack_tries(self, example: Example) -> PackedTries:
        """Return the same with the tries of all answers."""
        return pack_tries(self.encoder, example.chunk, example.events_s)

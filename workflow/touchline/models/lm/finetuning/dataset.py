"""The training set: which chunks of the train split are shown, and the answers they teach.

It holds what is to be asked, not the frames: those are read when a chunk's turn comes.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from touchline.core.intervals import assign_chunks
from touchline.models.backend import Match
from touchline.models.lm.finetuning.collator import Example
from touchline.models.lm.tokenize import Chunk
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings
from touchline.video.chunk_store import UnreadChunk, group_by_chunk


@dataclass(frozen=True)
class Listed:
    """A chunk without its frames, and its answers by action."""

    chunk: Chunk
    answers: dict[str, str]


class TrainingSet:
    """Chunks to train on (`finetune.Examples`)."""

    def __init__(
        self,
        listed: list[Listed],
        look: Callable[[Chunk], Chunk],
    ) -> None:
        self.listed, self.look = listed, look
        self.unread: list[UnreadChunk] = []

    def __len__(self) -> int:
        return len(self.listed)

    def __getitem__(self, number: int) -> Example:
        listed = self.listed[number]
        return Example(self.look(listed.chunk), listed.answers)

    def name(self, number: int) -> str:
        """Return the match, half and chunk in words."""
        chunk = self.listed[number].chunk
        return f"{chunk.match} half {chunk.half} chunk {chunk.chunk}"

    def questions(self, number: int) -> int:
        """Return the number of actions asked of a chunk."""
        return len(self.listed[number].answers)

    def skip(self, number: int, problem: str, remedy: str) -> None:
        """Note a chunk that could not be read."""
        chunk = self.listed[number].chunk
        self.unread.append(UnreadChunk(chunk.match, chunk.half, chunk.chunk, problem, remedy))


def choose(
    study: Iterable[Match], settings: PromptSettings, negative_fraction: float, seed: int
) -> list[Listed]:
    """Return the chunks to show: all (chunk, action) pairs with an event, and a share of the others.

    The draw is by chunk: of this share of the chunks all actions are asked, of the others those that
    have an event, and a chunk without any is not shown. So the share is that of the pairs, and a
    smaller one saves the time that the chunks without events take. The draw depends on the
    chunk's name and the seed alone: another match changes none.
    """
    listed = []
    for match in study:
        times_s = _event_times(match)
        for row in group_by_chunk(match.samples).iter_rows(named=True):
            chunk = to_chunk(match.name, row)
            key = (row["half"], row["chunk"])
            drawn = _draw(f"{seed} {match.name} {key}") < negative_fraction
            answers = {
                action: _answer(chunk, action, times_s.get((*key, action), []), settings)
                for action in row["actions"]
                if drawn or (*key, action) in times_s
            }
            if answers:
                listed.append(Listed(chunk, answers))
    return listed


def to_chunk(match: str, row: dict) -> Chunk:
    """Return a row of `group_by_chunk` as a chunk without frames."""
    return Chunk(match, row["half"], row["chunk"], row["start_s"], row["end_s"], row["lines"])


def _event_times(match: Match) -> dict[tuple[int, int, str], list[float]]:
    """Return the times of the events by half, chunk and action."""
    placed = assign_chunks(match.labels.select("half", "time_s", "action"), match.samples)
    grouped = placed.group_by("half", "chunk", "action").agg(pl.col("time_s").sort())
    return {tuple(key): times_s for *key, times_s in grouped.iter_rows()}


def _answer(chunk: Chunk, action: str, times_s: list[float], settings: PromptSettings) -> str:
    intervals = prompt_text.answer_intervals(times_s, chunk.start_s, chunk.end_s)
    return prompt_text.answer(action, intervals, chunk.half, chunk.start_s, settings)


def _draw(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64

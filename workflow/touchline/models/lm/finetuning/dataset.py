"""The training set: the chunks of the train split that are trained on, and their target answers.

It holds no frames: they are read when the chunk is used.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import polars as pl

from touchline.core.iou import assign_chunks
from touchline.models.backend import Match
from touchline.models.lm.finetuning.collator import Example
from touchline.models.lm.tokenize import Chunk, to_chunk
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings
from touchline.video.chunk_store import UnreadChunk, group_by_chunk


@dataclass(frozen=True)
class TrainingItem:
    """A chunk without its frames, and the target answer and events for each of its actions."""

    chunk: Chunk
    answers: dict[str, str]
    events_s: dict[str, list[float]] = field(default_factory=dict)


class TrainingSet:
    """The chunks to train on (a `collator.Examples`); `load_frames` adds the frames to a chunk."""

    def __init__(self, items: list[TrainingItem], load_frames: Callable[[Chunk], Chunk]) -> None:
        self.items, self.load_frames = items, load_frames
        self.unread: list[UnreadChunk] = []

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Example:
        item = self.items[number]
        return Example(self.load_frames(item.chunk), item.answers, item.events_s)

    def name(self, number: int) -> str:
        """Return the match, half and number of a chunk for messages."""
        chunk = self.items[number].chunk
        return f"{chunk.match} half {chunk.half} chunk {chunk.chunk}"

    def questions(self, number: int) -> int:
        """Return the number of questions about a chunk."""
        return len(self.items[number].answers)

    def size(self, number: int) -> float:
        """Return about how many tokens a chunk has: 70 a second of video, 4 characters each."""
        item = self.items[number]
        text = sum(len(line["text"]) for line in item.chunk.lines)
        answers = sum(map(len, item.answers.values()))
        return 70 * (item.chunk.end_s - item.chunk.start_s) + (text + answers) / 4

    def skip(self, number: int, problem: str, remedy: str) -> None:
        """Record a chunk that could not be read."""
        chunk = self.items[number].chunk
        self.unread.append(UnreadChunk(chunk.match, chunk.half, chunk.chunk, problem, remedy))


def select_training_items(
    study: Iterable[Match], settings: PromptSettings, negative_fraction: float, seed: int
) -> list[TrainingItem]:
    """Return all (chunk, action) pairs with an event, and a share of those without, as items.

    Sampling is by chunk: for a share `negative_fraction` of the chunks all actions are used, for
    the others only actions with an event, and a chunk without any is left out. So the share is that
    of the pairs too, and a smaller one saves the time for chunks without events. The sample depends
    on the chunk's name and the seed alone, so that another match changes none.
    """
    items = []
    for match in study:
        times_s = _event_times(match)
        for row in group_by_chunk(match.samples).iter_rows(named=True):
            chunk = to_chunk(match.name, row)
            key = (row["half"], row["chunk"])
            is_sampled = _uniform(f"{seed} {match.name} {key}") < negative_fraction
            events_s = {
                action: times_s.get((*key, action), [])
                for action in row["actions"]
                if is_sampled or (*key, action) in times_s
            }
            answers = {
                action: _answer(chunk, action, found_s, settings)
                for action, found_s in events_s.items()
            }
            if answers:
                items.append(TrainingItem(chunk, answers, events_s))
    return items


def _event_times(match: Match) -> dict[tuple[int, int, str], list[float]]:
    """Return the times of the events by half, chunk and action."""
    placed = assign_chunks(match.events.select("half", "time_s", "action"), match.samples)
    grouped = placed.group_by("half", "chunk", "action").agg(pl.col("time_s").sort())
    return {(half, chunk, action): times_s for half, chunk, action, times_s in grouped.iter_rows()}


def _answer(chunk: Chunk, action: str, times_s: list[float], settings: PromptSettings) -> str:
    """Return the target answer for one action of a chunk, given the times of its events."""
    intervals = prompt_text.target_intervals(times_s, chunk.start_s, chunk.end_s)
    return prompt_text.format_answer(action, intervals, chunk.half, chunk.start_s, settings)


def _uniform(name: str) -> float:
    """Return a pseudo-random number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64

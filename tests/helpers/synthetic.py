"""Synthetic chunks from which a tiny model learns to spot on a CPU.

`Spoken` has commentary alone: a line about an event stands at its time. `Shown` has clips alone: the
picture flashes in the action's colour when it happens.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from touchline.models.lm.shared_prefix import collate, pack
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings

ACTIONS = ("goal", "corner", "foul")
PHRASES = {
    "goal": ("It's in the net!", "What a goal!", "They score!"),
    "corner": ("Corner kick.", "He swings the corner in.", "Another corner."),
    "foul": ("That's a foul.", "The referee blows for a foul.", "He brings him down."),
}
FILLERS = (
    "They keep the ball.",
    "Slow play now.",
    "Back to the keeper.",
    "Good pressing here.",
    "The crowd is singing.",
    "A long ball.",
)
COLOURS = {"goal": (230, 40, 40), "corner": (40, 60, 230), "foul": (240, 220, 40)}
PITCH = (40, 120, 50)

# Shares of the pairs (chunk, action) that have an event. More when learning: "no" teaches little.
LEARNING, HELD_OUT = 0.5, 0.2


@dataclass(frozen=True)
class Drawn:
    """A chunk, and the time of each action that happens in it."""

    chunk: Chunk
    events_s: dict[str, float]


def draw_events(rng: random.Random, share: float, chunk_s: float) -> dict[str, float]:
    """Draw whether and when each action happens; no two within 4 s."""
    events_s: dict[str, float] = {}
    for action in ACTIONS:
        time_s = rng.uniform(1, chunk_s - 1)
        apart = all(abs(time_s - other) > 4 for other in events_s.values())
        if rng.random() < share and apart:
            events_s[action] = time_s
    return events_s


class Spoken:
    """Chunks of 60 s with commentary alone."""

    chunk_s = 60.0
    settings = PromptSettings(
        clock="chunk", instructions=False, examples=False, inputs=("commentary",)
    )

    def draw(self, seed: int, share: float) -> Drawn:
        """Return the chunk of a seed; a line spans the 12 s around what it is about."""
        rng = random.Random(f"spoken {seed}")
        events_s = draw_events(rng, share, self.chunk_s)
        timed_texts = [(time_s, rng.choice(PHRASES[action])) for action, time_s in events_s.items()]
        timed_texts += [(rng.uniform(0, self.chunk_s), rng.choice(FILLERS)) for _ in range(3)]
        lines = [
            {"start_s": max(0.0, time_s - 6), "end_s": min(self.chunk_s, time_s + 6), "text": text}
            for time_s, text in sorted(timed_texts)
        ]
        return Drawn(Chunk("spoken", 1, seed, 0.0, self.chunk_s, lines), events_s)


class Shown:
    """Chunks of 20 s with clips alone, a frame per second of 112 × 56 px, a time mark per pair."""

    chunk_s = 20.0
    settings = PromptSettings(
        clock="chunk", instructions=False, examples=False, time_marks=True, inputs=("video",)
    )

    def draw(self, seed: int, share: float) -> Drawn:
        """Return the chunk of a seed; the picture flashes for the three frames around an event."""
        rng = random.Random(f"shown {seed}")
        events_s = draw_events(rng, share, self.chunk_s)
        times_s = np.arange(self.chunk_s)
        noise = np.random.default_rng(seed).normal(0, 12, (len(times_s), 56, 112, 3))
        frames = np.array(PITCH) + noise  # (T, height, width, 3)
        for action, time_s in events_s.items():
            frames[np.abs(times_s - time_s) <= 1.5, 8:48, 16:96] = COLOURS[action]
        pictures = {"broadcast": frames.clip(0, 255).astype(np.uint8)}
        chunk = Chunk(
            "shown", 1, seed, 0.0, self.chunk_s, frames=pictures, frame_s=times_s.tolist()
        )
        return Drawn(chunk, events_s)


def answers(drawn: Drawn, settings: PromptSettings) -> dict[str, str]:
    """Return the answer to the question on each action."""
    chunk, texts = drawn.chunk, {}
    for action in ACTIONS:
        times_s = [drawn.events_s[action]] if action in drawn.events_s else []
        intervals = prompt_text.target_intervals(times_s, chunk.start_s, chunk.end_s)
        texts[action] = prompt_text.format_answer(
            action, intervals, chunk.half, chunk.start_s, settings
        )
    return texts


def batch(encoder: Encoder, world: Spoken | Shown, seed: int, chunks: int) -> dict:
    """Return a batch of the chunks that are drawn from `seed` on."""
    packed = []
    for drawn in (world.draw(number, LEARNING) for number in range(seed, seed + chunks)):
        prefix, questions = encoder.encode_prompt(drawn.chunk, ACTIONS)
        target_ids = map(encoder.answer_ids, answers(drawn, encoder.settings).values())
        packed.append(pack(prefix, list(zip(questions, target_ids, strict=True))))
    return collate(packed, encoder.tokenizer.pad_token_id)


def batches(encoder: Encoder, world: Spoken | Shown, chunks: int) -> Iterator[dict]:
    """Yield batches of new chunks without end."""
    for number in itertools.count():
        yield batch(encoder, world, 10**6 + chunks * number, chunks)

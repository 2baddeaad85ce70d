"""The answers that a question can have: the denial, and a sentence for each second of the chunk.

The texts are those of the training targets (`prompts.prompt_text`), tokenised as in training. An
event's sentence depends on its time rounded to the second of the prompt's clock alone, so there is
one for each of these seconds; near the chunk's edges, sentences differ in one of their two times.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from touchline.core import clock
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts import prompt_text


@dataclass(frozen=True)
class Moments:
    """The moments of a chunk that have a sentence of their own: seconds of the half (S,), rising.

    `intervals` are the target intervals that the sentences state, and `shown` their times as text.
    """

    times_s: np.ndarray
    intervals: Sequence[tuple[float, float]]
    shown: Sequence[tuple[str, ...]]

    def index_of(self, time_s: float, chunk: Chunk, prompt_clock: str) -> int:
        """Return the index of the moment whose sentence is the target of an event at `time_s`."""
        return self.shown.index(_shown(time_s, chunk, prompt_clock))


def chunk_moments(chunk: Chunk, prompt_clock: str) -> Moments:
    """Return the moments of a chunk, on the whole seconds of the prompt's clock.

    The first and the last one may be the chunk's edges instead. Where the chunk is so short that
    several seconds have one sentence, the moment is their mean.
    """
    zero_s = clock.zero_s(prompt_clock, chunk.half, chunk.start_s)
    first, last = (math.floor(edge - zero_s + 0.5) for edge in (chunk.start_s, chunk.end_s))
    times_by_text: dict[tuple[str, ...], list[float]] = {}
    for second in range(first, last + 1):
        time_s = min(max(zero_s + second, chunk.start_s), chunk.end_s)
        text = _shown(time_s, chunk, prompt_clock)
        times_by_text.setdefault(text, []).append(time_s)
    times_s = [sum(times) / len(times) for times in times_by_text.values()]
    intervals = [
        prompt_text.target_intervals([time_s], chunk.start_s, chunk.end_s)[0] for time_s in times_s
    ]
    return Moments(np.array(times_s), intervals, list(times_by_text))


def _shown(time_s: float, chunk: Chunk, prompt_clock: str) -> tuple[str, ...]:
    """Return the two times of the sentence about an event, as they are shown."""
    (interval,) = prompt_text.target_intervals([time_s], chunk.start_s, chunk.end_s)
    return tuple(clock.show(edge, prompt_clock, chunk.half, chunk.start_s) for edge in interval)


def answer_text(
    encoder: Encoder, chunk: Chunk, action: str, moments: Moments, chosen: Sequence[int]
) -> str:
    """Return the answer that states the chosen moments; the denial for none."""
    intervals = [moments.intervals[number] for number in chosen]
    return prompt_text.format_answer(action, intervals, chunk.half, chunk.start_s, encoder.settings)


def first_answers(encoder: Encoder, chunk: Chunk, action: str, moments: Moments) -> list[list[int]]:
    """Return the token ids of the denial and of the answer with each moment alone: 1 + S rows."""
    choices = [[], *([number] for number in range(len(moments.times_s)))]
    return [
        encoder.answer_ids(answer_text(encoder, chunk, action, moments, chosen))
        for chosen in choices
    ]


def further_answers(
    encoder: Encoder, chunk: Chunk, action: str, moments: Moments, chosen: Sequence[int]
) -> list[list[int]]:
    """Return the token ids of the answer with the chosen moments, and with each later one added.

    Targets state the occurrences in the order of time, so a further one is later than the last.
    """
    later = range(chosen[-1] + 1, len(moments.times_s))
    return [
        encoder.answer_ids(answer_text(encoder, chunk, action, moments, choice))
        for choice in [list(chosen), *([*chosen, number] for number in later)]
    ]

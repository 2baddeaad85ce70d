"""The answers that a question can have: the denial, and a sentence for each second of the chunk.

The texts are those of the training targets (`prompt_text`). An event's sentence depends on its time
rounded to the second of the prompt's clock alone, so there is one for each of these seconds; near
the chunk's edges, sentences differ in one of their two times.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from touchline.core import clock
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings


@dataclass(frozen=True)
class Moments:
    """The moments of a chunk that have a sentence of their own: seconds of the half (S,), rising.

    `intervals` are the target intervals that the sentences state, and `shown` their times as text.
    """

    half: int
    start_s: float
    end_s: float
    settings: PromptSettings
    times_s: np.ndarray
    intervals: Sequence[tuple[float, float]]
    shown: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.times_s)

    def index_of(self, time_s: float) -> int:
        """Return the index of the moment whose sentence is the target of an event at `time_s`."""
        return self.shown.index(_shown(time_s, self.half, self.start_s, self.end_s, self.settings))

    def answer(self, action: str, chosen: Sequence[int]) -> str:
        """Return the answer that states the chosen moments; the denial for none."""
        intervals = [self.intervals[number] for number in chosen]
        return prompt_text.format_answer(action, intervals, self.half, self.start_s, self.settings)

    def first_answers(self, action: str) -> list[str]:
        """Return the denial, and the answer with each moment alone: 1 + S texts."""
        return [self.answer(action, choice) for choice in ([], *([n] for n in range(len(self))))]

    def further_answers(self, action: str, chosen: Sequence[int]) -> list[str]:
        """Return the answer with the chosen moments, and with each later one added.

        Targets state the occurrences in the order of time, so a further one is later than the last.
        """
        later = range(chosen[-1] + 1, len(self))
        return [self.answer(action, choice) for choice in (chosen, *([*chosen, n] for n in later))]


def chunk_moments(half: int, start_s: float, end_s: float, settings: PromptSettings) -> Moments:
    """Return the moments of a chunk, on the whole seconds of the prompt's clock.

    The first and the last one may be the chunk's edges instead. Where the chunk is so short that
    several seconds have one sentence, the moment is their mean.
    """
    zero_s = clock.zero_s(settings.clock, half, start_s)
    first, last = (math.floor(edge - zero_s + 0.5) for edge in (start_s, end_s))
    times_by_text: dict[tuple[str, ...], list[float]] = {}
    for second in range(first, last + 1):
        time_s = min(max(zero_s + second, start_s), end_s)
        text = _shown(time_s, half, start_s, end_s, settings)
        times_by_text.setdefault(text, []).append(time_s)
    times_s = np.array([sum(times) / len(times) for times in times_by_text.values()])
    intervals = [prompt_text.target_intervals([time_s], start_s, end_s)[0] for time_s in times_s]
    return Moments(half, start_s, end_s, settings, times_s, intervals, list(times_by_text))


def _shown(
    time_s: float, half: int, start_s: float, end_s: float, settings: PromptSettings
) -> tuple[str, ...]:
    """Return the two times of the sentence about an event, as they are shown."""
    (interval,) = prompt_text.target_intervals([time_s], start_s, end_s)
    return tuple(clock.show(edge, settings.clock, half, start_s) for edge in interval)

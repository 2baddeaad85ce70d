"""The set of answers has every training target of one event, and nothing else, on every clock."""

import numpy as np
import pytest

from touchline.core.clock import CLOCKS
from touchline.models.lm.distribution.answer_set import first_answers
from touchline.models.lm.distribution.answer_trie import build_trie, cut_where_decided
from touchline.prompts import prompt_text
from touchline.prompts.moments import chunk_moments
from touchline.prompts.prompt_text import PromptSettings

SPANS = [
    (1, 0.0, 20.0),
    (1, 2220.0, 2280.0),
    (2, 3570.0, 3630.0),  # across the hour
    (1, 2690.0, 2990.0),  # across the end of regular time, five minutes
    (2, 5990.0, 6010.0),  # three digits of minutes
    (1, 37.5, 97.25),
    (2, 40.2, 43.9),  # shorter than an interval
    (4, 0.0, 60.0),
]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(("half", "start_s", "end_s"), SPANS)
def test_an_events_target_is_the_answer_of_the_moment_nearest_to_it(half, start_s, end_s, clock):
    settings = PromptSettings(clock=clock)
    moments = chunk_moments(half, start_s, end_s, settings)

    def text(interval: tuple[float, float]) -> str:
        return prompt_text.format_answer("goal", [interval], half, start_s, settings)

    texts = [text(interval) for interval in moments.intervals]
    assert len(set(texts)) == len(texts)
    assert (np.diff(moments.times_s) > 0).all()
    assert start_s <= moments.times_s[0]
    assert moments.times_s[-1] <= end_s
    reached = set()
    for time_s in np.linspace(start_s, end_s, 2003):
        (interval,) = prompt_text.target_intervals([float(time_s)], start_s, end_s)
        number = texts.index(text(interval))
        reached.add(number)
        if end_s - start_s > 12:
            assert abs(moments.times_s[number] - time_s) <= 0.51
    assert len(reached) == len(texts)


class Letters:
    """A tokenizer's interface of answers: a token for each `size` letters."""

    def __init__(self, size: int, settings: PromptSettings) -> None:
        self.size, self.settings = size, settings

    def answer_ids(self, text: str) -> list[int]:
        parts = [text[n : n + self.size] for n in range(0, len(text), self.size)]
        return [int.from_bytes(part.encode(), "big") for part in parts] + [0]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_answers_are_told_apart_however_digits_are_grouped(size):
    encoder = Letters(size, PromptSettings(clock="half"))
    moments = chunk_moments(2, 3570.0, 3630.0, encoder.settings)
    answers = first_answers(encoder, "goal", moments)
    cut = cut_where_decided(answers)
    trie = build_trie(cut)
    assert len({tuple(path) for path in trie.paths}) == len(answers) == 62
    assert len(trie.tokens) < 45

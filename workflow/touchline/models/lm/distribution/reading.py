"""What a language model expects in a chunk: the distribution over the answers to each question.

A first pass gives the probability of the denial and of each start of a first sentence. Where a
further occurrence is to be expected, a pass after the most probable sentence gives the
probabilities of the end and of each start of the next one, and so on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from touchline.models.lm.distribution.answer_set import (
    first_answers,
    further_answers,
    moments_of,
)
from touchline.models.lm.distribution.answer_trie import (
    Trie,
    answer_logs,
    build_trie,
    cut_where_decided,
    log_probabilities,
    plant,
)
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.shared_prefix import Prefix, prefill
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.models.peaks import AnswerDistribution, Walk
from touchline.prompts.moments import Moments


@dataclass
class Distribution(AnswerDistribution):
    """The whole distribution over the answers to one question, read from the model.

    `chosen` are the moments of the most probable answer. `fed_tokens` is the number of tokens that
    were fed for the question and its answers.
    """

    chosen: list[int]
    fed_tokens: int = 0


@dataclass(frozen=True)
class Asked:
    """A chunk and the questions about it: the result of `Encoder.encode_prompt`."""

    chunk: Chunk
    actions: Sequence[str]
    prefix: Prefix
    questions: Sequence[list[int]]


@torch.inference_mode()
def read_chunks(
    model: LanguageModel, encoder: Encoder, batch: Sequence[Asked]
) -> list[list[Distribution]]:
    """Return the distribution over the answers to each question, with their texts' moments.

    Every pass of the model is one for all chunks of the batch.
    """
    prefixes = [asked.prefix for asked in batch]
    cache = prefill(model, *prefixes)
    moments = [moments_of(asked.chunk, encoder) for asked in batch]

    def read(
        questions: list[list[list[int]]], answers: list[list[list[list[int]]]]
    ) -> list[list[tuple[Trie, np.ndarray]]]:
        """Return each question's trie of answers and the log-probabilities of its edges."""
        tries = [[build_trie(cut_where_decided(rows)) for rows in given] for given in answers]
        forests = [plant(*pair) for pair in zip(questions, tries, strict=True)]
        logs = log_probabilities(model, prefixes, cache, forests, tries)
        return [
            [(trie, edges.double().cpu().numpy()) for trie, edges in zip(*pair, strict=True)]
            for pair in zip(tries, logs, strict=True)
        ]

    first = read(
        [list(asked.questions) for asked in batch],
        [
            [first_answers(encoder, action, times) for action in asked.actions]
            for asked, times in zip(batch, moments, strict=True)
        ],
    )
    found = [
        [
            _first(times, len(question), trie, edges)
            for question, (trie, edges) in zip(asked.questions, given, strict=True)
        ]
        for asked, times, given in zip(batch, moments, first, strict=True)
    ]
    walks = [[_Walk(*pair) for pair in enumerate(of_chunk)] for of_chunk in found]
    while any(walks := [[walk for walk in going if walk.continues()] for going in walks]):
        further = read(
            [
                [list(asked.questions[walk.number]) for walk in going]
                for asked, going in zip(batch, walks, strict=True)
            ],
            [
                [
                    further_answers(encoder, asked.actions[walk.number], times, walk.path)
                    for walk in going
                ]
                for asked, times, going in zip(batch, moments, walks, strict=True)
            ],
        )
        for asked, going, given in zip(batch, walks, further, strict=True):
            for walk, (trie, edges) in zip(going, given, strict=True):
                logs = answer_logs(trie, edges, trie.stem)
                fed = len(asked.questions[walk.number]) + len(trie.tokens)
                walk.extend(np.exp(logs), fed)
    return found


def _first(moments: Moments, question: int, trie: Trie, edges: np.ndarray) -> Distribution:
    """Return what is known of a question of so many tokens after the first pass."""
    none, *first = np.exp(answer_logs(trie, edges))
    return Distribution(
        moments.times_s,
        float(none),
        np.array(first),
        np.array(first),
        [int(np.argmax(first))] if sum(first) > none else [],
        question + len(trie.tokens),
    )


class _Walk(Walk):
    """The walk along the most probable sentences of a question, by its number."""

    def __init__(self, number: int, found: Distribution) -> None:
        super().__init__(found)
        self.number, self._found = number, found
        self._is_answer = bool(found.chosen)  # so far, this is the most probable answer
        self.state(int(np.argmax(self.following)))

    def extend(self, probabilities: np.ndarray, fed_tokens: int) -> None:
        """Take the probabilities of the end and of each later moment as the next one."""
        end, later = probabilities[0], probabilities[1:]
        self.expect(later)
        self._found.fed_tokens += fed_tokens
        self._is_answer = self._is_answer and later.sum() > end
        self.state(int(np.argmax(self.following)))
        if self._is_answer:
            self._found.chosen.append(self.path[-1])


def most_probable_text(
    encoder: Encoder, chunk: Chunk, action: str, distribution: Distribution
) -> str:
    """Return the most probable answer in words."""
    return moments_of(chunk, encoder).answer(action, distribution.chosen)

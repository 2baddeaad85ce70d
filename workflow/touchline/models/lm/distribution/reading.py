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
    answer_logs,
    build_trie,
    cut_where_decided,
    log_probabilities,
)
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.shared_prefix import Prefix, prefill
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.models.peaks import AnswerDistribution, Walk


@dataclass
class Distribution(AnswerDistribution):
    """The whole distribution over the answers to one question, read from the model.

    `chosen` are the moments of the most probable answer. `fed_tokens` is the number of tokens that
    were fed for the question and its answers.
    """

    chosen: list[int]
    fed_tokens: int = 0


@torch.inference_mode()
def read_distributions(
    model: LanguageModel,
    encoder: Encoder,
    chunk: Chunk,
    actions: Sequence[str],
    prefix: Prefix,
    questions: Sequence[list[int]],
) -> list[Distribution]:
    """Return the distribution over the answers to each question, with their texts' moments.

    `prefix` and `questions` are those of `Encoder.encode_prompt` for the chunk and the actions.
    """
    cache = prefill(model, prefix)
    moments = moments_of(chunk, encoder)
    tries = [
        build_trie(cut_where_decided(first_answers(encoder, action, moments))) for action in actions
    ]
    found = []
    logs = log_probabilities(model, prefix, cache, questions, tries)
    for question, trie, edges in zip(questions, tries, logs, strict=True):
        none, *first = np.exp(answer_logs(trie, edges.double().cpu().numpy()))
        found.append(
            Distribution(
                moments.times_s,
                float(none),
                np.array(first),
                np.array(first),
                [int(np.argmax(first))] if sum(first) > none else [],
                len(question) + len(trie.tokens),
            )
        )
    walks = [_Walk(number, found[number]) for number in range(len(found))]
    while walks := [walk for walk in walks if walk.continues()]:
        tries = [
            build_trie(
                cut_where_decided(
                    further_answers(encoder, actions[walk.number], moments, walk.path)
                )
            )
            for walk in walks
        ]
        asked = [questions[walk.number] for walk in walks]
        logs = log_probabilities(model, prefix, cache, asked, tries)
        for walk, trie, edges in zip(walks, tries, logs, strict=True):
            given = answer_logs(trie, edges.double().cpu().numpy(), trie.stem)
            walk.extend(np.exp(given), len(questions[walk.number]) + len(trie.tokens))
    return found


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

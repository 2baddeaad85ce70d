"""The distribution over the answers, as far as a server's top log-probabilities tell it.

A server that speaks OpenAI's API returns, for each token of the text it wrote, the probabilities of
the most probable other tokens there (`top_logprobs`, at most 20). Each of these is a text: what was
written before it, and the token. The answers of the set (`prompts.moments`) that begin so share its
probability. What the tokens leave open, such as the second of an answer of which only the ten
seconds are told, is spread evenly over the answers that it may be. Tokens that the server does not list
count as outside of the set.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from touchline.models.peaks import AnswerDistribution, Walk
from touchline.prompts.moments import Moments


@dataclass(frozen=True)
class Token:
    """A token that the server wrote, its probability, and (text, probability) of others there."""

    text: str
    probability: float
    others: Sequence[tuple[str, float]]


def tokens_of(record: dict) -> list[Token]:
    """Return the tokens of a completion's record (`completions.parse_completion`) with others."""
    lengths = [length for length, _ in record["tokens"]]
    ends = np.cumsum([0, *lengths]).tolist()
    return [
        Token(
            record["text"][start:end],
            float(np.exp(logprob)),
            [(text, float(np.exp(value))) for text, value in others],
        )
        for (start, end), (_, logprob), others in zip(
            pairwise(ends), record["tokens"], record["alternatives"], strict=True
        )
    ]


def read(tokens: Sequence[Token], action: str, moments: Moments) -> AnswerDistribution:
    """Return the distribution over the answers to a question, given the tokens of the answer."""
    probabilities, told = _spread(tokens, moments.first_answers(action))
    none, first = float(probabilities[0]), probabilities[1:]
    distribution = AnswerDistribution(moments.times_s, none, first, first)
    if not told:  # the denial, or none of the answers alone
        return distribution
    walk = Walk(distribution)
    walk.state(told - 1)
    while walk.continues():
        stated = moments.answer(action, walk.path)
        rest = _after(tokens, stated)
        if not rest:
            break
        further = moments.further_answers(action, walk.path)[1:]
        later, told = _spread(rest, [text[len(stated) :] for text in further])
        walk.expect(later)
        if told is None:
            break
        walk.state(walk.path[-1] + 1 + told)
    return distribution


def _spread(tokens: Sequence[Token], answers: Sequence[str]) -> tuple[np.ndarray, int | None]:
    """Return the probability of each answer, and the one that the tokens themselves write."""
    probabilities = np.zeros(len(answers))
    told: list[int] = []
    for probability, told in _listed(tokens, answers):
        if told:
            probabilities[told] += probability / len(told)
    return probabilities, told[0] if len(told) == 1 else None


def _listed(tokens: Sequence[Token], answers: Sequence[str]) -> Iterator[tuple[float, list[int]]]:
    """Yield the probability of each listed text and the answers that begin so; the written last.

    It ends at the first token after which a single answer, or none, is possible.
    """
    possible = list(range(len(answers)))
    folded = [answer.casefold().lstrip() for answer in answers]

    def those_with(text: str) -> list[int]:
        begun = text.casefold().lstrip()
        return [
            number
            for number in possible
            if folded[number].startswith(begun) or begun.startswith(folded[number])
        ]

    before, probability = "", 1.0
    for token in tokens:
        for text, other in token.others:
            yield probability * other, those_with(before + text)
        before += token.text
        probability *= token.probability
        possible = those_with(before)
        if len(possible) < 2:
            break
    yield probability, possible


def _after(tokens: Sequence[Token], stated: str) -> list[Token]:
    """Return the tokens after a text that they begin with; none where it ends within a token."""
    before = ""
    for number, token in enumerate(tokens):
        if before.strip().casefold() == stated.casefold():
            return list(tokens[number:])
        before += token.text
    return []

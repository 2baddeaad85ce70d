"""Confidence of the intervals in a generated answer, from the probabilities of its tokens."""

import math
from collections.abc import Sequence


def confidences(
    ends: Sequence[int], probabilities: Sequence[float], spans: Sequence[tuple[int, int]]
) -> list[float]:
    """Return the confidence of each interval: the joint probability of the tokens that state it.

    These are the tokens after the previous interval (or from the answer's start) up to the end of
    this one, so the product is the model's probability, given the text before, that the action
    occurs (again) and at this time. `ends` is the end of each token in the text, in characters;
    `spans` are the intervals' (first, one past the last) characters, in the order of the text.
    """
    values, first = [], 0
    for _, last in spans:
        after = next((number for number, end in enumerate(ends) if end >= last), len(ends) - 1) + 1
        values.append(math.prod(probabilities[first:after]))
        first = after
    return values

"""How sure a language model was of the intervals in its answer."""

import math
from collections.abc import Sequence


def confidences(
    ends: Sequence[int], probabilities: Sequence[float], spans: Sequence[tuple[int, int]]
) -> list[float]:
    """Return the confidence of each interval: how probable the model found the words that state it.

    The product of the probabilities of the tokens from the end of the interval before (or the
    answer's start) to the interval's own end: given what was said, that there is one (more), and at
    this time. `ends` is where each token ends in the text; `spans` are in the order of the text.
    """
    found, first = [], 0
    for _, last in spans:
        after = next((number for number, end in enumerate(ends) if end >= last), len(ends) - 1) + 1
        found.append(math.prod(probabilities[first:after]))
        first = after
    return found

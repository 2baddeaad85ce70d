"""The confidence of a generated interval."""

import math

import pytest

from touchline.prompts.confidence import confidences


def test_confidence_is_the_probability_of_the_words_that_state_an_interval():
    """Tokens `A Goal`, ` at (1, 2).`, ` A Goal`, ` at (3, 4).` and intervals in the second and fourth."""
    ends = [6, 17, 24, 35]
    values = confidences(ends, [0.5, 0.8, 0.25, 0.4], [(10, 16), (28, 34)])
    assert values == pytest.approx([0.5 * 0.8, 0.25 * 0.4])
    assert confidences(ends, [0.5, 0.8, 0.25, 0.4], [(10, 16)]) == pytest.approx([0.4])
    assert confidences([], [], []) == []
    assert all(math.isfinite(value) for value in values)

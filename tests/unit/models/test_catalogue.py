"""Backends by their names."""

import pytest

from touchline.core.problems import InputError
from touchline.models import catalogue
from touchline.models.catalogue import load_backend, load_trainer


@pytest.mark.parametrize(
    ("name", "training", "message"),
    [
        ("oracle", False, r"'oracle'.*constant, linear"),
        ("../secrets", False, r"'../secrets': no such backend\. "),
        ("spots", False, r"'spots': no such backend\. "),
        ("constant", True, r"'constant': no such backend that trains\. There are linear, tcn"),
    ],
)
def test_an_unknown_backend_is_a_sentence_that_names_the_known_ones(name, training, message):
    with pytest.raises(InputError, match=message):
        (load_trainer if training else load_backend)(name)


def test_open_questions_are_answered_as_text():
    """A language model's probabilities are those of actions that it was asked for in training."""
    entry = {"backend": "causal_lm", "base": "some", "threshold": 0.3, "answers": "distribution"}
    assert catalogue.open_question_settings_of(entry, {}) == {"base": "some", "answers": "text"}
    served = {"backend": "openai_api", "model": "some"}
    assert catalogue.open_question_settings_of(served, {}) == {"model": "some"}


@pytest.mark.parametrize(
    ("entry", "threshold"),
    [
        ({"backend": "vlm", "threshold": 0.3}, 0.0),
        ({"backend": "vlm", "threshold": 0.3, "answers": "text"}, 0.3),
        ({"backend": "openai_api", "threshold": 0.3}, 0.3),
        ({"backend": "openai_api", "threshold": "tuned"}, 0.0),
        ({"backend": "causal_lm"}, 0.0),
    ],
)
def test_a_threshold_of_other_confidences_does_not_hold_for_open_questions(entry, threshold):
    assert catalogue.open_question_threshold(entry) == threshold

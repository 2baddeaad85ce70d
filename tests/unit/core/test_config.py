"""Validation of the configuration: numbers that are none, and what the models' parameters may be."""

import pytest

from touchline.core.config import complete
from touchline.core.problems import InputError


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("config", "place"),
    [
        (lambda number: {"models": {"o4-mini": {"budget": {"max_usd": number}}}}, "budget.max_usd"),
        (lambda number: {"models": {"o4-mini": {"prices": {"input": number}}}}, "prices.input"),
        (lambda number: {"models": {"o4-mini": {"timeout_s": number}}}, "timeout_s"),
        (lambda number: {"metrics": {"confidence_level": number}}, "metrics.confidence_level"),
    ],
)
def test_a_number_that_is_infinite_or_none_is_refused_by_name(config, place, number):
    with pytest.raises(InputError, match=f"{place} is infinite or not a number"):
        complete(config(number))


@pytest.mark.parametrize("name", ["model", "n", "stream", "extra_headers"])
@pytest.mark.parametrize("wrap", [lambda given: given, lambda given: {"extra_body": given}])
def test_a_refused_parameter_is_refused_inside_extra_body_too(name, wrap):
    with pytest.raises(InputError):
        complete({"models": {"o4-mini": {"parameters": wrap({name: 2})}}})


def test_parameters_of_other_servers_and_plain_http_can_be_set():
    parameters = {"top_k": 20, "extra_body": {"min_p": 0.1}}
    config = complete({"models": {"o4-mini": {"parameters": parameters, "allow_http": True}}})
    assert config["models"]["o4-mini"]["parameters"]["top_k"] == 20


def test_numbers_that_snakemake_passes_as_text_are_numbers():
    models = {"linear": {"alpha": "0.0001", "epochs": "20"}, "qwen2-vl": {"fine_tune": "false"}}
    whole = complete({"models": models})
    assert whole["models"]["linear"]["alpha"] == 0.0001
    assert whole["models"]["linear"]["epochs"] == 20
    assert whole["models"]["qwen2-vl"]["fine_tune"] is False
    with pytest.raises(InputError, match=r"models\.linear\.alpha: 'small'"):
        complete({"models": {"linear": {"alpha": "small"}}})


def test_a_number_that_config_passed_as_text_is_told_with_what_to_do():
    own = {"backend": "openai_api", "model": "a-model", "budget": {"max_requests": "20"}}
    with pytest.raises(InputError, match=r"max_requests: '20' is not .*--config passes numbers as"):
        complete({"models": {"own": own}})

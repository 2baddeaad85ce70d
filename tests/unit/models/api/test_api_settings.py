"""Settings of an API model: numbers that are none, and parameters of other servers."""

import math

import pytest

from chat_server import ChatServer
from questions import PRICES, answers_of, entry, match
from touchline.core.problems import InputError
from touchline.models.api import openai_api
from touchline.models.api.server import parse_settings

NO_AMOUNTS = [math.nan, math.inf, -math.inf, -1, True, "5", [1], 10**400]


@pytest.mark.parametrize("value", NO_AMOUNTS, ids=lambda value: repr(value)[:10])
@pytest.mark.parametrize("place", ["max_usd", "max_requests", *PRICES, "batch"])
def test_a_budget_or_price_that_is_no_amount_is_refused(place, value):
    if place in ("max_usd", "max_requests"):
        changed = {"budget": {place: value}, "prices": PRICES}
    else:
        changed = {"prices": PRICES | {place: value}}
    with pytest.raises(InputError, match=f"{place} is "):
        parse_settings({"model": "a-model", "parameters": {"max_tokens": 5}} | changed)


@pytest.mark.parametrize(
    "changed",
    [{"timeout_s": math.nan}, {"timeout_s": math.inf}, {"timeout_s": 0}, {"concurrency": 0},
     {"retries": -1}, {"concurrency": 2.5}, {"parameters": {"temperature": math.nan}},
     {"parameters": {"extra_body": {"top_p": math.inf}}}, {"parameters": {"extra_body": 7}},
     {"parameters": {"max_tokens": math.inf}}, {"parameters": {"max_tokens": 10**400}},
     {"parameters": {"max_tokens": -5}}, {"parameters": {"extra_body": {"max_tokens": "9"}}}],
    ids=str,
)  # fmt: skip
def test_a_number_that_is_none_is_refused(changed):
    with pytest.raises(InputError):
        parse_settings({"model": "a-model"} | changed)


@pytest.mark.parametrize(
    "name",
    ["model", "models", "messages", "stream", "n", "best_of", "tools", "functions",
     "extra_headers", "extra_query", "timeout"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["parameters", "extra_body"])
def test_a_parameter_that_is_not_the_users_is_refused_wherever_it_is(name, where):
    given = {name: 3} if where == "parameters" else {"extra_body": {name: 3}}
    with pytest.raises(InputError, match=f"{name} cannot be among the parameters"):
        parse_settings({"model": "a-model", "parameters": given})


def test_a_parameter_that_is_given_twice_is_refused():
    twice = {"max_tokens": 5, "extra_body": {"max_tokens": 5000}}
    with pytest.raises(InputError, match="max_tokens is also in extra_body"):
        parse_settings({"model": "a-model", "parameters": twice})


@pytest.mark.parametrize(
    "parameters",
    [{"max_completion_tokens": 5, "max_tokens": 5000}, {"extra_body": {"max_tokens": 5000}}],
)
def test_the_longest_answer_that_any_parameter_allows_bounds_the_cost(parameters):
    settings = parse_settings({"model": "a-model", "parameters": parameters})
    assert settings.answer_limit() == 5000


@pytest.mark.parametrize("where", ["parameters", "extra_body"])
def test_parameters_that_openai_does_not_know_are_passed_on(where):
    own = {"top_k": 20, "min_p": 0.1, "chat_template_kwargs": {"enable_thinking": False}}
    given = own if where == "parameters" else {"extra_body": own}
    with ChatServer() as server:
        answers_of(server, match(chunks=1), parameters={"max_tokens": 50} | given)
        for body in server.asked:
            assert {name: body.get(name) for name in own} == own
            assert "extra_body" not in body
            assert body["max_tokens"] == 50
        assert {body["model"] for body in server.asked} == {"a-model"}


def test_a_batch_passes_the_same_parameters_on():
    parameters = {"max_tokens": 50, "extra_body": {"top_k": 20}}
    with ChatServer() as server:
        model = openai_api.load(entry(server, batch=True, parameters=parameters), None)
        with pytest.raises(SystemExit):
            model.answer(match(chunks=1))
        (request, *_) = server.finish("batch_0")
    assert request["body"]["top_k"] == 20
    assert "extra_body" not in request["body"]

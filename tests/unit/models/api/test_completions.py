"""Completions in the shapes of servers that deviate from OpenAI's, and what they cost."""

import json
import math

import pytest

from chat_server import ChatServer, completion
from questions import PRICES, answers_of, match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.api.completions import (
    MAX_TOKENS,
    CompletionError,
    Prices,
    cost_usd,
    parse_completion,
)

HEAD, TAIL = "A Goal occurs at (", "00:10, 00:22)."
TEXT = HEAD + TAIL
THOUGHTS = [("<think>", -0.01), (f"I think: {TEXT}", -0.02), ("</think>", -0.01), ("\n\n", -0.01)]


def answered(message: dict, tokens: list[tuple] | None = None, **usage) -> dict:
    """Return a completion with this message, (token, log-probability) pairs and usage."""
    choice: dict = {"message": message, "finish_reason": "stop"}
    if tokens is not None:
        entries = [{"token": token, "logprob": logprob} for token, logprob in tokens]
        choice["logprobs"] = {"content": entries}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 10} | usage}


def predicted(body: dict, **settings):
    """Return the predictions of a server that always answers with `body`, for the action goal."""

    async def reply(exchange):
        await exchange.send(body)

    with ChatServer(reply) as server:
        table = answers_of(server, match(chunks=1), retries=0, concurrency=1, **settings)
        assert len(server.asked) == 5
    schema.write("out.parquet", table, schema.PREDICTIONS)
    return table.filter(action="goal").to_dicts()[0]


def split_bytes() -> list[dict]:
    """Return tokens that have the three bytes of a dash as three tokens."""
    dash = [{"token": "\ufffd", "logprob": -0.1, "bytes": [byte]} for byte in "–".encode()]
    return [
        {"token": f"{HEAD}00:10 ", "logprob": -0.2, "bytes": None},
        *dash,
        {"token": " 00:22).", "logprob": -3.0, "bytes": None},
    ]


@pytest.mark.parametrize(
    ("tokens", "logprob"),
    [
        ([(HEAD, -0.2), (TAIL, -3.0)], -3.2),
        ([*THOUGHTS, (HEAD, -0.2), (TAIL, -3.0)], -3.2),  # a reasoning model's thoughts
        ([("\n\n          ", -0.01), (HEAD, -0.2), (TAIL, -3.0)], -3.2),  # blanks were stripped
        ([("\n\nA Goal", -0.1), (TEXT[6:], -3.0)], -3.1),  # and in the middle of a token
        ([(HEAD, -0.2), (TAIL, -3.0), ("\n", -9.0), ("<|im_end|>", -9.0)], -3.2),
        ([(HEAD, -0.2), (TAIL, -3.0), ("", -9.0)], -3.2),
        ([(HEAD, -0.2), (TAIL, 1e-7)], -0.2),  # a rounding error
        ([("token_id:32", -0.2), ("token_id:1234", -3.0)], None),
        ([(HEAD, -0.2)], None),  # a part of the answer
        ([(HEAD, -0.2), (TAIL, -3.0), (" And more.", -0.1)], None),
        ([(HEAD, -0.2), (TAIL, 0.9)], None),  # a probability in place of its logarithm
        ([(HEAD, -0.2), (TAIL, math.nan)], None),
        ([(HEAD, -0.2), (TAIL, None)], None),
        ([(HEAD, -0.2), (7, -3.0)], None),
        ([], None),
    ],
)
def test_a_confidence_is_that_of_the_tokens_that_spell_the_answer(tokens, logprob):
    (interval,) = predicted(answered({"content": TEXT}, tokens))["intervals"]
    expected = None if logprob is None else pytest.approx(math.exp(logprob))
    assert interval["confidence"] == expected


def test_a_character_in_several_tokens_counts_once():
    body = answered({"content": f"{HEAD}00:10 – 00:22)."})
    body["choices"][0]["logprobs"] = {"content": split_bytes()}
    (interval,) = predicted(body)["intervals"]
    assert interval["confidence"] == pytest.approx(math.exp(-3.5))


@pytest.mark.parametrize("logprobs", [{}, [], "odd", {"content": 7}, {"tokens": ["A"]}, True])
def test_odd_log_probabilities_cost_the_confidence_and_not_the_answer(logprobs):
    body = answered({"content": TEXT})
    body["choices"][0]["logprobs"] = logprobs
    row = predicted(body)
    assert (row["status"], row["intervals"][0]["confidence"]) == ("ok", None)


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "At (00:30, 00:42)?"}]}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": TEXT}], TEXT),
        ([THOUGHT, {"type": "text", "text": TEXT}], TEXT),
        ([{"type": "text", "text": HEAD}, {"type": "text", "text": TAIL}], TEXT),
        ([{"type": "output_text", "text": TEXT, "annotations": []}], TEXT),
        ([THOUGHT, None, 7, {"type": "text"}, {"type": "text", "text": TEXT}], TEXT),
        ([THOUGHT], ""),
        ([], ""),
        ([{"type": "refusal", "refusal": "I cannot do that."}], "I cannot do that."),
    ],
)
def test_contents_in_parts_are_one_answer(content, text):
    row = predicted(answered({"content": content}))
    refused = bool(content) and content[0] is not None and content[0].get("type") == "refusal"
    expected = "ok" if text == TEXT else "refused" if refused else "unparsable"
    assert (row["text"], row["status"]) == (text, expected)


@pytest.mark.parametrize("reason", [None, 7, ["stop"], {}])
def test_an_odd_reason_to_end_is_none(reason):
    body = answered({"content": TEXT})
    body["choices"][0]["finish_reason"] = reason
    assert parse_completion(body)["finish_reason"] is None


@pytest.mark.parametrize(
    "count", ["1e400", "-1e400", "NaN", str(2**63), str(10**400), "-5", "true", '"12"', "[3]", "{}"]
)
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_a_count_that_no_answer_can_have_is_unknown(name, count):
    raw = json.dumps(answered({"content": TEXT}, **{name: "count"})).replace('"count"', count)

    async def reply(exchange):
        await exchange.send(raw.encode())

    with ChatServer(reply) as server:
        table = answers_of(server, match(chunks=1), budget={"max_usd": 1})
    schema.write("out.parquet", table, schema.PREDICTIONS)
    column = {"completion_tokens": "answer_tokens"}.get(name, name)
    assert table[column].null_count() == table["cost_usd"].null_count() == 5


def test_a_request_of_unknown_cost_keeps_its_highest_cost_in_the_budget():
    async def lie(exchange):
        body = completion(exchange.body)
        body["usage"]["completion_tokens"] = -(10**9)
        await exchange.send(body)

    with ChatServer(lie) as server, pytest.raises(InputError, match="has no room"):
        answers_of(server, match(chunks=20), budget={"max_usd": 0.005})
    assert len(server.asked) < 20


@pytest.mark.parametrize("usage", [[], "odd", 7, {"prompt_tokens_details": [3]}])
def test_an_odd_usage_costs_no_answer(usage):
    body = answered({"content": TEXT})
    body["usage"] = usage
    assert predicted(body)["status"] == "ok"


def test_more_cached_tokens_than_the_prompt_has_lower_no_cost():
    details = {"prompt_tokens_details": {"cached_tokens": 10**6}}
    row = predicted(answered({"content": TEXT}, **details), prices=PRICES)
    assert row["cost_usd"] == pytest.approx((100 * 1.0 + 10 * 4.0) / 1e6)
    record = {"prompt_tokens": 100, "cached_tokens": 50, "answer_tokens": 10}
    assert cost_usd(record, Prices(**PRICES)) == pytest.approx((50 + 50 * 0.25 + 40) / 1e6)


def test_a_server_that_counts_more_cached_tokens_than_there_are_makes_no_budget_endless():
    async def lie(exchange):
        body = completion(exchange.body)
        body["usage"]["prompt_tokens_details"]["cached_tokens"] = 10**9
        await exchange.send(body)

    with ChatServer(lie) as server, pytest.raises(InputError, match="has no room"):
        answers_of(server, match(chunks=20), budget={"max_usd": 0.01})
    assert 0 < len(server.asked) < 100


@pytest.mark.parametrize(
    "body",
    [None, [], "text", 7, {}, {"choices": []}, {"choices": [7]}, {"choices": [{"message": None}]},
     {"choices": [{"message": {"content": 7}}]}, {"error": {"message": "no", "code": 502}}],
)  # fmt: skip
def test_what_has_no_text_is_no_completion(body):
    with pytest.raises(CompletionError):
        parse_completion(body)


def test_the_highest_count_is_one():
    assert parse_completion(answered({}, prompt_tokens=MAX_TOKENS))["prompt_tokens"] == MAX_TOKENS
    assert parse_completion(answered({}, prompt_tokens=12.0))["prompt_tokens"] == 12

"""One request for all actions of a chunk: what is sent, what comes of its answer, what is not asked."""

import pytest

from chat_server import ChatServer, completion
from questions import ACTIONS, PRICES, answers_of, content, entry, match
from touchline.core import schema
from touchline.models.api import openai_api
from touchline.models.api.requests.questions import build_questions
from touchline.models.api.server import parse_settings

CHUNK = {"questions": "chunk"}


@pytest.mark.parametrize("answer_format", ["json_schema", "sentences"])
def test_both_kinds_of_questions_give_the_same_answers_for_less(answer_format):
    with ChatServer() as server:
        single = answers_of(server)
        asked = len(server.asked)
        table = answers_of(server, answer_format=answer_format, **CHUNK)
        assert len(server.asked) - asked == asked / len(ACTIONS) == 4
    same = ["half", "chunk", "action", "status", "intervals"]
    assert table.select(same).equals(single.select(same))
    assert set(table["status"]) == {"ok", "none"}
    assert table["prompt_tokens"].sum() < single["prompt_tokens"].sum() / 3
    assert table["cost_usd"].sum() < single["cost_usd"].sum() / 3


def test_the_schema_is_sent_where_the_server_holds_answers_to_it():
    with ChatServer() as server:
        answers_of(server, answer_format="json_schema", **CHUNK)
        answers_of(server, answer_format="sentences", **CHUNK)
        answers_of(server, match(name="another"), answer_format="json_schema")
    formats = [body.get("response_format") for body in server.asked]
    assert [bool(one) for one in formats] == [True] * 4 + [False] * 24
    names = formats[0]["json_schema"]["schema"]["properties"]["events"]["items"]["properties"]
    assert names["action"]["enum"] == ["Goal", "Foul", "Corner", "Substitution", "Clearance"]
    assert "JSON" in server.asked[0]["messages"][0]["content"]
    assert "JSON" not in server.asked[4]["messages"][0]["content"]


def test_tokens_and_cost_of_a_request_are_divided_among_its_samples():
    async def reply(exchange):
        body = completion(exchange.body, text='{"events": []}')
        body["usage"] = {"prompt_tokens": 1003, "completion_tokens": 7,
                         "prompt_tokens_details": {"cached_tokens": 501}}  # fmt: skip
        await exchange.send(body)

    with ChatServer(reply) as server:
        table = answers_of(server, match(chunks=2), **CHUNK)
    sums = table.select("prompt_tokens", "cached_tokens", "answer_tokens").sum().row(0)
    assert sums == (2006, 1002, 14)
    usd = 2 * (502 * PRICES["input"] + 501 * PRICES["cached"] + 7 * PRICES["output"]) / 1e6
    assert table["cost_usd"].sum() == pytest.approx(usd)
    assert table["cost_usd"].n_unique() == 1


def test_confidences_are_of_the_tokens_since_the_event_before():
    events = ['{"events": [{"action": "Goal", "start": "00:10", "end": "00:22"}',
              ', {"action": "Foul", "start": "00:30", "end": "00:42"}', "]}"]  # fmt: skip

    async def reply(exchange):
        body = completion(exchange.body, text="".join(events))
        tokens = zip(events, (-0.5, -0.25, -1.0), strict=True)
        body["choices"][0]["logprobs"] = {
            "content": [{"token": token, "logprob": logprob} for token, logprob in tokens]
        }
        await exchange.send(body)

    with ChatServer(reply) as server:
        table = answers_of(server, match(chunks=1), **CHUNK)
    found = {
        row["action"]: row["intervals"][0]["confidence"]
        for row in table.iter_rows(named=True)
        if row["intervals"]
    }
    assert found == pytest.approx({"goal": 2.718281828**-0.5, "foul": 2.718281828**-0.25})


@pytest.mark.parametrize(
    ("reply", "statuses"),
    [
        ({"text": ""}, {"unparsable"}),
        ({"text": "", "finish": "content_filter"}, {"refused"}),
        ({"text": '{"events": [{"action": "Goal", "start": "00:10", "end": "00:22"}, {"act',
          "finish": "length"}, {"cut_off"}),
        ({"text": "x" * 100_000}, {"unparsable"}),
    ],
)  # fmt: skip
def test_an_odd_answer_about_a_chunk_is_recorded_for_all_its_actions(reply, statuses):
    async def reply_so(exchange):
        await exchange.send(completion(exchange.body, **reply))

    with ChatServer(reply_so) as server:
        table = answers_of(server, match(chunks=1), **CHUNK)
        assert set(table["status"]) == statuses
        assert answers_of(server, match(chunks=1), **CHUNK).equals(table)
        assert len(server.asked) == 1
    assert table["intervals"].list.len().sum() == (1 if statuses == {"cut_off"} else 0)


def test_chunks_without_commentary_are_not_asked_unless_that_is_wanted(kind):
    with ChatServer() as server:
        model = openai_api.load(entry(server, ask_silent=False), None)
        table = model.answer(match(silent=True))
        assert server.asked == model.problems == []
        assert set(table["status"]) == {"not_asked"}
        assert table["intervals"].list.len().sum() == 0
        answers_of(server, match(silent=True), ask_silent=True)
        assert len(server.asked) == (20 if kind == "action" else 4)


def test_a_question_about_one_action_alone_is_the_same_in_both_kinds():
    a_match = match(chunks=2)
    one = a_match._replace(samples=a_match.samples.filter(action="goal"))
    keys = [
        [question.request.key for question in build_questions(one, parse_settings(settings)).asked]
        for settings in ({"model": "m", "questions": kind} for kind in ("action", "chunk"))
    ]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 2


def test_a_server_that_refuses_the_schema_is_told_of_the_setting():
    async def refuse(exchange):
        await exchange.fail(400, message="'response_format' of type json_schema is not supported")

    with ChatServer(refuse) as server, pytest.raises(Exception, match="answer_format to sentences"):
        answers_of(server, answer_format="json_schema", **CHUNK)


def test_the_journal_keeps_what_was_asked_by_action_before_there_were_chunks():
    """The key of a prompt as version 0.1 asked it: what was paid for then is not paid for again."""
    settings = parse_settings(
        {"model": "a-model", "questions": "action", "parameters": {"max_tokens": 5}}
    )
    requests = build_questions(match(chunks=2), settings).requests
    assert [request.key[:12] for request in requests[:4]] == [
        "495582c7915d", "c1cf11ab4eb2", "e88ab349c1da", "10bad4806869",
    ]  # fmt: skip


def test_the_table_of_a_chunk_is_written_and_read_again():
    with ChatServer() as server:
        table = answers_of(server, **CHUNK)
    schema.write("out.parquet", table, schema.PREDICTIONS)
    assert content(schema.read("out.parquet", schema.PREDICTIONS)).equals(content(table))

"""The API key is struck out of all that a server returns, before it is cut or stored."""

import pytest

from chat_server import ChatServer, completion
from questions import KEY, answers_of, entry, match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.api import openai_api
from touchline.models.api.api_key import strike_key
from touchline.models.api.server import Server, parse_settings

LONG_KEY = "sk-proj-" + "".join(
    chr(ord("a") + 7 * number % 26) + str(number) for number in range(60)
)


def holds_part_of(text: str, key: str, length: int) -> bool:
    return any(key[first : first + length] in text for first in range(len(key) - length + 1))


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        (KEY, "***"),
        (f"Bearer {KEY}, {KEY}.", "Bearer ***, ***."),
        (f"{KEY}{KEY}", "***"),
        (f"ends with {KEY[:12]}", "ends with ***"),
        (f"{KEY[-9:]} is the end", "*** is the end"),
        (f"in the middle: {KEY[5:20]}!", "in the middle: ***!"),
        ("A Goal occurs at (00:10, 00:22).", "A Goal occurs at (00:10, 00:22)."),
        ("", ""),
    ],
)
def test_the_key_and_its_parts_are_struck_out(text, struck):
    assert strike_key(text, KEY) == struck


def test_without_a_key_and_with_one_that_is_no_secret_a_text_stays():
    assert strike_key("EMPTY", None) == strike_key("EMPTY", "EMPTY") == "EMPTY"


@pytest.mark.parametrize("lead", [0, 60, *range(246, 300, 3), 600])
@pytest.mark.parametrize("form", ["status", "html", "no completion", "filter"])
def test_no_part_of_a_long_key_is_left_where_a_message_is_cut(lead, form, monkeypatch):
    monkeypatch.setenv("TOUCHLINE_TEST_KEY", LONG_KEY)

    async def echo(exchange):
        said = "x" * lead + exchange.headers["authorization"]
        if form == "status":
            await exchange.fail(404, message=said)
        elif form == "html":
            await exchange.send(f"<html>{said}</html>".encode(), 404)
        elif form == "filter":
            await exchange.fail(400, "content_filter", said)
        else:
            await exchange.send({"headers": said})

    with ChatServer(echo) as server:
        if form == "filter":
            said = str(answers_of(server, match(chunks=1))["text"].to_list())
        else:
            with pytest.raises(InputError) as raised:
                answers_of(server, match(chunks=1), retries=0, concurrency=1)
            said = str(raised.value)
    assert not holds_part_of(said, LONG_KEY, 4)


@pytest.mark.parametrize("part", [KEY, KEY[:14], KEY[-10:]])
def test_an_answer_that_holds_the_key_is_stored_without_it(part, tmp_path):
    async def echo(exchange):
        text = f"A Goal occurs at (00:10, 00:22). {part}"
        await exchange.send(completion(exchange.body, text, finish=f"stop {part}"))

    with ChatServer(echo) as server:
        table = answers_of(server, match(chunks=1))
    assert table["text"].unique().to_list() == ["A Goal occurs at (00:10, 00:22). ***"]
    assert len(table.filter(action="goal")["intervals"].item()) == 1
    schema.write("out.parquet", table, schema.PREDICTIONS)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or part.encode() not in path.read_bytes()


def test_a_refusal_and_an_answer_of_a_batch_are_stored_without_the_key(capsys):
    with ChatServer() as server:
        model = openai_api.load(entry(server, batch=True), None)
        with pytest.raises(SystemExit):
            model.answer(match(chunks=1))
        server.finish("batch_0", text=f"No Goal occurs. {KEY}")
        server.batches["batch_0"]["status"] = "completed"
        table = model.answer(match(chunks=1))
    assert table["text"].unique().to_list() == ["No Goal occurs. ***"]
    assert KEY not in capsys.readouterr().err


def test_an_answer_with_the_key_has_no_confidence_since_its_tokens_spell_another_text():
    async def echo(exchange):
        text = f"{KEY} A Goal occurs at (00:10, 00:22)."
        body = completion(exchange.body, text)
        body["choices"][0]["logprobs"] = {"content": [{"token": text, "logprob": -0.5}]}
        await exchange.send(body)

    with ChatServer(echo) as server:
        table = answers_of(server, match(chunks=1))
    (interval,) = table.filter(action="goal")["intervals"].item()
    assert interval["confidence"] is None


def test_a_short_key_is_struck_out_of_messages_and_not_of_answers(monkeypatch):
    monkeypatch.setenv("TOUCHLINE_TEST_KEY", "none")
    with ChatServer() as server:
        connected = Server(parse_settings(entry(server)))
    assert connected.redact("there is none") == "there is ***"
    assert connected.strike("there is none") == "there is none"

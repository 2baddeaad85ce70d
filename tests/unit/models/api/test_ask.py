"""Requests to a server that misbehaves on purpose: retries, waits, and when sending stops."""

import asyncio
import time
from email.utils import formatdate

import polars as pl
import pytest

from chat_server import ChatServer, answer
from questions import KEY, SAMPLES, answers_of, content, entry, match, requests_of
from touchline.core.problems import InputError
from touchline.models.api import ask, journal, journal_tables, openai_api
from touchline.models.api.server import journal_path, parse_settings


@pytest.fixture
def undisturbed(kind) -> pl.DataFrame:
    """The table of a run in which nothing goes wrong, in a journal of its own."""
    with ChatServer() as server:
        table = content(answers_of(server))
    assert table["status"].unique().sort().to_list() == ["none", "ok"]
    return table


@pytest.mark.parametrize("concurrency", [1, 7])
def test_so_many_requests_are_under_way_at_once(concurrency):
    async def slowly(exchange):
        await asyncio.sleep(0.05)
        await answer(exchange)

    with ChatServer(slowly) as server:
        answers_of(server, concurrency=concurrency)
    assert server.most_under_way == concurrency


async def rate_limit(exchange):
    await exchange.fail(429)


async def rate_limit_for_a_moment(exchange):
    await exchange.fail(429, Retry_After="0.05")


async def conflict(exchange):
    await exchange.fail(409)


async def time_out(exchange):
    await exchange.fail(408)


async def break_down(exchange):
    await exchange.send(b"<html>Internal Server Error</html>", 500)


async def reset(exchange):
    await exchange.reset()


async def send_half_a_json(exchange):
    await exchange.send(b'{"choices": [{"message": ')


async def send_another_json(exchange):
    await exchange.send({"choices": []})


async def send_a_deep_json(exchange):
    await exchange.send(b"[" * 100_000)


async def hang(exchange):
    await asyncio.sleep(60)


async def drip(exchange):
    """Keep the connection busy, but do not answer: no read ever times out."""
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        exchange.writer.write(b" ")
        await exchange.writer.drain()
        await asyncio.sleep(0.1)


TROUBLES = [rate_limit, rate_limit_for_a_moment, conflict, time_out, break_down, reset,
            send_half_a_json, send_another_json, send_a_deep_json, hang, drip]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_trouble_that_passes_leaves_no_trace_in_the_table(trouble, undisturbed, kind):
    async def sometimes(exchange):
        await (trouble if exchange.number % 5 in (1, 2) else answer)(exchange)

    with ChatServer(sometimes) as server:
        table = answers_of(server, timeout_s=0.5, retries=12)
    assert content(table).equals(undisturbed)
    assert len(server.asked) > requests_of(kind)


@pytest.mark.parametrize("form", ["seconds", "date", "milliseconds"])
def test_a_server_that_asks_for_time_gets_it_from_all(form):
    times = []

    async def once(exchange):
        times.append(time.time())
        if exchange.number == 2:
            wait = {
                "seconds": {"Retry_After": "1.2"},
                "date": {"Retry_After": formatdate(time.time() + 2.2, usegmt=True)},
                "milliseconds": {"Retry_After_Ms": "1200", "Retry_After": "60"},
            }[form]
            await exchange.fail(429, **wait)
        else:
            await answer(exchange)

    with ChatServer(once) as server:
        answers_of(server)
    later = [sent for sent in times[3:] if sent > times[2] + 0.5]
    assert len(later) >= SAMPLES - 6  # some were under way already
    assert min(later) >= times[2] + 1.19


def test_a_wait_that_is_too_long_is_not_waited_for():
    async def tomorrow(exchange):
        await exchange.fail(429, message="come back tomorrow", Retry_After="86400")

    with ChatServer(tomorrow) as server, pytest.raises(InputError, match="come back tomorrow"):
        answers_of(server, concurrency=1)
    assert len(server.asked) == ask.MAX_CONSECUTIVE_FAILURES


def stopped(behave, said: str, **settings) -> ChatServer:
    with ChatServer(behave) as server, pytest.raises(InputError) as raised:
        answers_of(server, match(chunks=20), **settings)
    assert said in str(raised.value)
    assert KEY not in str(raised.value)
    return server


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, None, "does not accept the key in the environment variable TOUCHLINE_TEST_KEY"),
        (403, None, "does not answer for the model a-model (403 Status: no *** here)"),
        (404, "model_not_found", "does not answer for the model a-model"),
        (400, "unsupported_parameter", "Correct the model's entry in the configuration"),
        (429, "insufficient_quota", "does not answer for the model a-model"),
    ],
)
def test_what_no_other_try_would_change_stops_at_once(status, code, said):
    async def refuse(exchange):
        await exchange.fail(status, code, f"no {KEY} here")

    server = stopped(refuse, said)
    assert len(server.asked) <= 4


def test_a_wrong_key_takes_nothing_from_the_budget():
    async def refuse(exchange):
        await exchange.fail(401)

    server = stopped(refuse, "does not accept", budget={"max_usd": 1})
    opened = journal.Journal(journal_path(parse_settings(entry(server))))
    assert opened.apply(journal_tables.read_spending) == (0, pytest.approx(0.0))


def test_a_server_that_is_down_is_not_asked_for_ever(kind):
    server = stopped(break_down, "did not answer 5 prompts in a row", retries=2)
    assert len(server.asked) <= (5 + 3) * 3


def test_nobody_at_the_address_is_a_sentence():
    with ChatServer() as server:
        pass
    with pytest.raises(InputError, match="the connection failed"):
        answers_of(server, retries=1)


def test_a_prompt_that_never_works_is_left_out_and_noted():
    async def poisoned(exchange):
        poison = "the 7. time" in exchange.prompt and "a Goal occurs" in exchange.prompt
        await (break_down if poison else answer)(exchange)

    with ChatServer(poisoned) as server:
        model = openai_api.load(entry(server, retries=1), None)
        table = model.answer(match(chunks=10))
    left_out = table.filter(status="skipped")
    assert left_out.select("chunk", "action").rows() == [(7, "goal")]
    assert left_out["intervals"].to_list() == [[]]
    (problem,) = model.problems
    assert "1 of 50 samples have no answer of a-model, the first one: 500" in problem.problem


def test_many_prompts_that_never_work_stop_the_match_and_keep_the_others():
    async def poisoned(exchange):
        await (break_down if "a Goal occurs" in exchange.prompt else answer)(exchange)

    with ChatServer(poisoned) as server:
        with pytest.raises(InputError, match="4 of 20 samples have no answer"):
            answers_of(server, concurrency=1, retries=0)
        server.behave = answer
        before = len(server.asked)
        answers_of(server)
        assert len(server.asked) == before + 4


def test_a_chunk_that_is_never_answered_is_left_out_with_all_its_actions():
    async def poisoned(exchange):
        await (break_down if "the 2. time" in exchange.prompt else answer)(exchange)

    with ChatServer(poisoned) as server:
        model = openai_api.load(entry(server, questions="chunk", retries=0), None)
        table = model.answer(match())
    assert table.filter(status="skipped")["chunk"].to_list() == [2] * 5
    (problem,) = model.problems
    assert "5 of 20 samples have no answer of a-model" in problem.problem

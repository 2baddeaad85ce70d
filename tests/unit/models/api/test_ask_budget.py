"""Budgets of an API model: never exceeded, shared by jobs, and resumed when raised."""

import threading

import pytest

from chat_server import ChatServer, answer, completion
from questions import PRICES, answers_of, match, requests_of
from touchline.core.problems import InputError


def test_a_budget_of_requests_is_never_passed_and_the_next_run_goes_on(kind):
    small, chunks = {"max_requests": 7}, 8
    with ChatServer() as server:
        with pytest.raises(InputError, match=r"budget of a-model \(max_requests 7\).* 7 requests"):
            answers_of(server, match(chunks=chunks), budget=small)
        assert len(server.asked) == 7
        with pytest.raises(InputError, match="max_requests 7"):
            answers_of(server, match(name="another", chunks=chunks), budget=small)
        whole = requests_of(kind, chunks)
        answers_of(server, match(chunks=chunks), budget={"max_requests": whole})
        assert len(server.asked) == whole


def charged(server) -> float:
    """Return what a server asks for all its answers."""
    usages = [completion(body)["usage"] for body in server.asked]
    fresh = sum(usage["prompt_tokens"] - usage["prompt_tokens"] // 2 for usage in usages)
    cached = sum(usage["prompt_tokens"] // 2 for usage in usages)
    return (fresh * 1.0 + cached * 0.25 + 10 * len(usages) * 4.0) / 1e6


def test_a_budget_in_dollars_is_used_but_never_passed(kind):
    chunks = 20 if kind == "action" else 40
    with ChatServer() as server:
        answers_of(server, match(chunks=chunks), prices=PRICES)
        whole = charged(server)
    with ChatServer() as server:
        # Four requests at their most are more than this: they wait for each other.
        part = whole / 5 if kind == "action" else whole / 2
        with pytest.raises(InputError, match="max_usd"):
            answers_of(server, match(chunks=chunks), budget={"max_usd": part})
        assert 0.5 * part < charged(server) <= part
        table = answers_of(server, match(chunks=chunks), budget={"max_usd": 2 * whole})
        assert table["cost_usd"].sum() == pytest.approx(charged(server))
        assert len(server.asked) == requests_of(kind, chunks)


def test_two_jobs_share_one_budget(kind):
    with ChatServer() as server:
        ends, budget = [], 60 if kind == "action" else 16

        def job(name):
            try:
                answers_of(server, match(chunks=20, name=name), budget={"max_requests": budget},
                    prompt={"clock": "half" if name == "one" else "chunk"})  # fmt: skip
            except InputError as error:
                ends.append(str(error))

        jobs = [threading.Thread(target=job, args=(name,)) for name in ("one", "two")]
        for thread in jobs:
            thread.start()
        for thread in jobs:
            thread.join()
        assert len(server.asked) == budget
        assert len(ends) == (2 if kind == "action" else len(ends)) > 0


def test_a_request_that_was_cut_off_keeps_its_part_of_the_budget(kind):
    async def reset_once(exchange):
        await (exchange.reset() if exchange.number == 0 else answer(exchange))

    whole = requests_of(kind, 1)
    with ChatServer(reset_once) as server:
        with pytest.raises(InputError, match=f"{whole} requests"):
            answers_of(server, match(chunks=1), budget={"max_requests": whole})
        assert len(server.asked) == whole
        answers_of(server, match(chunks=1), budget={"max_requests": whole + 1})

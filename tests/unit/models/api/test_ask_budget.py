"""Budgets of an API model: never exceeded, shared by jobs, and resumed when raised."""

import threading

import pytest

from chat_server import ChatServer, answer, completion
from questions import PRICES, SAMPLES, answers_of, match
from touchline.core.problems import InputError


def test_a_budget_of_requests_is_never_passed_and_the_next_run_goes_on():
    with ChatServer() as server:
        with pytest.raises(InputError, match=r"budget of a-model \(max_requests 7\).* 7 requests"):
            answers_of(server, budget={"max_requests": 7})
        assert len(server.asked) == 7
        with pytest.raises(InputError, match="max_requests 7"):
            answers_of(server, match(name="another"), budget={"max_requests": 7})
        answers_of(server, budget={"max_requests": SAMPLES})
        assert len(server.asked) == SAMPLES


def charged(server) -> float:
    """Return what a server asks for all its answers."""
    usages = [completion(body)["usage"] for body in server.asked]
    fresh = sum(usage["prompt_tokens"] - usage["prompt_tokens"] // 2 for usage in usages)
    cached = sum(usage["prompt_tokens"] // 2 for usage in usages)
    return (fresh * 1.0 + cached * 0.25 + 10 * len(usages) * 4.0) / 1e6


def test_a_budget_in_dollars_is_used_but_never_passed():
    with ChatServer() as server:
        answers_of(server, match(chunks=20), prices=PRICES)
        whole = charged(server)
    with ChatServer() as server:
        # Four requests at their most are more than this: they wait for each other.
        with pytest.raises(InputError, match="max_usd"):
            answers_of(server, match(chunks=20), budget={"max_usd": whole / 5})
        assert 0.5 * whole / 5 < charged(server) <= whole / 5
        table = answers_of(server, match(chunks=20), budget={"max_usd": 2 * whole})
        assert table["cost_usd"].sum() == pytest.approx(charged(server))
        assert len(server.asked) == 100


def test_two_jobs_share_one_budget():
    with ChatServer() as server:
        ends = []

        def job(name):
            try:
                answers_of(server, match(chunks=20, name=name), budget={"max_requests": 60},
                    prompt={"clock": "half" if name == "one" else "chunk"})  # fmt: skip
            except InputError as error:
                ends.append(str(error))

        jobs = [threading.Thread(target=job, args=(name,)) for name in ("one", "two")]
        for thread in jobs:
            thread.start()
        for thread in jobs:
            thread.join()
        assert len(server.asked) == 60
        assert len(ends) == 2


def test_a_request_that_was_cut_off_keeps_its_part_of_the_budget():
    async def reset_once(exchange):
        await (exchange.reset() if exchange.number == 0 else answer(exchange))

    with ChatServer(reset_once) as server:
        with pytest.raises(InputError, match="5 requests"):
            answers_of(server, match(chunks=1), budget={"max_requests": 5})
        assert len(server.asked) == 5
        answers_of(server, match(chunks=1), budget={"max_requests": 6})

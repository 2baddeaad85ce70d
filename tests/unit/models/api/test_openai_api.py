"""Models behind OpenAI's API, against a real server on this machine that misbehaves on purpose."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from email.utils import formatdate

import polars as pl
import pytest

from chat_server import ChatServer, answer, completion
from project import ENVIRONMENT
from questions import ACTIONS, KEY, PRICES, content, entry, match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models import estimate, infer
from touchline.models.api import ask, journal, openai_api
from touchline.models.api.server import journal_path, read_settings

SAMPLES = 20  # of the match in most tests


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Each test has a folder of its own with its journals, a key, and quick retries."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOUCHLINE_TEST_KEY", KEY)
    monkeypatch.setattr(ask, "FIRST_WAIT_S", 0.01)
    return tmp_path


def answers_of(server, a_match=None, **settings) -> pl.DataFrame:
    return openai_api.load(entry(server, **settings), None).answer(a_match or match())


@pytest.fixture
def undisturbed() -> pl.DataFrame:
    """The table of a run in which nothing goes wrong, in a journal of its own."""
    with ChatServer() as server:
        table = content(answers_of(server))
    assert table["status"].unique().sort().to_list() == ["none", "ok"]
    return table


def test_every_sample_is_answered_in_the_common_table_with_its_tokens_and_cost():
    a_match = match()
    with ChatServer() as server:
        table = answers_of(server, a_match)
    assert table.schema == schema.PREDICTIONS
    key = ["half", "chunk", "action"]
    assert table.select(key).equals(a_match.samples.select(key))
    spans = table.filter(status="ok")["intervals"].explode()
    assert spans.struct.field("confidence").null_count() == len(spans) > 0
    assert (spans.struct.field("end_s") - spans.struct.field("start_s")).unique().to_list() == [12]
    prompt = table["prompt_tokens"]
    cached = prompt // 2
    expected = ((prompt - cached) * 1.0 + cached * 0.25 + 10 * 4.0) / 1e6
    assert (table["cost_usd"] - expected).abs().max() < 1e-12
    assert table["seconds"].min() >= 0
    body = server.asked[0]
    assert body["max_completion_tokens"] == 50
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert server.keys == {f"Bearer {KEY}"}


def test_nothing_is_asked_twice_in_another_run_and_everything_with_other_parameters():
    with ChatServer() as server:
        first = answers_of(server)
        again = answers_of(server)
        assert len(server.asked) == SAMPLES
        assert again.equals(first)
        ask(server, parameters={"max_completion_tokens": 51})
        assert len(server.asked) == 2 * SAMPLES


def test_identical_prompts_are_asked_and_paid_once():
    silent = match(chunks=6, silent=True)  # on the chunk's clock all its chunks look alike
    with ChatServer() as server:
        table = ask(server, silent, prompt={"clock": "chunk"})
        assert len(server.asked) == len(ACTIONS)
        assert len(table) == 6 * len(ACTIONS)
        assert table["cost_usd"].null_count() == 0
        assert (table["cost_usd"] > 0).sum() == len(ACTIONS)
        ask(server, match(chunks=6, silent=True, name="another"), prompt={"clock": "chunk"})
        assert len(server.asked) == len(ACTIONS)


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
def test_trouble_that_passes_leaves_no_trace_in_the_table(trouble, undisturbed):
    async def sometimes(exchange):
        await (trouble if exchange.number % 5 in (1, 2) else answer)(exchange)

    with ChatServer(sometimes) as server:
        table = answers_of(server, timeout_s=0.5, retries=12)
    assert content(table).equals(undisturbed)
    assert len(server.asked) > SAMPLES


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
        await exchange.fail(429, said="come back tomorrow", Retry_After="86400")

    with ChatServer(tomorrow) as server, pytest.raises(InputError, match="come back tomorrow"):
        answers_of(server, concurrency=1)
    assert len(server.asked) == ask.FAILURES_IN_A_ROW


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
    own = journal.Journal(journal_path(read_settings(entry(server))))
    assert own.do(journal.spent) == (0, pytest.approx(0.0))


def test_a_server_that_is_down_is_not_asked_for_ever():
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


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"text": ""}, "unparsable"),
        ({"text": None, "refusal": "I cannot do that."}, "refused"),
        ({"text": "", "finish": "content_filter"}, "refused"),
        ({"text": "", "finish": "length"}, "cut_off"),
        ({"text": "A Goal occurs at (00:", "finish": "length"}, "cut_off"),
        ({"text": "half of a pair: \ud83d"}, "unparsable"),
        ({"text": "x" * 1_000_000}, "unparsable"),
    ],
)
def test_an_odd_answer_is_recorded_and_not_asked_again(reply, status):
    async def reply_so(exchange):
        text = {"text": reply["text"]} if reply["text"] is not None else {"text": ""}
        await exchange.send(completion(exchange.body, **reply | text))

    with ChatServer(reply_so) as server:
        table = answers_of(server, match(chunks=1))
        assert table["status"].to_list() == [status] * 5
        assert answers_of(server, match(chunks=1)).equals(table)
        assert len(server.asked) == 5
    schema.write("out.parquet", table, schema.PREDICTIONS)


def test_a_megabyte_of_true_sentences_is_read():
    async def talk(exchange):
        goal = "a Goal occurs" in exchange.prompt
        text = "A Goal occurs at (00:10, 00:22). " * (30_000 if goal else 1)
        await exchange.send(completion(exchange.body, text=text))

    with ChatServer(talk) as server:
        table = answers_of(server, match(chunks=1))
    assert table.filter(action="goal")["intervals"].list.len().to_list() == [1]


def test_a_prompt_that_the_servers_filter_turns_down_is_a_refusal():
    async def turn_down(exchange):
        await exchange.fail(400, "content_filter", "flagged")

    with ChatServer(turn_down) as server:
        table = answers_of(server, match(chunks=1))
    assert table["status"].to_list() == ["refused"] * 5
    assert table["cost_usd"].to_list() == [None] * 5


def test_confidence_comes_from_the_log_probabilities_where_the_server_gives_them():
    async def surely(exchange):
        body = completion(exchange.body, text="A Goal occurs at (00:10, 00:22).")
        tokens = [("A Goal", -0.5), (" occurs at (00:10, 00:22).", -0.25)]
        body["choices"][0]["logprobs"] = {
            "content": [{"token": token, "logprob": logprob} for token, logprob in tokens]
        }
        await exchange.send(body)

    with ChatServer(surely) as server:
        table = ask(server, match(chunks=1), parameters={"max_tokens": 50, "logprobs": True})
    (interval,) = table.filter(action="goal")["intervals"].item()
    assert interval["confidence"] == pytest.approx(2.718281828**-0.75)


def test_a_server_without_usage_or_prices_leaves_cost_empty():
    async def tersely(exchange):
        body = completion(exchange.body)
        del body["usage"]
        await exchange.send(body)

    with ChatServer(tersely) as server:
        table = answers_of(server)
        assert table["prompt_tokens"].null_count() == table["cost_usd"].null_count() == SAMPLES
    with ChatServer() as server:
        assert ask(server, prices=None)["cost_usd"].null_count() == SAMPLES


def test_a_budget_of_requests_is_never_passed_and_the_next_run_goes_on():
    with ChatServer() as server:
        with pytest.raises(InputError, match=r"budget of a-model \(max_requests 7\).* 7 requests"):
            ask(server, budget={"max_requests": 7})
        assert len(server.asked) == 7
        with pytest.raises(InputError, match="max_requests 7"):
            ask(server, match(name="another"), budget={"max_requests": 7})
        ask(server, budget={"max_requests": SAMPLES})
        assert len(server.asked) == SAMPLES


def charged(server) -> float:
    """Return what a server asks for all its answers."""
    usages = [completion(body)["usage"] for body in server.asked]
    fresh = sum(one["prompt_tokens"] - one["prompt_tokens"] // 2 for one in usages)
    cached = sum(one["prompt_tokens"] // 2 for one in usages)
    return (fresh * 1.0 + cached * 0.25 + 10 * len(usages) * 4.0) / 1e6


def test_a_budget_in_dollars_is_used_but_never_passed():
    with ChatServer() as server:
        answers_of(server, match(chunks=20), prices=PRICES)
        whole = charged(server)
    with ChatServer() as server:
        # Four requests at their most are more than this: they wait for each other.
        with pytest.raises(InputError, match="max_usd"):
            ask(server, match(chunks=20), budget={"max_usd": whole / 5})
        assert 0.5 * whole / 5 < charged(server) <= whole / 5
        table = ask(server, match(chunks=20), budget={"max_usd": 2 * whole})
        assert table["cost_usd"].sum() == pytest.approx(charged(server))
        assert len(server.asked) == 100


def test_two_jobs_share_one_budget():
    with ChatServer() as server:
        ends = []

        def job(name):
            try:
                ask(server, match(chunks=20, name=name), budget={"max_requests": 60},
                    prompt={"clock": "half" if name == "one" else "chunk"})  # fmt: skip
            except InputError as error:
                ends.append(str(error))

        jobs = [threading.Thread(target=job, args=(name,)) for name in ("one", "two")]
        [one.start() for one in jobs]
        [one.join() for one in jobs]
        assert len(server.asked) == 60
        assert len(ends) == 2


def test_a_request_that_was_cut_off_keeps_its_part_of_the_budget():
    async def reset_once(exchange):
        await (reset if exchange.number == 0 else answer)(exchange)

    with ChatServer(reset_once) as server:
        with pytest.raises(InputError, match="5 requests"):
            ask(server, match(chunks=1), budget={"max_requests": 5})
        assert len(server.asked) == 5
        ask(server, match(chunks=1), budget={"max_requests": 6})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budget": {"max_usd": 1}, "prices": None}, "max_usd needs prices"),
        ({"budget": {"max_usd": 1}, "parameters": {}}, "max_usd needs max_completion_tokens"),
        ({"base": "a-folder"}, "either a model or a base"),
        ({"modle": "o4-mini"}, "no setting modle"),
        ({"prices": {"input": 1}}, "missing 1 required positional argument: 'output'"),
        ({"prompt": {"inputs": ["video"]}}, "reads the commentary alone"),
        ({"api_key_variable": "NOT_SET"}, "the environment variable NOT_SET is not set"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_asked(settings, said):
    with ChatServer() as server:
        with pytest.raises(InputError, match=said):
            answers_of(server, **settings)
        assert server.asked == []


def test_a_key_that_can_be_no_key_is_not_shown(monkeypatch):
    monkeypatch.setenv("TOUCHLINE_TEST_KEY", "two\nlines-of-key")
    with ChatServer() as server, pytest.raises(InputError) as raised:
        answers_of(server)
    assert "lines-of-key" not in str(raised.value)
    assert "holds what cannot be a key" in str(raised.value)


def test_a_server_without_a_key_is_asked_without_one():
    with ChatServer() as server:
        answers_of(server, match(chunks=1), api_key_variable=None)
    assert KEY not in "".join(server.keys)


def test_a_damaged_journal_is_a_sentence_and_stays_as_it_is():
    with ChatServer() as server:
        path = journal_path(read_settings(entry(server)))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no journal any more" * 1000)
        with pytest.raises(InputError, match="not a readable journal"):
            answers_of(server)
        assert path.read_bytes().startswith(b"no journal")
        assert server.asked == []


def test_an_estimate_comes_first_and_is_no_request(capsys):
    with ChatServer() as server:
        answers_of(server)
        printed = capsys.readouterr().err
        assert "20 samples, 20 still to be asked: about " in printed
        for number in (1, 2):
            samples = match(name=f"m{number}", chunks=4 * number).samples
            schema.write(f"results/samples/m{number}.parquet", samples, schema.SAMPLES)
        infer_json = pl.Series([entry(server)]).struct.json_encode().item()
        asked = len(server.asked)
        estimate.main(["--backend", "openai_api", "--settings", infer_json,
                       "--matches", "m1", "m2", "--out", "estimate.csv"])  # fmt: skip
        assert len(server.asked) == asked
    table = pl.read_csv("estimate.csv")
    # The first four chunks have been answered, and m1 has no others.
    assert table.select("match", "samples", "requests").rows() == [("m1", 20, 0), ("m2", 40, 20)]
    with ChatServer() as server:
        paid = ask(server, match(chunks=8, name="m2"), prices={"input": 1.0, "output": 4.0})
    short, most = table.row(1, named=True)["short_usd"], table.row(1, named=True)["most_usd"]
    assert 0 < short < paid["cost_usd"][20:].sum() < most
    assert "Nothing was asked." in capsys.readouterr().out


def test_a_backend_that_costs_nothing_has_no_estimate():
    with pytest.raises(InputError, match="asks nobody for money"):
        estimate.main(["--backend", "constant", "--matches", "--out", "estimate.csv"])


# A job of its own, as a rule starts it.


def job(server, a_match, **settings) -> list[str]:
    schema.write("samples.parquet", a_match.samples, schema.SAMPLES)
    encoded = pl.Series([entry(server, **settings)]).struct.json_encode().item()
    return [sys.executable, "-m", "touchline", "infer", "--backend", "openai_api",
            "--settings", encoded, "--match", a_match.name, "--samples", "samples.parquet",
            "--out", "out.parquet"]  # fmt: skip


def environment() -> dict[str, str]:
    return ENVIRONMENT | {"TOUCHLINE_TEST_KEY": KEY}


def test_a_job_that_is_killed_asks_again_only_for_what_was_under_way(tmp_path):
    a_match, concurrency = match(chunks=100), 16

    async def slowly(exchange):
        await asyncio.sleep(0.05)
        await answer(exchange)

    with ChatServer(slowly) as server:
        command = job(server, a_match, concurrency=concurrency)
        killed = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
        while len(server.asked) < 250:
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        time.sleep(0.2)
        before = len(server.asked)
        assert 250 <= before < 500
        assert not os.path.exists("out.parquet")
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        prompts = [str(body) for body in server.asked]
        repeated = set(prompts[:before]) & set(prompts[before:])
        assert len(set(prompts)) == 500
        assert len(prompts) - 500 == len(repeated) <= concurrency
        print(f"{before} requests before SIGKILL, {len(repeated)} repeated")
    resumed = content(schema.read("out.parquet", schema.PREDICTIONS))
    with ChatServer() as server:  # another address, so another journal
        assert resumed.equals(content(answers_of(server, a_match)))


def test_the_key_is_in_no_file_output_error_or_process_list(tmp_path):
    """The server repeats the key in its errors, as some do."""
    seen = []

    async def tell(exchange):
        for process in os.listdir("/proc"):
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    seen.append(file.read())
            except OSError:
                continue
        said = f"Incorrect API key provided: {exchange.headers['authorization']}"
        if exchange.number % 2:
            await exchange.fail(500, said=said)
        else:
            await exchange.fail(401, said=said)

    with ChatServer(tell) as server:
        command = job(server, match(), concurrency=1)
        for level in ({}, {"OPENAI_LOG": "debug", "PYTHONASYNCIODEBUG": "1"}):
            done = subprocess.run(command, env=environment() | level, capture_output=True)
            assert done.returncode == 2
            assert b"TOUCHLINE_TEST_KEY" in done.stderr
            assert KEY.encode() not in done.stdout + done.stderr
        assert server.keys == {f"Bearer {KEY}"}
        server.behave = answer
        subprocess.run(command, env=environment(), check=True, capture_output=True)
    assert b"-m\0touchline\0infer" in b"".join(seen)
    assert KEY.encode() not in b"".join(seen)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for path in files:
        assert KEY.encode() not in path.read_bytes()


def test_infer_writes_the_table_that_the_model_gives():
    with ChatServer() as server:
        arguments = job(server, match())[3:]
        infer.main(arguments)
        assert schema.read("out.parquet", schema.PREDICTIONS).equals(ask(server))

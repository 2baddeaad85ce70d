"""The Batch API: questions are handed in once, answers are collected by a later run."""

import json
import threading

import pytest

from chat_server import ChatServer
from questions import ACTIONS, KEY, content, entry, match, requests_of
from touchline.core.problems import InputError
from touchline.models.api import batches, journal, journal_tables, openai_api
from touchline.models.api.server import journal_path, parse_settings


@pytest.fixture
def server():
    with ChatServer() as server:
        yield server


def run(server, a_match=None, **settings):
    model = openai_api.load(entry(server, batch=True, **settings), None)
    return model.answer(a_match or match())


def wait(server, capsys, *arguments, **settings) -> str:
    """Run a job that has to wait, and return what it says."""
    with pytest.raises(SystemExit) as raised:
        run(server, *arguments, **settings)
    assert raised.value.code == 75
    return capsys.readouterr().err


def spent(server) -> journal_tables.Spending:
    opened = journal.Journal(journal_path(parse_settings(entry(server))))
    try:
        return opened.apply(journal_tables.read_spending)
    finally:
        opened.close()


def test_a_batch_gives_the_table_of_single_requests_at_its_lower_price(server, capsys, kind):
    said = wait(server, capsys)
    whole = requests_of(kind)
    assert f"waiting for batch batch_0 (validating, {whole} requests)" in said
    assert f"20 samples, {whole} requests still to be made" in said
    assert "batch_0 (validating)" in wait(server, capsys)
    assert len(server.batches) == 1
    server.finish("batch_0")
    table = run(server)
    assert run(server).equals(table)
    assert len(server.batches) == 1
    assert server.asked == []
    with ChatServer() as other:
        single = openai_api.load(entry(other), None).answer(match())
    assert content(table).drop("cost_usd").equals(content(single).drop("cost_usd"))
    assert table["cost_usd"].sum() == pytest.approx(single["cost_usd"].sum() / 2)
    assert spent(server) == (whole, pytest.approx(table["cost_usd"].sum()))


def test_a_line_of_the_file_is_a_whole_request(server, capsys):
    wait(server, capsys)
    batch = server.batches["batch_0"]
    assert batch["endpoint"] == "/v1/chat/completions"
    line = json.loads(server.files[batch["input_file_id"]].splitlines()[0])
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert line["body"]["max_completion_tokens"] == 50
    assert len(line["custom_id"]) == 64
    assert KEY.encode() not in b"".join(server.files.values())


def test_what_a_batch_left_out_is_handed_in_again_and_not_charged(server, capsys, kind):
    whole = requests_of(kind)
    wait(server, capsys, budget={"max_requests": whole})
    server.finish("batch_0", "expired", leave_out=3)
    said = wait(server, capsys, budget={"max_requests": whole})
    assert f"batch batch_0 expired: {whole - 3} answers" in said
    assert "batch batch_1 (validating, 3 requests)" in said
    assert len(server.finish("batch_1")) == 3
    assert "skipped" not in run(server)["status"]
    assert spent(server).requests == whole


def test_a_failed_batch_says_why_and_the_next_run_starts_anew(server, capsys):
    wait(server, capsys)
    server.finish("batch_0", "failed", leave_out=20)
    server.batches["batch_0"]["errors"] = {"object": "list", "data": [
        {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}  # fmt: skip
    with pytest.raises(InputError, match="batch_0 failed: Enqueued token limit reached"):
        run(server)
    assert spent(server) == (0, pytest.approx(0.0))
    assert "batch_1" in wait(server, capsys)


def test_a_job_that_dies_after_sending_a_batch_finds_it_again(server, capsys, monkeypatch, kind):
    class Death(BaseException):
        pass

    def die(*_, **__):
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(batches.journal_db, "set_batch_id", die)
        with pytest.raises(Death):
            run(server)
    assert len(server.batches) == 1
    assert "batch_0" in wait(server, capsys)
    assert len(server.batches) == 1
    server.finish("batch_0")
    assert len(run(server)) == 20


def test_a_job_that_dies_before_sending_a_batch_sends_it_next_time(server, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(batches.io, "BytesIO", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(server)
    assert server.batches == {}
    wait(server, capsys, budget={"max_requests": 20})
    assert len(server.batches) == 1


def test_two_matches_with_the_same_prompts_hand_them_in_once(server, capsys):
    silent = [match(silent=True, name=name) for name in ("one", "two")]
    for each in silent:
        wait(server, capsys, each, prompt={"clock": "chunk"})
    assert list(server.batches) == ["batch_0"]
    assert len(server.finish("batch_0")) == len(ACTIONS)
    tables = [run(server, each, prompt={"clock": "chunk"}) for each in silent]
    assert [(table["cost_usd"] > 0).sum() for table in tables] == [len(ACTIONS), 0]


def test_two_jobs_that_hand_in_at_the_same_time_lose_no_batch(server):
    server.batch_s = 0.5
    matches = [match(name=name, chunks=chunks) for name, chunks in (("one", 2), ("two", 3))]
    prompts = [{"clock": "half"}, {"clock": "match", "examples": False}]

    def job(number):
        with pytest.raises(SystemExit):
            run(server, matches[number], prompt=prompts[number])

    jobs = [threading.Thread(target=job, args=(number,)) for number in range(2)]
    [one.start() for one in jobs]
    [one.join() for one in jobs]
    assert sorted(len(server.finish(id_)) for id_ in list(server.batches)) == [10, 15]
    for number in range(2):
        assert run(server, matches[number], prompt=prompts[number])["text"].null_count() == 0
    assert len(server.batches) == 2


def test_line_separators_in_an_answer_do_not_break_its_line(server, capsys):
    wait(server, capsys)
    server.finish("batch_0", text="No Goal occurs.\u2028\u0085 Truly.")
    assert set(run(server)["text"]) == {"No Goal occurs.\u2028\u0085 Truly."}


def test_a_batch_whose_requests_are_all_wrong_says_what_the_server_said(server, capsys):
    wait(server, capsys)
    server.finish("batch_0", leave_out=20)
    wrong = {"error": {"message": "Unsupported parameter: temperature", "code": "unsupported"}}
    line = {"custom_id": "x", "response": {"status_code": 400, "body": wrong}, "error": None}
    server.files["file-errors"] = json.dumps(line).encode()
    server.batches["batch_0"]["error_file_id"] = "file-errors"
    with pytest.raises(InputError, match=r"batch_0 completed: .*Unsupported parameter"):
        run(server)


def test_a_batch_that_does_not_fit_the_budget_is_not_sent(server):
    with pytest.raises(InputError, match="max_requests 19"):
        run(server, budget={"max_requests": 19})
    assert server.files == server.batches == {}


def test_answers_of_single_requests_are_not_handed_in(server, capsys):
    openai_api.load(entry(server), None).answer(match(chunks=3))
    wait(server, capsys)
    assert len(server.finish("batch_0")) == 5


@pytest.mark.parametrize("body", [b"<html>gateway</html>", b"[]", b"{}", b'"batch"', b'{"id": 7}'])
@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
def test_a_server_without_the_batch_api_is_a_sentence(server, monkeypatch, path, body):
    as_it_is = server._batch_api

    async def answer_otherwise(exchange):
        await (exchange.send(body) if exchange.path == path else as_it_is(exchange))

    monkeypatch.setattr(server, "_batch_api", answer_otherwise)
    with pytest.raises(InputError, match="did not answer in the form of the Batch API"):
        run(server, retries=0)


@pytest.mark.parametrize(
    "change",
    [{"status": 7}, {"request_counts": "many"}, {"errors": ["odd", 7]}, {"output_file_id": {}},
     {"errors": {"data": [{"message": {"odd": KEY}}]}, "status": "failed"}],
    ids=str,
)  # fmt: skip
def test_an_odd_batch_is_a_sentence_or_waited_for(server, capsys, change):
    wait(server, capsys)
    server.batches["batch_0"] |= change
    with pytest.raises((InputError, SystemExit)) as raised:
        run(server, retries=0)
    assert KEY not in str(raised.value) + capsys.readouterr().err


@pytest.mark.parametrize("line", [b"[]", b"7", b"[" * 100_000, b'{"custom_id": ["x"]}', b"\xff"])
def test_a_line_that_is_no_answer_is_left_out(server, capsys, line):
    wait(server, capsys)
    server.finish("batch_0", leave_out=3)
    output = server.batches["batch_0"]["output_file_id"]
    server.files[output] += b"\n" + line
    assert "batch batch_0 completed: 17 answers" in wait(server, capsys)


def test_an_answer_of_unknown_cost_keeps_its_share_of_the_batchs_reserve(server, capsys):
    budget = {"budget": {"max_usd": 1.0}}
    wait(server, capsys, **budget)
    reserved_usd = spent(server).usd
    server.finish("batch_0")
    output = server.batches["batch_0"]["output_file_id"]
    server.files[output] = server.files[output].replace(b'"completion_tokens"', b'"no_tokens"')
    table = run(server, **budget)
    assert table["cost_usd"].null_count() == len(table)
    assert spent(server) == (20, pytest.approx(reserved_usd))

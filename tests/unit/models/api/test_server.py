"""Settings of an API model and its key, which is never shown."""

import os
import subprocess

import pytest

from api_jobs import environment, job
from chat_server import ChatServer, answer
from questions import KEY, answers_of, match
from touchline.core.problems import InputError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budget": {"max_usd": 1}, "prices": None}, "max_usd needs prices"),
        ({"budget": {"max_usd": 1}, "parameters": {}}, "max_usd needs max_completion_tokens"),
        ({"base": "a-folder"}, "either a model or a base"),
        ({"modle": "o4-mini"}, "no setting modle"),
        ({"prices": {"input": 1}}, "prices has no output, which is needed"),
        ({"prices": 5}, "prices is 5: give a mapping"),
        ({"parameters": [1]}, "parameters is .1.: give a mapping"),
        ({"timeout_s": "10"}, "timeout_s is '10': give a number of seconds"),
        ({"batch": "no"}, "batch is 'no': give true or false"),
        ({"base_url": None}, "base_url is None: give the address"),
        ({"prompt": ["video"]}, "prompt is .*: give a mapping"),
        ({"prompt": {"inputs": ["sound"]}}, "give one or both of"),
        ({"api_key_variable": "NOT_SET"}, "the environment variable NOT_SET is not set"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_asked(settings, said):
    with ChatServer() as server:
        with pytest.raises(InputError, match=said):
            answers_of(server, **settings)
        assert server.asked == []


async def _show_a_page(exchange):
    await exchange.send(b"<!doctype html><title>Welcome</title>")


async def _know_no_such_path(exchange):
    await exchange.fail(404, message="Not Found")


async def _compile_no_grammar(exchange):
    await exchange.fail(400, message="the grammar cannot be compiled")


@pytest.mark.parametrize(
    ("behave", "said"),
    [(_show_a_page, "not JSON, it starts with '<!doctype html>.*whether base_url is the address"),
     (_know_no_such_path, r"404 .*ends in /v1, and whether the server has a model of this name"),
     (_compile_no_grammar, "the grammar cannot be compiled.*set answer_format to sentences")],
)  # fmt: skip
def test_what_a_wrong_address_or_format_of_answers_leads_to_is_told_with_a_remedy(behave, said):
    with ChatServer(behave) as server, pytest.raises(InputError, match=said):
        answers_of(server, questions="chunk", answer_format="json_schema", retries=0)


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
            await exchange.fail(500, message=said)
        else:
            await exchange.fail(401, message=said)

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

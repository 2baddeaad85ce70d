"""The journal of an API model: after a kill and when it is damaged."""

import asyncio
import os
import signal
import subprocess
import time

import pytest

from api_jobs import environment, job
from chat_server import ChatServer, answer
from questions import answers_of, content, entry, match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.api.server import journal_path, parse_settings


def test_a_damaged_journal_is_a_sentence_and_stays_as_it_is():
    with ChatServer() as server:
        path = journal_path(parse_settings(entry(server)))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"no journal any more" * 1000)
        with pytest.raises(InputError, match="not a readable journal"):
            answers_of(server)
        assert path.read_bytes().startswith(b"no journal")
        assert server.asked == []


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

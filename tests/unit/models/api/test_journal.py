"""The journal of an API model: after a kill, and when it is damaged, locked or full."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from api_jobs import environment, job
from chat_server import ChatServer, answer
from questions import ACTIONS, answers_of, content, entry, match, requests_of
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.api import journal, journal_tables
from touchline.models.api.server import journal_path, parse_settings


@pytest.fixture
def answered():
    """Answer a match once; return the server and the path of the journal."""
    with ChatServer() as server:
        answers_of(server)
        server.asked.clear()
        yield server, journal_path(parse_settings(entry(server)))


def change(path, *statements):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        for statement in statements:
            file.execute(statement)


DAMAGES = {
    "no database": lambda path: path.write_bytes(b"no journal any more" * 1000),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:9000]),
    "cut in the first page": lambda path: path.write_bytes(path.read_bytes()[:50]),
    "blanked": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + bytes(path.stat().st_size - 4096)
    ),
    "another database": lambda path: (path.unlink(), change(path, "CREATE TABLE x (y)")),
    "without answers": lambda path: change(path, "DROP TABLE answers"),
    "without batches": lambda path: change(path, "DROP TABLE batches"),
    "other columns": lambda path: change(path, "ALTER TABLE answers RENAME COLUMN record TO x"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "no spending": lambda path: change(path, "DELETE FROM spending"),
    "spending twice": lambda path: change(path, "INSERT INTO spending VALUES (0, 0.0)"),
    "odd spending": lambda path: change(path, "UPDATE spending SET usd = 'much'"),
    "endless spending": lambda path: change(path, "UPDATE spending SET usd = 9e999"),
    "unknown spending": lambda path: change(path, "UPDATE spending SET usd = NULL"),
    "no record": lambda path: change(path, "UPDATE answers SET record = NULL"),
    "no JSON": lambda path: change(path, "UPDATE answers SET record = '{\"text\": '"),
    "another JSON": lambda path: change(path, "UPDATE answers SET record = '[1, 2]'"),
    "deep JSON": lambda path: change(
        path, "UPDATE answers SET record = replace(hex(zeroblob(50000)), '0', '[')"
    ),
    "no text": lambda path: change(path, "UPDATE answers SET record = x'ff00ff'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_a_sentence_with_its_name_and_what_deleting_it_costs(answered, damage):
    server, path = answered
    DAMAGES[damage](path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(InputError, match="not a readable journal") as raised:
        answers_of(server)
    assert str(path) in str(raised.value)
    assert "if it is deleted, all prompts of this model are asked and paid again" in str(
        raised.value
    )
    assert server.asked == []
    assert not path.is_file() or path.read_bytes() == before


def test_an_answer_of_an_earlier_version_is_read_with_what_is_right_in_it(answered):
    """Earlier versions stored impossible counts, and tokens that do not spell the text."""
    server, path = answered
    record = {"text": "A Goal occurs at (00:10, 00:22).", "finish_reason": "stop", "seconds": 1.0,
              "prompt_tokens": 100, "cached_tokens": 10**9, "answer_tokens": 2**63,
              "tokens": [[50, -0.1]]}  # fmt: skip
    change(path, f"UPDATE answers SET record = '{json.dumps(record)}'")
    table = answers_of(server)
    schema.write("out.parquet", table, schema.PREDICTIONS)
    assert table["answer_tokens"].null_count() == table["cost_usd"].null_count() == len(table)
    (interval,) = table.filter(action="goal", chunk=0)["intervals"].item()
    assert interval["confidence"] is None
    assert server.asked == []


def test_negative_costs_of_an_earlier_version_do_not_enlarge_the_budget(answered):
    server, path = answered
    change(path, "UPDATE spending SET usd = -1000.0, requests = -1000")
    with pytest.raises(InputError, match="has no room"):
        answers_of(server, match(name="another", chunks=6), budget={"max_requests": 7})
    assert len(server.asked) == 7


def test_a_locked_journal_is_not_to_be_moved_away(answered, monkeypatch):
    server, path = answered
    monkeypatch.setattr(journal, "BUSY_TIMEOUT_S", 0.2)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="has locked the journal") as raised:
            answers_of(server)
        assert "Leave the file where it is" in str(raised.value)
        assert "delete" not in str(raised.value)
    answers_of(server)
    assert server.asked == []


def test_a_journal_that_is_locked_while_answers_arrive_is_a_sentence(monkeypatch):
    monkeypatch.setattr(journal, "BUSY_TIMEOUT_S", 0.2)
    with ChatServer() as server:
        path = journal_path(parse_settings(entry(server)))
        with contextlib.ExitStack() as stack:

            async def lock_then_answer(exchange):
                if exchange.number == 6:
                    other = sqlite3.connect(
                        path, timeout=5, isolation_level=None, check_same_thread=False
                    )
                    stack.callback(other.close)
                    other.execute("BEGIN IMMEDIATE")
                await answer(exchange)

            server.behave = lock_then_answer
            with pytest.raises(InputError, match="has locked the journal"):
                answers_of(server, concurrency=1)


def test_a_journal_that_cannot_be_written_is_a_sentence(answered):
    _, path = answered
    with contextlib.closing(journal.Journal(path)) as opened:
        opened._thread.submit(opened._connection.execute, "PRAGMA max_page_count = 1").result()
        record = {"text": "x" * 100_000, "finish_reason": None}
        settle = partial(journal_tables.settle, key="k", sample="s", record=record,
                         reserved_usd=0.0, usd=0.0)  # fmt: skip
        with pytest.raises(InputError, match=r"cannot be opened or written.*full"):
            opened.apply(settle)
        assert opened.apply(journal_tables.read_spending).requests == 20


def test_jobs_that_start_together_make_one_journal(tmp_path):
    path = tmp_path / "new" / "journal.sqlite"
    count = 16
    together = threading.Barrier(count)

    def start(number: int) -> None:
        together.wait()
        with contextlib.closing(journal.Journal(path)) as opened:
            assert opened.apply(partial(journal_tables.reserve, usd=1.0, max_usd=None,
                                        max_requests=None))  # fmt: skip

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(start, range(count)))
    with contextlib.closing(journal.Journal(path)) as opened:
        assert opened.apply(journal_tables.read_spending) == (count, pytest.approx(count))
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.lock", path.name]


def test_a_job_that_is_killed_asks_again_only_for_what_was_under_way(tmp_path, kind):
    a_match = match(chunks=40 if kind == "action" else 60)
    whole = requests_of(kind, len(a_match.samples) // len(ACTIONS))
    half, concurrency = whole // 2, 16 if kind == "action" else 4

    async def slowly(exchange):
        await asyncio.sleep(0.05)
        await answer(exchange)

    with ChatServer(slowly) as server:
        command = job(server, a_match, concurrency=concurrency)
        killed = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
        while len(server.asked) < half:
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        time.sleep(0.2)
        before = len(server.asked)
        assert half <= before < whole
        assert not os.path.exists("out.parquet")
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        prompts = [str(body) for body in server.asked]
        repeated = set(prompts[:before]) & set(prompts[before:])
        assert len(set(prompts)) == whole
        assert len(prompts) - whole == len(repeated) <= concurrency
        print(f"{before} requests before SIGKILL, {len(repeated)} repeated")
    resumed = content(schema.read("out.parquet", schema.PREDICTIONS))
    with ChatServer() as server:  # another address, so another journal
        assert resumed.equals(content(answers_of(server, a_match)))

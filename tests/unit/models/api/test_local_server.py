"""`transformers serve` for a job: real answers, and no server left behind however the job ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from chunks import tiny_base
from project import ENVIRONMENT
from questions import match
from touchline.core.problems import InputError
from touchline.models.api import local_server, openai_api
from touchline.models.lm import causal_lm

PROMPT = {"clock": "chunk", "examples": False}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("base")
    tiny_base(folder, "mistral", weight_std=0.3, seed=2)
    return str(folder)


def children(parent: int) -> list[int]:
    """Return the processes that a process started."""
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        return list(map(int, file.read().split()))


def runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def new_children():
    """Return the processes that this one has started since the test began."""
    before = set(
        children(os.getpid())
    )  # of other tests, such as multiprocessing's resource tracker
    return lambda: [child for child in children(os.getpid()) if child not in before]


def test_a_served_base_gives_the_answers_of_the_same_base_in_process(
    base, tmp_path, monkeypatch, new_children
):
    monkeypatch.chdir(tmp_path)
    settings = {"base": base, "parameters": {"max_tokens": 24, "temperature": 0}, "prompt": PROMPT,
                "questions": "action", "concurrency": 2}  # fmt: skip
    served = openai_api.load(settings, None).answer(match())
    prompt = PROMPT | {"inputs": ["commentary"]}
    settings = {"base": base, "answers": "text", "max_new_tokens": 24, "prompt": prompt}
    own = causal_lm.load(settings, None).answer(match())
    assert len(set(own["text"])) > 1, "the answers do not differ"
    same = ["half", "chunk", "action", "status", "text", "prompt_tokens", "answer_tokens"]
    assert served.select(same).equals(own.select(same))
    assert served.schema == own.schema
    assert list(tmp_path.iterdir()) == []  # no journal of what costs nothing
    assert new_children() == []


def test_transformers_serve_takes_the_requests_of_a_chunk(base, tmp_path, monkeypatch):
    """As the table of local servers says: it takes a schema and does not hold the answers to it."""
    monkeypatch.chdir(tmp_path)
    with local_server.serve(base) as address:
        tables = {
            form: openai_api.load({
                "model": base, "base_url": address, "api_key_variable": None, "prompt": PROMPT,
                "parameters": {"max_tokens": 8, "temperature": 0}, "answer_format": form,
            }, None).answer(match(chunks=2))
            for form in ("sentences", "json_schema")
        }  # fmt: skip
    for table in tables.values():
        assert len(table) == 10
        assert 0 < table["answer_tokens"].sum() <= 2 * 8
        assert table["prompt_tokens"].min() > 0
        assert "skipped" not in table["status"]
    assert not tables["json_schema"]["text"][0].startswith("{")


def test_the_server_ends_when_the_job_fails(base, new_children):
    def fail():
        with local_server.serve(base):
            (server,) = new_children()
            assert runs(server)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert new_children() == []


JOB = """
import sys, time
from touchline.models.api import local_server
with local_server.serve(sys.argv[1]) as address:
    print(address, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_when_the_job_is_killed(base, end):
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, base],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert job.stdout.readline().startswith("http://127.0.0.1:")
    (server,) = children(job.pid)
    assert runs(server)
    job.send_signal(end)
    job.wait()
    deadline = time.monotonic() + 10
    while runs(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(server)


def test_a_base_that_cannot_be_served_is_a_sentence(tmp_path, new_children):
    with pytest.raises(InputError, match="cannot serve it"), local_server.serve(str(tmp_path)):
        pass
    assert new_children() == []

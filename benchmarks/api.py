"""Throughput and memory of the openai_api backend.

    python benchmarks/api.py

The server is local, answers each request after 1 s and processes 64 at a time, so the upper bound
is 64 answers/s: as many samples with one request for each, and seven times as many samples with one
request for the seven actions of a chunk. The client is the backend as `infer` runs it, in a process of
its own: requests, answers, journal on the disk, table.
"""

import argparse
import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.models.api import openai_api
from touchline.models.backend import Match

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from chat_server import ChatServer, answer

ACTIONS = ["corner", "shots_on_target", "goal", "clearance", "foul", "free_kick", "substitution"]
LINE = "and he plays it back to the middle"
LINES = 15  # in a minute, and 9 words in each: the median of SoccerNet-Echoes in English


def make_samples_of(count: int) -> pl.DataFrame:
    """Return `count` samples of one-hour halves, with commentary of real length in every chunk."""
    tables, chunks = [], 60
    for half in range(1, 2 + count // (chunks * len(ACTIONS))):
        lines = [
            (half, 60.0 * chunk + 4 * line, 60.0 * chunk + 4 * line + 3, f"{LINE} {half}.{line}")
            for chunk in range(chunks)
            for line in range(LINES)
        ]
        segments = pl.DataFrame(lines, schema.COMMENTARY, orient="row")
        tables.append(make_samples(segments, {half: 60.0 * chunks}, ACTIONS, 60.0, 0.0))
    return pl.concat(tables).head(count)


def client(address: str, concurrency: int, questions: str) -> None:
    """Ask about the samples in the working directory; print the rate and the memory as JSON."""
    match = Match("a-match", schema.read("samples.parquet", schema.SAMPLES))
    samples = match.samples.height
    settings = {
        "model": "a-model",
        "base_url": address,
        "api_key_variable": None,
        "parameters": {"max_completion_tokens": 100},
        "prices": {"input": 1.1, "cached": 0.275, "output": 4.4},
        "budget": {"max_usd": 1000},
        "concurrency": concurrency,
        "questions": questions,
    }
    model = openai_api.load(settings, None)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    table = model.answer(match)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert table["status"].is_in(["ok", "none"]).all()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({
        "questions": questions, "samples": samples, "samples_per_s": samples / seconds,
        "cpu_ms_per_sample": 1000 * cpu_s / samples,
        "peak_mib_before": before.ru_maxrss / 1024, "peak_mib": after.ru_maxrss / 1024,
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--at-once", type=int, default=64, help="(%(default)s)")
    parser.add_argument(
        "--questions", nargs="+", default=["action", "chunk"], choices=["action", "chunk"]
    )
    parser.add_argument("--client", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        client(args.client, args.at_once, args.questions[0])
        return
    places = asyncio.Semaphore(args.at_once)

    async def after_a_second(exchange) -> None:
        async with places:
            await asyncio.sleep(1)
            await answer(exchange)

    rows = []
    for samples, questions in itertools.product(args.samples, args.questions):
        with ChatServer(after_a_second) as server, tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(Path(__file__).resolve()), "--client", server.address]
            command += ["--at-once", str(args.at_once), "--questions", questions]
            table = make_samples_of(samples)
            schema.write(Path(folder) / "samples.parquet", table, schema.SAMPLES)
            run = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True)
            made = {"requests": len(server.asked), "most_under_way": server.most_under_way}
            rows.append(json.loads(run.stdout) | made)
    print(pl.DataFrame(rows).with_columns(pl.selectors.float().round(1)))


if __name__ == "__main__":
    main()

"""The two backends that read commentary alone, through the rules: in-process, served, and an API."""

import polars as pl
import pytest

from chat_server import ChatServer, answer
from chunks import tiny_base
from project import Study
from touchline.core import schema

TABLES = "results/metrics.csv"  # and no figures nor report, which know nothing of these backends
PROMPT = {"clock": "chunk", "instructions": False, "examples": False}


def configure(study: Study, models: dict) -> None:
    """Compare these models with the baseline."""
    study.configure(compare=["constant", *models], models=models)


def answers_of(study: Study) -> dict[str, dict]:
    table = pl.read_csv(study.folder / "demo/results/answers.csv")
    return {row["model"]: row for row in table.iter_rows(named=True)}


def test_a_text_model_gives_the_same_rows_in_process_and_served(study, tmp_path):
    tiny_base(tmp_path / "base", "mistral", weight_std=0.3, seed=2)
    base = str(tmp_path / "base")
    configure(study, {
        "text": {"backend": "causal_lm", "base": base, "fine_tune": False, "max_new_tokens": 12,
                 "answers": "text", "prompt": PROMPT | {"inputs": ["commentary"]}},
        "served": {"backend": "openai_api", "base": base, "prompt": PROMPT, "concurrency": 2,
                   "questions": "action", "parameters": {"max_tokens": 12, "temperature": 0}},
        "by-chunk": {"backend": "openai_api", "base": base, "prompt": PROMPT, "concurrency": 2,
                     "parameters": {"max_tokens": 12, "temperature": 0}},
    })  # fmt: skip
    sheet = study.folder / "demo/matches.csv"
    rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join(rows[:-2]) + "\n")  # without one of the two test matches
    study.snakemake(TABLES)
    assert study.plan(TABLES) == {}
    results = study.folder / "demo/results"
    metrics = pl.read_csv(results / "metrics.csv").filter(action="all", protocol="full")
    assert metrics["model"].unique().sort().to_list() == ["by-chunk", "constant", "served", "text"]
    assert metrics["samples"].unique().to_list() == [42]
    matches = [path.name for path in (results / "predictions/text").iterdir()]
    assert len(matches) == 1
    for match in matches:
        text, served = (
            schema.read(results / "predictions" / model / match, schema.PREDICTIONS)
            for model in ("text", "served")
        )
        assert text["text"].equals(served["text"])
    found = answers_of(study)
    assert found["text"]["samples"] == found["served"]["samples"] == 42
    assert found["served"]["prompt_tokens"] == found["text"]["prompt_tokens"] > 42
    assert found["served"]["failed"] == found["text"]["failed"] > 0.5  # random weights
    assert found["by-chunk"]["samples"] == 42
    assert found["by-chunk"]["prompt_tokens"] < found["served"]["prompt_tokens"] / 4


def test_the_shipped_model_is_compared_without_a_training_and_its_files_count(study):
    study.configure(compare=["constant", "commentary"])
    study.snakemake(TABLES)
    results = study.folder / "demo/results"
    metrics = pl.read_csv(results / "metrics.csv").filter(action="all", protocol="full")
    assert metrics["model"].unique().sort().to_list() == ["commentary", "constant"]
    assert not (results / "models/commentary").exists()
    thresholds = pl.read_csv(results / "scores/commentary.thresholds.csv")
    assert set(thresholds["threshold"]) == {0.21}
    assert study.plan(TABLES) == {}
    shipped = study.library / "models/words/shipped"
    (shipped / "README.md").write_text("another card")
    assert study.plan(TABLES) == {}
    study.edit(shipped / "model.json", '"threshold"', '"former threshold"')
    assert study.plan(TABLES) == {"infer": 2, "score": 1, "metrics": 1}


@pytest.fixture
def server():
    with ChatServer() as server:
        yield server


def paid(server: ChatServer, **settings) -> dict:
    return {"chat": {
        "backend": "openai_api", "model": "a-model", "base_url": server.address,
        "api_key_variable": None, "prompt": PROMPT, "concurrency": 2, "retries": 0,
        "questions": "action", "ask_silent": True,
        "parameters": {"max_completion_tokens": 50}, "prices": {"input": 1.0, "output": 4.0},
    } | settings}  # fmt: skip


def test_answers_outlive_a_failed_job_and_the_next_run_asks_for_the_rest_alone(study, server):
    async def until_the_account_is_closed(exchange):
        await (answer(exchange) if exchange.number < 30 else exchange.fail(401, message="closed"))

    server.behave = until_the_account_is_closed
    configure(study, paid(server))
    failed = study.snakemake(TABLES, "--keep-going", check=False)
    assert failed.returncode != 0
    logs = [path.read_text() for path in study.folder.glob("demo/results/logs/infer/chat/*.log")]
    assert any("does not accept a request without a key" in log for log in logs)
    assert not list(study.folder.glob("demo/results/predictions/chat/*.parquet"))
    answered = [str(body) for body in server.asked[:30]]
    before = len(server.asked)

    server.behave = answer
    study.snakemake(TABLES)
    asked = [str(body) for body in server.asked[before:]]
    assert not set(asked) & set(answered)
    assert len({*asked, *answered}) == len(asked) + len(answered) <= 84
    row = answers_of(study)["chat"]
    assert (row["samples"], row["skipped"]) == (84, 0)
    assert row["ok"] > 10
    tokens = row["prompt_tokens"] * 1.0 + row["answer_tokens"] * 4.0
    assert 0 < row["cost_usd"] <= tokens / 1e6 + 1e-6

    before = len(server.asked)
    configure(study, paid(server, budget={"max_requests": 84}))
    assert study.plan(TABLES)["infer"] == 2
    study.snakemake(TABLES)
    assert len(server.asked) == before


def test_an_estimate_is_a_target_and_no_request(study, server):
    configure(study, paid(server, questions="chunk"))
    study.snakemake("results/estimates/chat.csv")
    table = pl.read_csv(study.folder / "demo/results/estimates/chat.csv")
    table = table.filter(questions="chunk")
    assert table["samples"].to_list() == [42, 42]
    assert table["short_usd"].min() > 0
    assert server.asked == []
    log = (study.folder / "demo/results/logs/estimate/chat.log").read_text()
    by_chunk, by_action = (line for line in log.splitlines() if line.startswith("questions: "))
    assert "chunk (as set): 84 samples" in by_chunk
    assert "action: 84 samples" in by_action


def test_settings_of_an_api_model_that_cannot_be_are_refused(study, server):
    for wrong, named in (
        ({"parameters": {"stream": True}}, "stream"),
        ({"base": "a-folder"}, "valid under each of"),
        ({"base_url": "file:///etc/passwd"}, "file:///etc/passwd"),
        ({"prompt": {"inputs": ["sound"]}}, "sound"),
        ({"concurrency": 0}, "concurrency"),
    ):
        configure(study, paid(server, **wrong))
        done = study.snakemake("--dry-run", check=False)
        assert done.returncode != 0
        assert named in done.stdout + done.stderr

"""Confidences from a server's top log-probabilities are those of the distribution over all answers."""

import json
import math

import polars as pl
import pytest
import torch

from chat_server import ChatServer, completion
from questions import KEY, answers_of, match
from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.demo import demo_matches
from touchline.models.api.completions import check_record, parse_completion
from touchline.models.api.requests import alternatives
from touchline.models.api.requests.alternatives import Token
from touchline.models.api.server import Server, parse_settings
from touchline.models.backend import Match
from touchline.models.lm import causal_lm
from touchline.models.lm.answering import Spotter
from touchline.prompts.moments import chunk_moments
from touchline.prompts.prompt_text import PromptSettings

PROMPT = {"inputs": ["commentary"], "clock": "chunk", "instructions": False, "examples": False}
ASKED = ("corner", "clearance", "foul", "free_kick", "goal", "substitution")
ASK = {"max_tokens": 50, "logprobs": True, "top_logprobs": 20}
MOMENTS = chunk_moments(1, 2220.0, 2280.0, PromptSettings(clock="half"))


def content(tokens: list[tuple[str, float, dict[str, float]]]) -> dict:
    """Return tokens with probabilities and alternatives as a server's `logprobs`."""
    return {
        "content": [
            {"token": text, "logprob": math.log(own), "bytes": list(text.encode()),
             "top_logprobs": [
                 {"token": other, "logprob": math.log(value), "bytes": list(other.encode())}
                 for other, value in ({text: own} | others).items()
             ]}
            for text, own, others in tokens
        ]
    }  # fmt: skip


class WritingServer:
    """What the base touchline:mistral writes greedily, with the 20 most probable tokens at each."""

    def __init__(self, spotter: Spotter) -> None:
        self.model, self.tokenizer = spotter.model, spotter.encoder.tokenizer
        self.written: dict[str, list] = {}  # by prompt

    @torch.inference_mode()
    async def answer(self, exchange) -> None:
        prompt = self.tokenizer.apply_chat_template(
            exchange.body["messages"], tokenize=False, add_generation_prompt=True
        )
        if prompt not in self.written:
            self.written[prompt] = self._write(prompt)
        written = self.written[prompt]
        body = completion(exchange.body, "".join(text for text, *_ in written))
        if not exchange.body.get("top_logprobs"):
            written = [(text, value, {}) for text, value, _ in written]
        body["choices"][0]["logprobs"] = content(written)
        await exchange.send(body)

    def _write(self, prompt: str) -> list[tuple[str, float, dict[str, float]]]:
        """Return each token of the answer, its probability and those of other tokens there."""
        ids = self.tokenizer(prompt, add_special_tokens=False).input_ids
        written: list[tuple[str, float, dict[str, float]]] = []
        while len(written) < 40:
            logits = self.model(input_ids=torch.tensor([ids]), logits_to_keep=1).logits
            values, tokens = logits[0, -1].softmax(0).topk(20)
            ids.append(int(tokens[0]))
            if ids[-1] == self.tokenizer.eos_token_id:
                break
            names = [self.tokenizer.decode([token]) for token in tokens.tolist()]
            listed = dict(zip(names, values.tolist(), strict=True))
            written.append((names[0], listed.pop(names[0]), listed))
        return written


def test_a_servers_confidences_are_those_of_the_whole_distribution():
    game = demo_matches.games(1, 240.0, seed=2)[0]
    said = demo_matches.commentary(game.script, 1)["segments"].values()
    segments = pl.DataFrame(
        [(1, *line) for line in said if line[0] < 120], schema.COMMENTARY, orient="row"
    )
    a_match = Match("a", make_samples(segments, {1: 120.0}, list(ASKED), 60.0, 0.0))
    settings = {"base": "touchline:mistral", "quantize": None, "device": "cpu", "prompt": PROMPT}
    spotter = causal_lm.load(settings, None)
    whole = spotter.answer(a_match)
    with ChatServer(WritingServer(spotter).answer) as server:
        listed = answers_of(server, a_match, parameters=ASK, prompt=PROMPT, timeout_s=300)
        alone = answers_of(
            server, a_match, parameters={"max_tokens": 50}, prompt=PROMPT, timeout_s=300
        )
    for sure, told in zip(whole["outside"], listed["outside"], strict=True):
        assert told == pytest.approx(sure, abs=1e-3)  # so P(occurs) + P(does not) are the same
    stated = listed["status"] == "ok"
    assert stated.sum() == 5
    assert listed.filter(~stated)["intervals"].list.len().sum() == 0

    def most(table: pl.DataFrame) -> pl.Series:
        return table.filter(stated)["intervals"].list.eval(
            pl.element().struct.field("confidence").max()
        ).explode()  # fmt: skip

    assert (most(whole) - most(listed)).abs().max() < 0.1
    # Of the text's own tokens alone, the confidence is that of this one second.
    assert (most(alone) < most(whole) / 2).all()


def test_what_the_tokens_leave_open_is_spread_over_the_answers_that_it_may_be():
    tokens = [
        Token("A Goal occurs at (", 0.8, [("No", 0.15), ("I", 0.05)]),
        Token("37:", 0.9, [("38", 0.1)]),
        Token("1", 0.5, [("2", 0.3), ("9", 0.1)]),
        Token("2", 0.6, [("3", 0.4)]),
        Token(", 37:24).", 0.9, []),
    ]
    reading = alternatives.read(tokens, "goal", MOMENTS)
    assert reading.none == pytest.approx(0.15)
    # No sentence starts at 38: or has a 9 there, and a tenth of the third token is not listed.
    assert reading.occurs == pytest.approx(0.8 * 0.9 * 0.8)
    assert reading.outside == pytest.approx(1 - 0.15 - 0.8 * 0.9 * 0.8)
    started = {
        round(time_s) - 6: value
        for time_s, value in zip(MOMENTS.times_s, reading.first, strict=True)
    }
    assert started[2232] == pytest.approx(0.8 * 0.9 * 0.5 * 0.6)  # 37:12
    assert started[2233] == pytest.approx(0.8 * 0.9 * 0.5 * 0.4)
    assert started[2234] == 0
    for second in range(2240, 2250):  # 37:2., of which no more is told
        assert started[second] == pytest.approx(0.8 * 0.9 * 0.3 / 10)
    (best,) = [row for row in reading.intervals() if row["confidence"] > 0.3]
    assert best["end_s"] - best["start_s"] == 12
    assert 0.8 * 0.9 * 0.5 < best["confidence"] < 0.8 * 0.9 * 0.8


def test_a_second_occurrence_counts_given_the_first():
    first = "A Goal occurs at (37:02, 37:14)."
    tokens = [
        Token("A Goal occurs at (37:02", 0.9, [("No", 0.1)]),
        Token(", 37:14).", 1.0, []),
        Token(" A Goal occurs at (37:", 0.7, []),
        Token("40", 0.5, [("41", 0.5)]),
        Token(", 37:52).", 1.0, []),
    ]
    reading = alternatives.read(tokens, "goal", MOMENTS)
    (early, late) = reading.intervals()
    assert early["confidence"] == pytest.approx(0.9)
    assert late["confidence"] == pytest.approx(0.9 * 0.7)
    assert MOMENTS.answer("goal", [MOMENTS.index_of(2228.0)]) == first


def test_other_texts_than_the_answers_have_the_confidence_of_their_tokens():
    async def loosely(exchange):
        text = "I think a goal occurs at 00:10 - 00:22."
        body = completion(exchange.body, text)
        body["choices"][0]["logprobs"] = content(
            [(text[:8], 0.5, {"No": 0.4}), (text[8:], 0.5, {})]
        )
        await exchange.send(body)

    with ChatServer(loosely) as server:
        table = answers_of(server, match(chunks=1), parameters=ASK)
    row = table.row(by_predicate=pl.col("action") == "goal", named=True)
    assert [interval["confidence"] for interval in row["intervals"]] == [pytest.approx(0.25)]
    assert (row["outside"], row["status"]) == (None, "repaired")


@pytest.mark.parametrize("odd", [7, "odd", [7], [{"token": "a"}], [{"token": "a", "logprob": "b"}]])
def test_odd_alternatives_cost_no_more_than_themselves(odd):
    body = completion({"messages": [], "model": "m"}, "No Goal occurs.")
    logprobs = content([("No Goal occurs.", 0.5, {"A": 0.25})])
    body["choices"][0]["logprobs"] = logprobs
    record = parse_completion(body)
    assert record["alternatives"] == [[["A", math.log(0.25)]]]
    assert check_record(json.loads(json.dumps(record))) == record
    logprobs["content"][0]["top_logprobs"] = odd
    record = parse_completion(body)
    assert "alternatives" not in record
    assert record["tokens"] == [[15, math.log(0.5)]]
    assert check_record(record | {"alternatives": [odd]})["alternatives"] == []


def test_no_alternative_shows_the_key(monkeypatch):
    monkeypatch.setenv("TOUCHLINE_TEST_KEY", KEY)
    server = Server(parse_settings({"model": "m", "api_key_variable": "TOUCHLINE_TEST_KEY"}))
    body = completion({"messages": [], "model": "m"}, "No Goal occurs.")
    body["choices"][0]["logprobs"] = content([("No Goal occurs.", 0.5, {KEY: 0.25})])
    assert KEY[:12] not in json.dumps(server.strike_record(parse_completion(body)))

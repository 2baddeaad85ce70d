"""The table of OpenAI's models: prices, what a model cannot do, and what an unknown one lacks."""

import json
from datetime import date
from pathlib import Path

import pytest

from chat_server import ChatServer
from questions import answers_of, match
from touchline.core.config import read_defaults
from touchline.core.problems import InputError
from touchline.models.api import known_models
from touchline.models.api.completions import Prices
from touchline.models.api.requests.questions import build_questions
from touchline.models.api.server import OPENAI, parse_settings

LIMIT = {"parameters": {"max_completion_tokens": 500}, "budget": {"max_usd": 1}}


@pytest.mark.parametrize("name", known_models.names())
def test_every_row_has_prices_a_source_and_dates(name):
    model = known_models.find(OPENAI, name)
    assert model.source.startswith("https://developers.openai.com/")
    assert date.fromisoformat(known_models.checked_on()) >= date(2026, 11, 27)
    assert Prices(**model.prices).usd(10**5, 0) == pytest.approx(model.prices["input"] / 10)
    assert parse_settings({"model": name}).prices == Prices(**model.prices)
    assert parse_settings({"model": name}).as_json == model.structured_outputs


def test_the_default_entry_names_a_model_without_an_end():
    models = read_defaults()["models"]
    assert known_models.find(OPENAI, models["gpt-6-luna"]["model"]).ends is None
    assert known_models.notes(OPENAI, "gpt-6-luna", True) == []
    (note,) = known_models.notes(OPENAI, "o4-mini", True)
    assert "OpenAI shut it down on 2026-10-23" in note
    assert "gpt-6-luna" in note


def test_the_users_own_entry_goes_before_the_table():
    own = {"input": 7, "output": 8}
    assert parse_settings({"model": "gpt-6-luna", "prices": own}).prices == Prices(7, 8)
    assert parse_settings({"model": "gpt-6-luna", "prices": None}).prices is None
    elsewhere = parse_settings({"model": "gpt-6-luna", "base_url": "https://example.org/v1"})
    assert elsewhere.prices is None
    assert not elsewhere.as_json
    assert not parse_settings({"model": "gpt-6-luna", "answer_format": "sentences"}).as_json


def test_an_unknown_model_says_what_is_missing():
    (note,) = known_models.notes(OPENAI, "gpt-9", False)
    assert "gpt-9 is not in Touchline's table" in note
    assert "Give prices" in note
    assert known_models.notes(OPENAI, "gpt-9", True) == []
    assert known_models.notes("http://localhost:8000/v1", "gpt-9", False) == []
    with pytest.raises(InputError, match=r"needs prices.* gpt-9 is not among the models"):
        parse_settings({"model": "gpt-9", **LIMIT})
    parse_settings({"model": "gpt-6-luna", **LIMIT})


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"model": "o4-mini", "parameters": {"reasoning_effort": "max"}}, "it has low, medium, high"),
     ({"model": "gpt-4.1-mini", "parameters": {"reasoning_effort": "low"}}, "does not reason"),
     ({"model": "gpt-6-luna", "parameters": {"response_format": {}}}, "set by answer_format")],
)  # fmt: skip
def test_what_a_model_cannot_do_is_refused_before_it_costs(settings, said):
    with pytest.raises(InputError, match=said):
        parse_settings(settings)
    parse_settings(settings | {"base_url": "https://example.org/v1"})


@pytest.mark.parametrize("lack", ["logprobs", "batch", "structured_outputs", "images"])
def test_a_lack_that_the_table_has_is_told(lack, monkeypatch):
    table = json.loads(Path(known_models.__file__).with_suffix(".json").read_text())
    table["models"]["gpt-6-luna"][lack] = False
    monkeypatch.setattr(known_models, "_read", lambda: table)
    asked = {
        "logprobs": {"parameters": {"logprobs": True}},
        "batch": {"batch": True},
        "structured_outputs": {"answer_format": "json_schema"},
        "images": {"prompt": {"inputs": ["video"]}},
    }[lack]
    with pytest.raises(InputError, match=r"gpt-6-luna .*: (set|remove)"):
        parse_settings({"model": "gpt-6-luna"} | asked)


def test_writing_into_the_servers_cache_is_paid_for_and_avoided_where_nothing_is_read():
    """OpenAI's newer models charge for cache writes, and write each prompt unless told otherwise."""
    prices = Prices(1.0, 4.0, cached=0.1, cache_write=1.25)
    assert prices.usd(1000, 0, 200, 300) == pytest.approx((500 + 20 + 375) / 1e6)
    assert prices.max_usd(1000, 10) == pytest.approx((1250 + 40) / 1e6)
    for kind in ("action", "chunk"):
        settings = parse_settings({"model": "gpt-6-luna", "questions": kind})
        (question, *_) = build_questions(match(), settings).asked
        assert question.request.body["prompt_cache_options"] == {"mode": "explicit"}
        assert isinstance(question.request.body["messages"][0]["content"], str)
    own = {"prompt_cache_options": {"mode": "implicit"}}
    settings = parse_settings({"model": "gpt-6-luna", "parameters": own})
    assert build_questions(match(), settings).asked[0].request.body["prompt_cache_options"] == {
        "mode": "implicit"
    }


def test_a_start_that_is_long_enough_is_marked_for_the_cache(monkeypatch):
    monkeypatch.setattr("touchline.models.api.requests.questions.MIN_CACHED_TOKENS", 100)
    settings = parse_settings({"model": "gpt-6-luna"})
    (question, *_) = build_questions(match(), settings).asked
    (part,) = question.request.body["messages"][0]["content"]
    assert part["prompt_cache_breakpoint"] == {"mode": "explicit"}


def test_the_estimate_and_the_table_have_the_cached_share(monkeypatch, capsys):
    monkeypatch.setattr("touchline.models.api.cost_estimate.MIN_CACHED_TOKENS", 100)
    with ChatServer() as server:
        table = answers_of(server)
    # All but the first question of a chunk start as the one before.
    assert "from the server's cache" in capsys.readouterr().err
    assert (table["cached_tokens"] == table["prompt_tokens"] // 2).all()

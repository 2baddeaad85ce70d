"""Cost estimates of a paid model, before any request."""

from pathlib import Path

import polars as pl
import pytest

from chat_server import ChatServer
from questions import answers_of, entry, match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models import estimate
from touchline.models.api import openai_api
from touchline.models.api.completions import Prices
from touchline.models.api.cost_estimate import Estimate, estimate_cost
from touchline.models.api.journal import Journal
from touchline.models.api.requests.questions import build_questions
from touchline.models.api.server import parse_settings


def test_an_estimate_comes_first_and_is_no_request(capsys):
    with ChatServer() as server:
        answers_of(server)
        printed = capsys.readouterr().err
        assert "20 samples, 20 requests still to be made: about " in printed
        for number in (1, 2):
            samples = match(name=f"m{number}", chunks=4 * number).samples
            schema.write(f"results/samples/m{number}.parquet", samples, schema.SAMPLES)
        settings_json = pl.Series([entry(server)]).struct.json_encode().item()
        asked = len(server.asked)
        estimate.main(["--backend", "openai_api", "--settings", settings_json,
                       "--matches", "m1", "m2", "--out", "estimate.csv"])  # fmt: skip
        assert len(server.asked) == asked
    table = pl.read_csv("estimate.csv").filter(questions="action")
    # The first four chunks have been answered, and m1 has no others.
    assert table.select("match", "samples", "requests").rows() == [("m1", 20, 0), ("m2", 40, 20)]
    with ChatServer() as server:
        paid = answers_of(server, match(chunks=8, name="m2"), prices={"input": 1.0, "output": 4.0})
    short, most = table.row(1, named=True)["short_usd"], table.row(1, named=True)["most_usd"]
    assert 0 < short < paid["cost_usd"][20:].sum() < most
    printed = capsys.readouterr().out
    assert "estimate, 2 matches" in printed
    assert "Nothing was asked." in printed


def test_an_estimate_has_the_mean_cost_of_the_same_kind_of_questions_and_leaves_no_journal(
    workplace,
):
    with ChatServer() as server:
        settings = entry(server, questions="chunk", budget={"max_usd": 1})
        model = openai_api.load(settings, None)
        before = model.estimate(match(chunks=8), {})
        assert not (workplace / "results").exists()
        assert all(estimate.answered == 0 for estimate in before.values())
        paid = answers_of(server, questions="chunk")
        after = model.estimate(match(chunks=8), {})
    assert after["chunk"].answered == 4
    assert after["chunk"].answered_usd == pytest.approx(paid["cost_usd"].sum())
    mean_usd = paid["cost_usd"].sum() / 4
    assert f"{4 * mean_usd:.4f} USD at the mean cost of the 4 that are answered" in str(
        after["chunk"]
    )
    assert after["action"].answered == 0
    assert "mean cost" not in str(after["action"])


@pytest.mark.parametrize(
    ("usd", "shown"), [(0, "0.00"), (0.0012345, "0.0012"), (0.05, "0.050"), (1234.567, "1,234.57")]
)
def test_small_amounts_are_shown_to_two_digits(usd, shown):
    assert f"about {shown} USD" in str(Estimate(1, 1, 1, short_usd=usd))


def test_a_bound_is_rounded_up():
    assert "never above 1.01 USD" in str(Estimate(1, 1, 1, most_usd=1.0012))


def test_a_long_prompt_costs_more_as_at_openai():
    prices = Prices(1.0, 4.0, cached=0.1, long_prompt=1000)
    assert prices.usd(1000, 10, 500) == pytest.approx((500 + 50 + 40) / 1e6)
    assert prices.usd(1001, 10, 500) == pytest.approx((2 * (501 + 50) + 60) / 1e6)
    # Each request by itself, so that many short ones are not a long one.
    settings = parse_settings(
        {"model": "a-model", "prices": vars(Prices(1.0, 4.0, long_prompt=1000))}
    )
    journal = Journal(Path("journal.sqlite"))
    try:
        estimated = estimate_cost(build_questions(match(), settings), journal, settings, set())
    finally:
        journal.close()
    assert estimated.tokens > 1000
    assert estimated.short_usd == pytest.approx(Prices(1.0, 4.0).usd(estimated.tokens, 4 * 6))


def test_a_backend_that_costs_nothing_has_no_estimate():
    with pytest.raises(InputError, match="asks nobody for money"):
        estimate.main(["--backend", "constant", "--matches", "--out", "estimate.csv"])

"""Cost estimates of a paid model, before any request."""

import polars as pl
import pytest

from chat_server import ChatServer
from questions import answers_of, entry, match
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models import estimate


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
    assert "Nothing was asked." in capsys.readouterr().out


def test_a_backend_that_costs_nothing_has_no_estimate():
    with pytest.raises(InputError, match="asks nobody for money"):
        estimate.main(["--backend", "constant", "--matches", "--out", "estimate.csv"])

"""Queries: a corpus with the expected meaning of each, and queries that are refused."""

import csv
import json

import pytest

from project import ROOT
from reel_cases import ALL_ACTIONS, QUERY_VOCABULARY
from touchline.core.problems import InputError
from touchline.reels import query_times
from touchline.reels.query import Query, parse_query
from touchline.reels.query_times import Window

CLUBS = ["Chelsea", "West Ham"]
with open(ROOT / "tests/data/queries.csv", encoding="utf-8", newline="") as file:
    CORPUS = list(csv.DictReader(file))


def parse(text: str) -> Query:
    return parse_query(text, QUERY_VOCABULARY, CLUBS)


def expected_actions(cell: str) -> list[str]:
    """Return the actions of a cell: a list, or * for all, with those that are left out."""
    words = cell.split()
    if words[:1] == ["*"]:
        return [action for action in ALL_ACTIONS if f"-{action}" not in words]
    return sorted(words)


@pytest.mark.parametrize("row", CORPUS, ids=[row["query"] for row in CORPUS])
def test_a_query_means_what_its_writer_meant(row):
    query = parse(row["query"])
    limit = " ".join(str(word) for word in (query.pick, query.limit) if word is not None)
    assert {
        "actions": sorted(query.actions),
        "open": query.open_text or "",
        "halves": " ".join(map(str, query.halves)),
        "windows": "; ".join(map(str, query.windows)),
        "team": query.team or "",
        "limit": limit,
        "order": query.order or "",
        "ignored": " ".join(query.ignored),
    } == {name: row[name] for name in row if name not in ("query", "style", "actions")} | {
        "actions": expected_actions(row["actions"])
    }


def test_the_corpus_is_large_and_has_queries_that_the_parser_was_not_written_for():
    styles = [row["style"] for row in CORPUS]
    assert len(styles) >= 80
    assert styles.count("held-out") >= 15


def test_a_reading_is_told_with_what_was_mended_and_what_was_not_understood():
    query = parse("Show me the golas by Smith after 60', top 3")
    assert query.describe() == (
        'Understood: Goal; after 60 min; the 3 most confident. "golas" was read as "goals". '
        "Not understood: smith."
    )
    assert parse("the home team's dribbles").describe() == (
        'Understood: an open question: "dribbles"; home team.'
    )


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_query_is_refused(text):
    with pytest.raises(InputError, match="the query is empty"):
        parse(text)


def test_a_query_of_ten_thousand_characters_is_refused():
    with pytest.raises(InputError, match="10000 characters; the limit is 500"):
        parse("goals " * 1666 + "goal")


@pytest.mark.parametrize(
    "text",
    [
        "goals in the first half of the second half",
        "second half goals before the break",
        "goals in the first half after 60'",
        "corners before 20' and after 30'",
        "goals before the break after 70 minutes",
        "first half goals in the first half of extra time",
    ],
)
def test_a_query_that_contradicts_itself_is_refused(text):
    with pytest.raises(InputError, match=r"half of a half|different halves|no moment"):
        parse(text)


def test_leaving_out_every_action_that_is_named_is_refused():
    query = parse("no goals")
    assert "goal" not in query.actions
    assert len(query.actions) == len(ALL_ACTIONS) - 1
    with pytest.raises(InputError, match="leaves out"):
        parse("shots without attempts")


@pytest.mark.parametrize("text", [row["query"] for row in CORPUS] + ["golas of the home team"])
def test_a_parsed_query_is_the_same_after_json(text):
    query = parse(text)
    assert Query.from_dict(json.loads(json.dumps(query.to_dict()))) == query


def test_spans_are_seconds_of_each_half():
    lengths = {1: 2760.0, 2: 2850.0}
    spans_of_halves = query_times.spans_of_halves

    def spans(text):
        query = parse(text)
        return spans_of_halves(query.halves, query.windows, lengths)

    assert spans("goals") == {1: (0, 2760), 2: (0, 2850)}
    assert spans("goals in the last ten minutes") == {2: (2250, 2850)}
    assert spans("goals in the first ten minutes") == {1: (0, 600)}
    assert spans("goals in the last ten minutes of the first half") == {1: (2160, 2760)}
    assert spans("goals after 60'") == {2: (900, 2850)}
    assert spans("goals before 60'") == {1: (0, 2760), 2: (0, 900)}
    assert spans("goals before 45'") == {1: (0, 2700)}
    assert spans("goals in the 75th minute") == {2: (29 * 60, 30 * 60)}
    assert spans("goals in stoppage time") == {1: (2700, 2760), 2: (2700, 2850)}
    assert spans("goals after 10 minutes of the second half") == {2: (600, 2850)}
    assert spans("goals after 60' in the last ten minutes") == {2: (2250, 2850)}
    assert spans_of_halves((), (Window("match", 60, 90),), {1: 100.0}) == {}

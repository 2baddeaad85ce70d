"""Queries, with anything typed into them: a query that can be cut, or one sentence."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from fuzz import any_json, fuzz, outcome
from reel_cases import QUERY_VOCABULARY
from touchline.reels import query_times
from touchline.reels.query import MAX_LENGTH, Query, parse_query
from touchline.reels.vocabulary import FILLERS, NUMBERS

CLUBS = ["Chelsea", "West Ham"]
NUMERALS = st.integers(0, 10**12).map(str) | st.sampled_from(
    ["9" * 400, "0", "²", "٣", "45+2", "3-0"]
)
ODD = ["except", "top", "home", "chelsea", "west ham", "'", "–", "(", "_", "\x01", "\x020", "no"]
KNOWN = QUERY_VOCABULARY.words | query_times.WORDS | FILLERS | set(NUMBERS)
WORDS = st.sampled_from([*sorted(KNOWN), *ODD])
TYPED = st.lists(WORDS | NUMERALS | st.text(max_size=6), max_size=12).map(" ".join)


@fuzz
@given(TYPED | st.text(max_size=200), st.sampled_from([CLUBS, [], ["", "goal", "1"]]))
@example("goals after " + "9" * 400 + " minutes", CLUBS)
@example("top " + "9" * 480, CLUBS)
@example("\x01\x01 goals", CLUBS)
@example("\x0199 goals", CLUBS)
@example("goals \ud800", CLUBS)
def test_any_text_is_a_query_that_can_be_cut_or_refused_in_a_sentence(text, clubs):
    query, sentence = outcome(lambda: parse_query(text, QUERY_VOCABULARY, clubs))
    if sentence is not None:
        assert sentence
        assert len(sentence) < 2 * MAX_LENGTH
        return
    assert query.actions or query.open_text
    assert query.describe()
    assert query.limit is None or query.limit >= 0
    spans = query_times.spans_of_halves(query.halves, query.windows, {1: 2700.0, 2: 2800.0})
    for half, (start_s, end_s) in spans.items():
        assert start_s < end_s <= {1: 2700.0, 2: 2800.0}[half]
    assert Query.from_dict(json.loads(json.dumps(query.to_dict()))) == query


@fuzz
@given(
    any_json
    | st.fixed_dictionaries(
        {"text": any_json, "actions": any_json},
        optional=dict.fromkeys(
            [
                "windows",
                "halves",
                "limit",
                "pick",
                "corrections",
                "team",
                "order",
                "open_text",
                "x",
            ],
            any_json | st.just([{"kind": "match"}]) | st.lists(any_json, max_size=2),
        ),
    )
)
def test_any_json_is_a_parsed_query_or_refused_in_a_sentence(content):
    query, sentence = outcome(lambda: Query.from_dict(content))
    if sentence is not None:
        assert sentence.startswith("--query: not a parsed query")
        return
    assert query.describe()
    query_times.spans_of_halves(query.halves, query.windows, {1: 2700.0, 2: 2800.0})

"""Whatever a model writes, its answer is parsed to intervals in the chunk and a known status."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import fuzz
from touchline.core import clock, schema
from touchline.core.actions import NAMES
from touchline.prompts import chunk_answers
from touchline.prompts.answer_parser import parse
from touchline.prompts.confidence import confidences
from touchline.prompts.token_alignment import align_tokens

PIECES = st.sampled_from(
    ["37:05", "(", ")", "[", "]", ", ", "-", " to ", "A Corner", "no ", "Foul", ". ", "\n", "12",
     "5 s", "<think>", "</think>", "Answer:", "between ", " and ", '"end": ', "9" * 30, "37'", ":",
     "–", "1:02:40", "37.05", "第", "\ud83d", "\0", "٣٧:٠٥", "²", "9" * 5000]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3))).map("".join))
LOGPROBS = st.floats() | st.integers() | st.none()


@given(
    text=TEXTS,
    action=st.sampled_from([*NAMES, "var_check"]),
    half=st.integers(1, 5),
    start_s=st.floats(0, 7000),
    length_s=st.floats(1, 600),
    on_clock=st.sampled_from(clock.CLOCKS),
    finish_reason=st.sampled_from([None, "stop", "length", "content_filter", "odd"]),
    cuts=st.lists(st.tuples(st.integers(0, 40), LOGPROBS), max_size=6),
)
@fuzz
def test_any_text_is_parsed_to_intervals_in_the_chunk_with_confidences(
    text, action, half, start_s, length_s, on_clock, finish_reason, cuts
):
    end_s = start_s + length_s
    found = parse(text, action, half, start_s, end_s, on_clock, finish_reason)
    assert found.status in schema.ANSWER_STATUSES
    assert bool(found.intervals) == (found.status in ("ok", "repaired")) or finish_reason
    for each in found.intervals:
        assert start_s <= each.start_s < each.end_s <= end_s
        assert 0 <= each.span[0] < each.span[1] <= len(text)

    tokens, rest = [], text.encode("utf-8", "replace").decode()
    text = rest
    for length, logprob in [*cuts, (len(rest), -0.5)]:
        tokens.append({"token": rest[:length], "logprob": logprob})
        rest = rest[length:]
    aligned = align_tokens({"content": tokens}, text)
    assert aligned is None or sum(length for length, _ in aligned) == len(text)
    if aligned:
        ends = [sum(length for length, _ in aligned[: last + 1]) for last in range(len(aligned))]
        shares = [math.exp(logprob) for _, logprob in aligned]
        values = confidences(ends, shares, [each.span for each in found.intervals])
        assert all(0 <= value <= 1 for value in values)


EVENT_PIECES = st.sampled_from(
    ['{"events": [', "]}", '{"action": "Corner", "start": "37:05", "end": "37:17"}', ", ", "{", "}",
     '"action"', '"Foul"', "A Goal occurs at (37:05, 37:17).", "No action occurs.", "```json\n", "[" * 3000]
)  # fmt: skip


@given(
    text=TEXTS | st.lists(EVENT_PIECES | PIECES).map("".join),
    actions=st.lists(st.sampled_from([*NAMES, "var_check"]), min_size=2, max_size=5, unique=True),
    on_clock=st.sampled_from(clock.CLOCKS),
    finish_reason=st.sampled_from([None, "stop", "length", "content_filter"]),
)
@settings(fuzz, max_examples=150)
def test_any_text_about_a_chunk_has_an_answer_for_each_action(
    text, actions, on_clock, finish_reason
):
    answers = chunk_answers.parse(text, actions, 1, 2220.0, 2280.0, on_clock, finish_reason)
    assert len(answers) == len(actions)
    for answer, part in answers:
        assert answer.status in schema.ANSWER_STATUSES
        assert part in text or not part or " " in part
        for each in answer.intervals:
            assert 2220.0 <= each.start_s < each.end_s <= 2280.0
            assert 0 <= each.span[0] < each.span[1] <= len(text)

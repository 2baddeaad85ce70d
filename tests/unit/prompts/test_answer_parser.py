"""Answers as models write them, and what they mean."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.core import clock, schema
from touchline.core.actions import NAMES, action_name
from touchline.prompts.answer_parser import parse
from touchline.prompts.prompt_text import PromptSettings, format_answer, target_intervals
from touchline.prompts.time_mentions import name_pattern

# Unless a case says otherwise: asked for corners from 37:00 to 38:00 of half 2, on the half's clock.
# Intervals are in seconds after the start of that chunk.
START_S, END_S = 2220.0, 2280.0
ONE = [(5, 17)]
TWO = [(5, 17), (30, 42)]

ANSWERS = [
    # the form that was asked for
    ("A Corner occurs at (37:05, 37:17).", "ok", ONE),
    ("A Corner occurs at (37:05, 37:17). A Corner occurs at (37:30, 37:42).", "ok", TWO),
    ("A Corner occurs at (37:05, 37:17).\nA Corner occurs at (37:30, 37:42).", "ok", TWO),
    ("  A Corner occurs at (37:05, 37:17)\n", "ok", ONE),
    ("A Corner occurs at (37:00, 38:00).", "ok", [(0, 60)]),
    ("<think>The ball goes out at 37:40.</think>\n\nA Corner occurs at (37:05, 37:17).", "ok", ONE),
    ("No Corner occurs.", "none", []),
    # other marks around it
    ("**A Corner occurs at (37:05, 37:17).**", "repaired", ONE),
    ("`A Corner occurs at (37:05, 37:17).`", "repaired", ONE),
    ("$\\boxed{\\text{A Corner occurs at (37:05, 37:17).}}$", "repaired", ONE),
    ("A Corner occurs at (37:05, 37:17).</s>", "repaired", ONE),
    # other words for none
    ("There is no corner in this chunk.", "none", []),
    ("The action does not occur.", "none", []),
    ("A Corner doesn’t occur between 37:00 and 38:00.", "none", []),
    ("No Corner occurs at (37:00, 38:00).", "none", []),
    ("None", "none", []),
    ("N/A", "none", []),
    ("[]", "none", []),
    ('```json\n{"occurrences": []}\n```', "none", []),
    ("I cannot find any corner here.", "none", []),
    ("No Corner occurs. A Foul occurs at (37:05, 37:17).", "none", []),
    ("37:05 - 37:17: no corner.", "none", []),
    ("No hay ningún córner.", "none", []),
    ("Aucun corner n'a lieu dans ce segment.", "none", []),
    ("Es gibt keine Ecke.", "none", []),
    ("Non si verifica alcun calcio d'angolo.", "none", []),
    ("该片段中没有角球。", "none", []),
    ("この場面にコーナーキックはありません。", "none", []),
    # times written otherwise
    ("A Corner occurs at 37:05, 37:17.", "repaired", ONE),
    ("A Corner occurs at (37:05 - 37:17).", "repaired", ONE),
    ("A Corner occurs at 37:05–37:17.", "repaired", ONE),
    ("A corner occurs from 37:05 to 37:17.", "repaired", ONE),
    ("Corner between 37:05 and 37:17", "repaired", ONE),
    ("(37:05) to (37:17)", "repaired", ONE),
    ("37:05 -> 37:17", "repaired", ONE),
    ("A Corner occurs at (0:37:05, 0:37:17).", "repaired", ONE),
    ("Corner: 00:37:05,000 --> 00:37:17,000", "repaired", ONE),
    ("A Corner occurs at (37:05:00, 37:17:00).", "repaired", ONE),
    ("A Corner occurs at (37:05.5, 37:17.25).", "repaired", [(5.5, 17.25)]),
    ("A Corner occurs at (37.05, 37.17).", "repaired", ONE),
    ("A Corner occurs at (5.25, 17.75).", "repaired", [(5.25, 17.75)]),
    ("A Corner occurs at (0:37:05 - 37:17).", "repaired", ONE),
    ("A Corner occurs at (2225.0, 2237.0).", "repaired", ONE),
    ("A Corner occurs at 2225s - 2237s.", "repaired", ONE),
    ("from 2225 to 2237 seconds", "repaired", ONE),
    ("A Corner occurs at 37m05s to 37m17s.", "repaired", ONE),
    ("from 37 minutes and 5 seconds to 37 minutes and 17 seconds", "repaired", ONE),
    ("37'05\" - 37'17\"", "repaired", ONE),
    ("A Corner occurs at （３７：０５，３７：１７）。", "repaired", ONE),
    ("角球发生在37分5秒至37分17秒。", "repaired", ONE),
    ("A Corner occurs at (37:17, 37:05).", "repaired", ONE),
    ("A Corner occurs at (37:05, 37:17, 37:30, 37:42).", "repaired", TWO),
    ("A Corner occurs at (37:05, 37:17) and (37:30, 37:42).", "repaired", TWO),
    # a single time stands for the 12 s around it
    ("A Corner occurs at 37:11.", "repaired", ONE),
    ("A Corner occurs at (37:11).", "repaired", ONE),
    ("A Corner occurs at 37:11 and 37:36.", "repaired", TWO),
    ("Corners at 37:11, 37:36 and 37:50.", "repaired", [(5, 17), (30, 42), (44, 56)]),
    ("A Corner occurs at (37:11, 37:11).", "repaired", ONE),
    ("A Corner occurs at 37:58.", "repaired", [(52, 60)]),
    ("The ball is put down at 37:09. A Corner occurs at (37:05, 37:17).", "repaired", ONE),
    # times that are not in the chunk, or on another clock
    ("A Corner occurs at (82:05, 82:17).", "repaired", ONE),
    ("A Corner occurs at (1:22:05, 1:22:17).", "repaired", ONE),
    ("A Corner occurs at (00:05, 00:17).", "repaired", ONE),
    ("A Corner occurs at 5 to 17 seconds.", "repaired", ONE),
    ("A Corner occurs at (5, 17).", "repaired", ONE),
    ("A Corner occurs at 11 seconds.", "repaired", ONE),
    ("A Corner occurs at (12:05, 12:17).", "unparsable", []),
    ("A Corner occurs at (38:05, 38:17).", "unparsable", []),
    ("A Corner occurs at (37:05, 37:17). A Corner occurs at (39:05, 39:17).", "repaired", ONE),
    ("A Corner occurs at (36:50, 37:09).", "repaired", [(0, 9)]),
    ("A Corner occurs at (37:55, 38:07).", "repaired", [(55, 60)]),
    ("A Corner occurs at (37:65, 37:77).", "unparsable", []),
    # said twice
    ("A Corner occurs at (37:05, 37:17). " * 3, "repaired", ONE),
    ("A Corner occurs at (37:05, 37:17). In seconds: (2225, 2237).", "repaired", ONE),
    # other actions
    ("A Foul occurs at (37:05, 37:17).", "unparsable", []),
    ("A Foul occurs at (37:20, 37:32). A Corner occurs at (37:05, 37:17).", "repaired", ONE),
    ("A Corner occurs at (37:05, 37:17) and a Shot on goal at (37:20, 37:32).", "repaired", ONE),
    ("After the clearance a corner occurs at (37:05, 37:17).", "repaired", ONE),
    ("37:05-37:17: corner\n37:20-37:32: foul", "repaired", ONE),
    ("At 37:20 there is a foul and at 37:11 a corner.", "repaired", ONE),
    ("Fouls:\n- 37:20-37:32\n\nCorners:\n- 37:05-37:17\n- 37:30-37:42", "repaired", TWO),
    ("No Foul, a Corner occurs at (37:05, 37:17).", "repaired", ONE),
    ("It is not a foul but a corner at (37:05, 37:17).", "repaired", ONE),
    # reasoning, explanation, quotation
    ("Thinking: the flag is raised, 37:20-37:30. Answer: 37:05-37:17", "repaired", ONE),
    ("My answer: let me see 37:20-37:32.\n**Final answer:** (37:05, 37:17)", "repaired", ONE),
    ("<think>perhaps (37:05, 37:17)", "unparsable", []),
    ("The chunk runs from 37:00 to 38:00. A Corner occurs at (37:05, 37:17).", "repaired", ONE),
    ("[37:01, 37:06, and that's a corner]\nA Corner occurs at (37:05, 37:17).", "repaired", ONE),
    ("[37:01, 37:06, and that's a corner]", "unparsable", []),
    ("A Corner occurs at (37:05, 37:17). The ball is then cleared.", "repaired", ONE),
    # lists
    ("- **37:05 – 37:17**\n- **37:30 – 37:42**", "repaired", TWO),
    ("1. 37:05 - 37:17\n2. 37:30 - 37:42", "repaired", TWO),
    ("| start | end |\n|---|---|\n| 37:05 | 37:17 |", "repaired", ONE),
    ("Start: 37:05\nEnd: 37:17", "repaired", ONE),
    ('[["37:05", "37:17"], ["37:30", "37:42"]]', "repaired", TWO),
    ('[{"start": "37:05", "end": "37:17", "confidence": 0.9}]', "repaired", ONE),
    ('{"start": 2225, "end": 2237}', "repaired", ONE),
    ('[{"action": "foul", "start": "37:20", "end": "37:32"},'
     ' {"action": "corner", "start": "37:05", "end": "37:17"}]', "repaired", ONE),
    ("[[5, 17], [30, 42]]", "repaired", TWO),
    # other languages
    ("Un córner ocurre de 37:05 a 37:17.", "repaired", ONE),
    ("Ein Eckball von 37:05 bis 37:17.", "repaired", ONE),
    ("Un corner a lieu entre 37:05 et 37:17.", "repaired", ONE),
    ("Угловой происходит с 37:05 по 37:17.", "repaired", ONE),
    ("コーナーキックは37:05から37:17に発生します。", "repaired", ONE),
    ("Um escanteio ocorre das 37:05 às 37:17.", "repaired", ONE),
    ("Nie ma rzutu rożnego.", "none", []),
    ("ركنية عند (٣٧:٠٥, ٣٧:١٧)", "repaired", ONE),
    # nothing to be read
    ("", "unparsable", []),
    (" \n", "unparsable", []),
    ("?", "unparsable", []),
    ("Yes.", "unparsable", []),
    ("The score is 2-1 in the 37th minute.", "unparsable", []),
    ("A Corner occurs at (mm:ss, mm:ss).", "unparsable", []),
    ("Player number 7 makes 2 fouls.", "unparsable", []),
    # refusals
    ("I'm sorry, but I can't assist with that.", "refused", []),
    ("Sorry, I don't have access to the video.", "refused", []),
    ("As an AI, I am unable to watch the video.", "refused", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "status", "intervals"), ANSWERS)
def test_an_odd_answer_means_what_a_reader_would_say(text, status, intervals):
    found = parse(text, "corner", 2, START_S, END_S, "half")
    spans = sorted((each.start_s - START_S, each.end_s - START_S) for each in found.intervals)
    assert (found.status, spans) == (status, intervals)


def test_the_corpus_is_large_and_has_every_status_that_a_text_alone_can_have():
    assert len(ANSWERS) >= 60
    assert {status for _, status, _ in ANSWERS} == set(schema.ANSWER_STATUSES) - {"cut_off"}


@pytest.mark.parametrize(
    ("on_clock", "half", "text", "status"),
    [
        ("chunk", 1, "A Corner occurs at (00:05, 00:17).", "ok"),
        ("chunk", 1, "A Corner occurs at (37:05, 37:17).", "repaired"),
        ("chunk", 2, "A Corner occurs at (82:05, 82:17).", "repaired"),
        ("chunk", 1, "A Corner occurs at 5.0 - 17.0.", "unparsable"),
        ("chunk", 1, "A Corner occurs at (5.0, 17.0).", "repaired"),
        ("match", 2, "A Corner occurs at (82:05, 82:17).", "ok"),
        ("match", 2, "A Corner occurs at (37:05, 37:17).", "repaired"),
        ("match", 3, "A Corner occurs at (127:05, 127:17).", "ok"),
        ("match", 7, "A Corner occurs at (37:05, 37:17).", "repaired"),
    ],
)
def test_an_answer_is_read_on_the_clock_that_was_asked_for(on_clock, half, text, status):
    found = parse(text, "corner", half, START_S, END_S, on_clock)
    spans = [(each.start_s - START_S, each.end_s - START_S) for each in found.intervals]
    assert (found.status, spans) == (status, [] if status == "unparsable" else ONE)


def test_a_time_that_two_other_clocks_could_have_meant_is_dropped():
    # Asked for the match clock in half 2, minute 0: 00:20 is on the half's clock and the chunk's
    # alike. In an overlapping grid the two differ, and 00:40 could be either.
    text = "A Corner occurs at (00:40, 00:45)."
    assert parse(text, "corner", 2, 0.0, 60.0, "match").status == "repaired"
    assert parse(text, "corner", 2, 30.0, 90.0, "match").status == "unparsable"


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("A Corner occurs at (37:05, 37:17). A Corner occ", ONE),
        ("A Corner occurs at (37:05, 37:17). A Corner occurs at (37:30, 37:", ONE),
        ("A Corner occurs at (37:30, 37:4", []),
        ("The video shows", []),
    ],
)
def test_a_cut_off_answer_keeps_its_whole_intervals(text, intervals):
    found = parse(text, "corner", 2, START_S, END_S, "half", finish_reason="length")
    spans = [(each.start_s - START_S, each.end_s - START_S) for each in found.intervals]
    assert (found.status, spans) == ("cut_off", intervals)


def test_a_filtered_answer_is_a_refusal():
    assert parse("", "corner", 2, START_S, END_S, "half", "content_filter").status == "refused"


def test_a_free_kick_is_named_by_either_of_its_kinds_but_one_kind_is_not_the_other():
    text = "An Indirect free-kick occurs at (37:05, 37:17)."
    for action, status in (("free_kick", "repaired"), ("direct_free_kick", "unparsable")):
        assert parse(text, action, 2, START_S, END_S, "half").status == status


def test_a_span_is_the_place_of_an_interval_in_the_text():
    text = "<think>hm</think> A Corner occurs at (３７:05, 37:17). Also at 37:30 to 37:42"
    found = parse(text, "corner", 2, START_S, END_S, "half")
    assert [text[slice(*each.span)] for each in found.intervals] == [
        "３７:05, 37:17",
        "37:30 to 37:42",
    ]


@pytest.mark.parametrize("action", NAMES)
def test_an_action_is_found_under_its_slug_and_its_name(action):
    found = re.compile(name_pattern(action), re.IGNORECASE)
    for form in (action, action_name(action), action_name(action).upper()):
        assert found.search(f"two {form}, late on")


def test_a_goal_kick_is_no_goal_and_a_penalty_area_no_penalty():
    assert not re.search(name_pattern("goal"), "a goal kick by the goalkeeper")
    assert not re.search(name_pattern("penalty"), "in the penalty area")
    assert re.search(name_pattern("penalty"), "two penalties")


@st.composite
def chunks(draw):
    start_s = draw(st.floats(0, 3600))
    return start_s, start_s + draw(st.floats(1, 300))


@given(
    chunk=chunks(),
    shares=st.lists(st.floats(0, 1), max_size=4),
    on_clock=st.sampled_from(clock.CLOCKS),
    half=st.integers(1, 5),
    action=st.sampled_from([*NAMES, "var_check"]),
)
def test_format_and_parse_is_the_identity_up_to_rounding(chunk, shares, on_clock, half, action):
    start_s, end_s = chunk
    events_s = [start_s + share * (end_s - start_s) for share in shares]
    settings = PromptSettings(clock=on_clock)
    written = list(
        {
            format_answer(action, [span], half, start_s, settings): span
            for span in target_intervals(events_s, start_s, end_s)
        }.values()
    )
    found = parse(
        format_answer(action, written, half, start_s, settings),
        action,
        half,
        start_s,
        end_s,
        on_clock,
    )
    assert found.status == ("ok" if written else "none")
    assert len(found.intervals) == len(written)
    for each, (first_s, last_s) in zip(found.intervals, written, strict=True):
        assert each.start_s == pytest.approx(first_s, abs=0.5001)
        assert each.end_s == pytest.approx(last_s, abs=0.5001)


@pytest.mark.parametrize(
    "piece",
    ["A Corner occurs at (37:05, 37:17). ", "[37:05, 37:06, a", "37:05,", "1 ", "It, (37:05) ",
     "'* _", "<think>", "answer: ", "[ ", " ", "9"],
)  # fmt: skip
def test_a_long_text_takes_time_in_proportion(piece):
    def seconds(length):
        text = (piece * length)[:length]
        begin = time.process_time()
        parse(text, "corner", 2, START_S, END_S, "half")
        return time.process_time() - begin

    # Eight times the length takes about 8 times as long; 64 times where it were quadratic.
    assert seconds(400_000) < 24 * max(seconds(50_000), 0.02)

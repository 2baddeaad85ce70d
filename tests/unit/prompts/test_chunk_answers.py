"""Answers about all actions of a chunk: JSON and sentences give the same answers, action by action."""

import json
import time

import jsonschema
import pytest

from touchline.prompts import chunk_answers, chunk_questions
from touchline.prompts.prompt_text import PromptSettings

ACTIONS = ["corner", "goal", "shots_on_target", "free_kick"]
EVENTS = '{"events": [%s]}'
CORNER = '{"action": "Corner", "start": "37:05", "end": "37:17"}'
GOAL = '{"action": "Goal", "start": "37:40", "end": "37:52"}'


def read(text: str, finish_reason: str | None = None, actions=ACTIONS) -> dict[str, tuple]:
    """Return (status, intervals) by action, for the chunk from 37:00 to 38:00."""
    parsed = chunk_answers.parse(text, actions, 1, 2220.0, 2280.0, "half", finish_reason)
    return {
        action: (answer.status, [(one.start_s, one.end_s) for one in answer.intervals])
        for action, (answer, _) in zip(actions, parsed, strict=True)
    }


BOTH = {
    "corner": ("ok", [(2225.0, 2237.0)]),
    "goal": ("ok", [(2260.0, 2272.0)]),
    "shots_on_target": ("none", []),
    "free_kick": ("none", []),
}


@pytest.mark.parametrize(
    "text",
    [EVENTS % f"{CORNER}, {GOAL}",
     "A Corner occurs at (37:05, 37:17). A Goal occurs at (37:40, 37:52).",
     f"<think>A Shot on target occurs at (37:20, 37:32).</think>{EVENTS % f'{CORNER}, {GOAL}'}"],
    ids=["json", "sentences", "after a thought"],
)  # fmt: skip
def test_what_is_listed_occurs_and_what_is_not_does_not(text):
    assert read(text) == BOTH


@pytest.mark.parametrize("text", ['{"events": []}', "No action occurs.", "None of them occurs."])
def test_an_empty_list_denies_every_action(text):
    assert {status for status, _ in read(text).values()} == {"none"}


@pytest.mark.parametrize("text", ["", "blah", "From 37:05 to 37:17.", "{}}{", '{"events": 7}'])
def test_a_text_that_lists_nothing_says_nothing_of_any_action(text):
    statuses = {status for status, _ in read(text).values()}
    assert statuses == ({"none"} if text == "{}}{" else {"unparsable"})


def test_an_answer_about_one_action_alone_says_nothing_of_the_others():
    found = read("No Corner occurs.")
    assert found.pop("corner") == ("none", [])
    assert {status for status, _ in found.values()} == {"unparsable"}


def test_a_text_that_was_cut_off_counts_for_what_it_holds():
    found = read(EVENTS[:-2] % f"{CORNER}, {GOAL[:-10]}", "length")
    assert found["corner"] == ("cut_off", [(2225.0, 2237.0)])
    assert [found[action] for action in ACTIONS[1:]] == [("cut_off", [])] * 3


@pytest.mark.parametrize(
    "text",
    [f"```json\n{EVENTS % CORNER}\n```", "Corner: 37:05 - 37:17\nGoal: none",
     '{"Corner": [["37:05", "37:17"]], "Goal": []}', EVENTS % CORNER.replace("37:05", "00:05")],
    ids=["fence", "list", "another json", "one time on another clock"],
)  # fmt: skip
def test_another_form_with_a_clear_meaning_is_repaired(text):
    assert read(text)["corner"][0] == "repaired"


def test_the_longer_name_counts_where_one_action_is_named_in_another():
    actions = ["free_kick", "direct_free_kick"]
    found = read("A Direct free-kick occurs at (37:05, 37:17).", actions=actions)
    assert found["direct_free_kick"][0] == "ok"
    assert found["free_kick"] == ("none", [])


def test_the_time_to_read_an_answer_grows_as_its_length():
    def seconds(repeats: int) -> float:
        start_s = time.process_time()
        chunk_answers.parse("Goal Foul " * repeats, ["goal", "foul"], 1, 0.0, 60.0, "half")
        return time.process_time() - start_s

    seconds(10)
    few = max(seconds(1000), 0.02)
    assert seconds(8000) < 24 * few  # 64 times where the time grows as its square


def test_the_spans_are_those_of_the_whole_text():
    text = EVENTS % f"{CORNER}, {GOAL}"
    parsed = chunk_answers.parse(text, ACTIONS, 1, 2220.0, 2280.0, "half")
    first, last = parsed[1][0].intervals[0].span
    assert text[first:last] == '37:40", "end": "37:52'


@pytest.mark.parametrize("actions", [ACTIONS, ["goal", "players_arguing"]])
def test_the_examples_are_answers_of_the_schema_and_are_read_as_they_say(actions):
    settings = PromptSettings(inputs=("commentary",))
    schema = chunk_questions.response_format(actions)["json_schema"]["schema"]
    for as_json in (True, False):
        prompt = chunk_questions.format_instructions(actions, settings, as_json)
        examples = [line for line in prompt.splitlines() if line.startswith("Chunk from 37:00")]
        text = examples[0].split("Answer: ")[1]
        if as_json:
            jsonschema.validate(json.loads(text), schema)
        found = read(text, actions=actions)
        assert sum(len(intervals) for _, intervals in found.values()) == 1
        assert {status for status, _ in found.values()} == {"ok", "none"}


def test_the_schema_lets_no_other_action_pass():
    schema = chunk_questions.response_format(ACTIONS)["json_schema"]["schema"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(EVENTS % CORNER.replace("Corner", "Throw-in")), schema)

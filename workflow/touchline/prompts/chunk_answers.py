"""Parsing of answers about all actions of a chunk: JSON or sentences, split by the actions.

Each part of an answer, an object of its JSON or a sentence, belongs to the action that it names. The
parts of an action are parsed as the answer about that action alone (`answer_parser`).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from touchline.core.actions import action_name
from touchline.prompts import answer_parser, time_mentions
from touchline.prompts.answer_parser import Answer

# An event of a JSON answer. It is flat, so a text that was cut off has all but its last one.
_OBJECT = re.compile(r"\{[^{}]*\}")
# How a JSON answer starts, and one in a fence of Markdown.
_OPENINGS = ("{", "[", "`")
# A sentence with the sign and the space that end it.
_SENTENCE = re.compile(r"[^\n.!?;。]*(?:[.!?;](?!\s)[^\n.!?;。]*)*(?:[.!?;。]+\s?|\n|$)")


def parse(
    text: str,
    actions: Sequence[str],
    half: int,
    start_s: float,
    end_s: float,
    on_clock: str,
    finish_reason: str | None = None,
) -> list[tuple[Answer, str]]:
    """Parse an answer about `actions` in the chunk (start_s, end_s), with its times on `on_clock`.

    Returns the answer about each action and the text that it was read from, with spans in `text`.
    An action that a finished answer does not name does not occur (`none`) where the answer states
    an event or that there is none; else its status is that of the text. Never raises.
    """
    begin = answer_parser.answer_start(time_mentions.to_ascii(text))
    body = " " * begin + text[begin:]

    def parse_as(action: str, part: str) -> Answer:
        return answer_parser.parse(part, action, half, start_s, end_s, on_clock, finish_reason)

    is_schema = _is_schema(body)
    owned, unowned = _assign(body, actions)
    answers: dict[str, tuple[Answer, str]] = {}
    for action, parts in owned.items():
        if parts:
            answer = parse_as(action, _only(body, parts))
            if answer.status == "ok" and not is_schema and body.lstrip()[:1] in _OPENINGS:
                answer = replace(answer, status="repaired")
            answers[action] = answer, " ".join(body[first:last].strip() for first, last in parts)
    if len(answers) < len(owned):
        is_list = is_schema or any(answer.intervals for answer, _ in answers.values())
        absent = _absent(parse_as(actions[0], _only(body, unowned)), is_list)
        answers = dict.fromkeys(actions, (absent, text)) | answers
    return [answers[action] for action in actions]


def _absent(rest: Answer, is_list: bool) -> Answer:
    """Return the answer about an action that a text does not name.

    `rest` is what the text says without naming an action; `is_list` says that it lists events.
    """
    if rest.status == "cut_off":
        return Answer((), rest.status)
    if is_list:
        return Answer((), "none")
    # Times that name no action are nobody's.
    return Answer((), "unparsable" if rest.intervals else rest.status)


def _assign(
    body: str, actions: Sequence[str]
) -> tuple[dict[str, list[tuple[int, int]]], list[tuple[int, int]]]:
    """Return the parts of a text, as (first, one past the last), by action, and those of none.

    What lies between the objects of a JSON text belongs to no action.
    """
    owned: dict[str, list[tuple[int, int]]] = {action: [] for action in actions}
    unowned: list[tuple[int, int]] = []
    previous: list[str] = []
    end = 0
    for first, last in _split(body):
        named = _named(body[first:last], actions)
        # A sentence with times and without a name goes on about the action before it.
        owners = named or (previous if re.search(r"\d:\d\d", body[first:last]) else [])
        previous = named or previous
        unowned.append((end, first if owners else last))
        for action in owners:
            owned[action].append((first, last))
        end = last
    unowned.append((end, len(body)))
    return owned, unowned


def _split(body: str) -> list[tuple[int, int]]:
    """Return the (first, one past the last) of each object with an action, else of each sentence."""
    objects = [match.span() for match in _OBJECT.finditer(body) if '"action"' in match[0]]
    return objects or [match.span() for match in _SENTENCE.finditer(body) if match[0].strip()]


def _is_schema(body: str) -> bool:
    """Return whether a text is JSON of the form that the prompt asks for."""
    try:
        content = json.loads(body)
        return list(content) == ["events"] and all(
            list(event) == ["action", "start", "end"] for event in content["events"]
        )
    except (ValueError, TypeError, RecursionError):
        return False


def _named(part: str, actions: Sequence[str]) -> list[str]:
    """Return the actions that a part names; the longer name counts where one is in another."""
    found = [
        (match.start(), -match.end(), action)
        for action in actions
        for match in _name(action).finditer(part)
    ]
    named = []
    start, end = 0, 0  # of the name so far that ends last
    for first, minus_last, action in sorted(found):
        last = -minus_last
        if last > end:
            start, end = first, last
        if (first, last) == (start, end):
            named.append(action)
    return list(dict.fromkeys(named))


@cache
def _name(action: str) -> re.Pattern[str]:
    return re.compile(
        rf"{time_mentions.name_pattern(action)}|{re.escape(action_name(action))}", re.IGNORECASE
    )


def _only(body: str, parts: Sequence[tuple[int, int]]) -> str:
    """Return the text with blanks for all but these parts, so that positions stay."""
    kept, end = [], 0
    for first, last in parts:
        kept += [" " * (first - end), body[first:last]]
        end = last
    return "".join(kept)

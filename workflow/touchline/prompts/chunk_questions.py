"""One question about all actions of a chunk: its instructions, its wording, and its JSON schema.

The answer lists what occurs, as JSON or, for servers that cannot be held to a schema, as sentences.
An action that the answer does not list does not occur.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import cycle

from touchline.core.actions import action_name
from touchline.core.clock import show
from touchline.prompts.prompt_text import (
    EXAMPLE_CHUNK_S,
    EXAMPLES,
    PromptSettings,
    describe_prompt,
    format_answer,
    target_intervals,
)

QUESTION = "Find all the times at which the listed actions occur in this chunk."
NOTHING = "No action occurs."
# Of the examples of single questions: two events, one event, and none.
_EXAMPLES = (EXAMPLES[1], EXAMPLES[0], EXAMPLES[2])

_AS_SENTENCES = (
    "For each occurrence of an action write one sentence of exactly this form, with the action's "
    "name from the list and the start and the end of the 12 seconds around its moment, within the "
    "chunk:\n"
    "A (or An) <action> occurs at (mm:ss, mm:ss).\n"
    "Leave out the actions that do not occur. If none of them occurs in the chunk, write:\n"
    f"{NOTHING}\n"
)
_AS_JSON = (
    "Answer with JSON of exactly this form, with an entry for each occurrence of an action: its "
    "name from the list, and the start and the end of the 12 seconds around its moment, within the "
    "chunk:\n"
    '{"events": [{"action": "<action>", "start": "mm:ss", "end": "mm:ss"}]}\n'
    "Leave out the actions that do not occur. If none of them occurs in the chunk, the list is "
    "empty.\n"
)


def format_instructions(actions: Sequence[str], settings: PromptSettings, as_json: bool) -> str:
    """Return the instructions for questions about all actions, the same for every chunk."""
    if not settings.instructions:
        form = "as JSON" if as_json else "in sentences"
        names = ", ".join(map(action_name, actions))
        return f"You watch soccer broadcasts and say {form} when these actions happen: {names}."
    paragraphs = [
        "You watch soccer broadcasts and say which actions happen, and when. A match comes in short "
        "chunks; you are asked about one chunk at a time.",
        *describe_prompt(actions, settings),
        f"{_AS_JSON if as_json else _AS_SENTENCES}"
        "Most actions do not occur in a chunk. Do not explain and write nothing else.",
    ]
    if settings.examples:
        lines = _example_lines(actions, settings, as_json)
        paragraphs.append("Examples:\n" + "\n".join(lines))
    return "\n\n".join(paragraphs)


def response_format(actions: Sequence[str]) -> dict:
    """Return the request parameter that holds an answer to the JSON schema of these actions.

    Within OpenAI's strict subset of JSON Schema: every property is required, and there are no others.
    """
    time = {"type": "string", "pattern": "^[0-9]{1,3}:[0-5][0-9]$"}
    names = list(dict.fromkeys(map(action_name, actions)))
    event = {"action": {"type": "string", "enum": names}, "start": time, "end": time}
    events = {"type": "array", "items": _object(event)}
    schema = {"name": "events", "strict": True, "schema": _object({"events": events})}
    return {"type": "json_schema", "json_schema": schema}


def _object(properties: dict) -> dict:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _example_lines(
    actions: Sequence[str], settings: PromptSettings, as_json: bool
) -> Iterable[str]:
    """Yield examples; the events of all of them are of the actions in turn."""
    in_turn = cycle(actions)
    for half, start_s, offsets_s in _EXAMPLES:

        def shown(time_s: float, half: int = half, start_s: float = start_s) -> str:
            return show(time_s, settings.clock, half, start_s)

        end_s = start_s + EXAMPLE_CHUNK_S
        events = []
        for offset_s in offsets_s:
            spans_s = target_intervals([start_s + offset_s], start_s, end_s)
            events.append((next(in_turn), start_s + offset_s, spans_s))
        if as_json:
            entries = [
                {"action": action_name(action), "start": shown(first), "end": shown(last)}
                for action, _, [(first, last)] in events
            ]
            text = json.dumps({"events": entries})
        else:
            sentences = (
                format_answer(action, spans_s, half, start_s, settings)
                for action, _, spans_s in events
            )
            text = " ".join(sentences) or NOTHING
        happens = [f"{action_name(action)} at {shown(time_s)}" for action, time_s, _ in events]
        yield (
            f"Chunk from {shown(start_s)} to {shown(end_s)}, {' and '.join(happens) or 'no action'}. "
            f"Answer: {text}"
        )

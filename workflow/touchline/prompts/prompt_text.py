"""Prompt templates: the chat messages of a sample, and the target answer for training.

A prompt is a prefix (instructions, video, commentary, the chunk's span) and a question. All
questions about a chunk share its prefix, so the action that is asked for is named in the question
alone. Times are seconds from the start of the half (`_s`); text shows them on `settings.clock`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

from touchline.core import clock
from touchline.core.actions import action_name, with_article
from touchline.core.intervals import interval_around

INPUTS = ("video", "commentary")

# Video processors merge frames in pairs, so a pair is the finest unit that a time mark can precede.
FRAMES_PER_MARK = 2


@dataclass(frozen=True)
class PromptSettings:
    """Options of the prompt templates. Raises ValueError for an unknown clock or input."""

    clock: str = "half"
    instructions: bool = True  # full instructions, or one line for fine-tuned models
    examples: bool = True
    time_marks: bool = False
    score_bug: bool = False
    inputs: tuple[str, ...] = INPUTS

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        if self.clock not in clock.CLOCKS:
            raise ValueError(f"no clock '{self.clock}'; there are {', '.join(clock.CLOCKS)}")
        if not self.inputs or not set(self.inputs) <= set(INPUTS):
            raise ValueError(f"inputs {list(self.inputs)}: give one or both of {list(INPUTS)}")


def build_prefix(
    half: int,
    start_s: float,
    end_s: float,
    lines: Iterable[dict],
    actions: Sequence[str],
    settings: PromptSettings,
    frame_times_s: Sequence[float] | None = None,
) -> list[dict]:
    """Return the prefix of a chunk's prompts as chat messages of content parts.

    `add_question` completes the user's message. `lines` are commentary lines (`schema.LINE`),
    `actions` the actions that the instructions list, `frame_times_s` the times of the chunk's
    frames, which time marks need. A part of type `video` has its `source` (`broadcast` or
    `score_bug`) and, between time marks, the range of its `frames`: [first, one past the last].
    """
    span = f"{_show(start_s, half, start_s, settings)} to {_show(end_s, half, start_s, settings)}"
    parts = []
    if "video" in settings.inputs:
        parts += _video_parts(half, start_s, settings, frame_times_s)
    if "commentary" in settings.inputs:
        parts.append(_text(_commentary(half, start_s, lines, settings)))
    parts.append(_text(f"The chunk runs from {span}.\n"))
    return [
        {"role": "system", "content": [_text(format_system_prompt(actions, settings))]},
        {"role": "user", "content": parts},
    ]


def add_question(prefix: list[dict], action: str) -> list[dict]:
    """Return the complete prompt: the prefix with the question on `action` at its end."""
    *before, user = prefix
    return [*before, {**user, "content": [*user["content"], _text(format_question(action))]}]


def without_system(chat: list[dict]) -> list[dict]:
    """Return a prompt whose system message is merged into the start of the user's message."""
    system, user = chat
    return [{**user, "content": [*system["content"], _text("\n\n"), *user["content"]]}]


def as_text(chat: list[dict]) -> list[dict]:
    """Return chat messages with plain strings as contents, for models that take text alone.

    Raises ValueError when there is a video among the parts.
    """
    if any(part["type"] != "text" for message in chat for part in message["content"]):
        raise ValueError("a model that reads text alone was given a prompt with video")
    return [
        {**message, "content": "".join(part["text"] for part in message["content"])}
        for message in chat
    ]


def format_question(action: str) -> str:
    """Return the question about one action: the only part in which a chunk's prompts differ."""
    return f"Find all the times at which {with_article(action)} occurs in this chunk."


def target_intervals(
    events_s: Iterable[float], start_s: float, end_s: float
) -> list[tuple[float, float]]:
    """Return the target intervals of a chunk's events: 12 s around each, cut to the chunk."""
    spans = (interval_around(time_s) for time_s in sorted(set(events_s)))
    return [(max(first, start_s), min(last, end_s)) for first, last in spans]


def format_answer(
    action: str,
    intervals: Iterable[tuple[float, float]],
    half: int,
    start_s: float,
    settings: PromptSettings,
) -> str:
    """Return the answer text: one sentence per (start_s, end_s), or that there is none.

    Times are rounded to the second by `clock.format_time`.
    """
    sentences = [
        f"{format_opening(action)}{_show(first, half, start_s, settings)}, "
        f"{_show(last, half, start_s, settings)})."
        for first, last in intervals
    ]
    return " ".join(sentences) or f"No {action_name(action)} occurs."


def format_opening(action: str) -> str:
    """Return the beginning of an occurrence's sentence, up to its first time."""
    article, rest = with_article(action).split(" ", 1)
    return f"{article.capitalize()} {rest} occurs at ("


def format_time_mark(time_s: float, half: int, start_s: float, settings: PromptSettings) -> str:
    """Return the time mark before the frames that start at `time_s`."""
    return f"<{_show(time_s, half, start_s, settings)}>"


_CLOCK_TEXT = {
    "chunk": "Every time is minutes and seconds (mm:ss) since the start of the chunk.",
    "half": "Every time is minutes and seconds (mm:ss) since the start of the half: 00:00 is its "
    "kick-off, in the second half too, whatever the clock on the screen shows.",
    "match": "Every time is minutes and seconds (mm:ss) on the match clock: the second half starts "
    "at 45:00, extra time at 90:00 and its second period at 105:00.",
}

# Few-shot examples: (half, chunk's start_s, times of the events in the chunk in s); the actions
# are assigned in turn.
EXAMPLES = (
    (1, 2220.0, (11.0,)),
    (2, 480.0, (8.0, 41.0)),
    (1, 900.0, ()),
    (2, 1560.0, (3.0,)),
    (2, 2640.0, (29.0,)),
)
EXAMPLE_CHUNK_S = 60.0


def format_system_prompt(actions: Sequence[str], settings: PromptSettings) -> str:
    """Return the instructions, which are the same for every chunk and every question."""
    if not settings.instructions:
        return "You watch soccer broadcasts and say when an action happens."
    paragraphs = [
        "You watch soccer broadcasts and say when an action happens. A match comes in short chunks; "
        "you are asked about one chunk and one action at a time.",
        *describe_prompt(actions, settings),
        "For each occurrence write one sentence of exactly this form, with the action's name from "
        "the list and the start and the end of the 12 seconds around its moment, within the chunk:\n"
        "A (or An) <action> occurs at (mm:ss, mm:ss).\n"
        "If the action does not occur in the chunk, write:\n"
        "No <action> occurs.\n"
        "Most chunks do not contain the action. Do not explain and write nothing else.",
    ]
    if settings.examples:
        paragraphs.append("Examples:\n" + "\n".join(_examples(actions, settings)))
    return "\n\n".join(paragraphs)


def describe_prompt(actions: Sequence[str], settings: PromptSettings) -> list[str]:
    """Return the paragraphs of the instructions on the actions, the inputs and the clock."""
    names = ", ".join(action_name(action) for action in actions)
    inputs = []
    if "video" in settings.inputs:
        inputs.append("the video of the chunk")
    if "video" in settings.inputs and settings.score_bug:
        inputs.append("a second video of the score and clock shown on the screen")
    if "commentary" in settings.inputs:
        inputs.append(
            "the commentary, one line per utterance, as [start, end, text]; it may be wrong, late, "
            "about another moment, or missing"
        )
    marks = " Before the frames of the video stands the time at which they start, as <mm:ss>."
    return [
        f"The actions are: {names}.",
        f"You are given {'; '.join(inputs)}."
        + (marks if settings.time_marks and "video" in settings.inputs else ""),
        f"{_CLOCK_TEXT[settings.clock]} Use the same clock in your answer.",
    ]


def _examples(actions: Sequence[str], settings: PromptSettings) -> Iterable[str]:
    for action, (half, start_s, offsets_s) in zip(cycle(actions), EXAMPLES, strict=False):
        end_s = start_s + EXAMPLE_CHUNK_S
        moments_s = [start_s + offset_s for offset_s in offsets_s]
        shown = [_show(time_s, half, start_s, settings) for time_s in (start_s, end_s, *moments_s)]
        happens = (
            f"{action_name(action)} at {' and '.join(shown[2:])}"
            if offsets_s
            else f"no {action_name(action)}"
        )
        text = format_answer(
            action, target_intervals(moments_s, start_s, end_s), half, start_s, settings
        )
        yield f"Chunk from {shown[0]} to {shown[1]}, {happens}. Answer: {text}"


def _video_parts(
    half: int, start_s: float, settings: PromptSettings, frame_times_s: Sequence[float] | None
) -> list[dict]:
    sources = ("broadcast", "score_bug") if settings.score_bug else ("broadcast",)
    if not settings.time_marks:
        return [{"type": "video", "source": source} for source in sources]
    if frame_times_s is None:
        raise ValueError("time marks need the times of the chunk's frames")
    parts = []
    for first in range(0, len(frame_times_s), FRAMES_PER_MARK):
        frames = [first, min(first + FRAMES_PER_MARK, len(frame_times_s))]
        parts.append(_text(format_time_mark(frame_times_s[first], half, start_s, settings)))
        parts += [{"type": "video", "source": source, "frames": frames} for source in sources]
    return parts


def _commentary(half: int, start_s: float, lines: Iterable[dict], settings: PromptSettings) -> str:
    shown = [
        f"[{_show(line['start_s'], half, start_s, settings)}, "
        f"{_show(line['end_s'], half, start_s, settings)}, {_one_line(line['text'])}]\n"
        for line in lines
    ]
    return "Commentary:\n" + ("".join(shown) or "(none)\n")


# Commentary must not be able to imitate another line or a control token of the model.
_BRACKETS = str.maketrans("[]<>", "()()")


def _one_line(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.translate(_BRACKETS).split())


def _show(time_s: float, half: int, start_s: float, settings: PromptSettings) -> str:
    return clock.show(time_s, settings.clock, half, start_s)


def _text(text: str) -> dict:
    return {"type": "text", "text": text}

"""What the demo's text model is pretrained on: questions on the commentary of invented matches.

It uses some of the phrases of the demo's commentators, in commentary with far more actions than
their matches have. The other phrases, and how rare actions are, are left to fine-tuning.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor

from touchline.core import clock
from touchline.core.actions import with_article
from touchline.demo.broadcast import phrases, speech
from touchline.demo.broadcast.script import AWAY, HOME, Event, Script, invent
from touchline.demo.broadcast.speech import CommentaryLine
from touchline.models.lm.shared_prefix import Packed, collate, pack
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings

# SoccerNet's labels and the study's seven actions, as in config.yaml.
ACTIONS = {
    "Corner": "corner",
    "Shots on target": "shots_on_target",
    "Goal": "goal",
    "Clearance": "clearance",
    "Foul": "foul",
    "Direct free-kick": "free_kick",
    "Indirect free-kick": "free_kick",
    "Substitution": "substitution",
}
STUDY_ACTIONS = tuple(dict.fromkeys(ACTIONS.values()))
SETTINGS = PromptSettings(clock="chunk", instructions=False, examples=False, inputs=("commentary",))

KNOWN_PHRASES = {label: texts[:3] for label, texts in phrases.MENTIONS.items()}
EVENT_GAP_S = (5.0, 25.0)  # least and greatest time from one event to the next
NEGATIVES = 2  # questions on absent actions in each chunk; more of them add little
LINES_QUESTIONED = 2  # commentary lines that each chunk is asked about

# Chunks grow from short to long: trained on long ones from the start, the model does not learn in
# the same number of steps where in the commentary a time is written (benchmarks/README.md).
SHORTEST_S, LONGEST_S = 8.0, 60.0
GROWTH_START, GROWTH_END = 0.1, 0.5  # shares of the steps
# A batch has chunks of so much commentary in all; each counts as this much longer than it is.
BATCH_S, CHUNK_OVERHEAD_S = 560.0, 10.0


def invent_commentary(rng: random.Random, script: Script, length_s: float) -> list[CommentaryLine]:
    """Return the commentary of a chunk with an event every `EVENT_GAP_S` seconds."""
    events = []
    time_s = rng.uniform(0, EVENT_GAP_S[0])
    while time_s < length_s - 2:
        side = rng.choice((HOME, AWAY))
        player, other = rng.sample(script.team(side).players[1:11], 2)
        label = rng.choice(list(ACTIONS))
        events.append(Event(1, round(time_s * 1000), label, side, player=player, other=other))
        time_s += rng.uniform(*EVENT_GAP_S)
    eventful = replace(script, half_s=length_s, events=tuple(events))
    return [
        line for line in speech.speak(rng, eventful, 1, KNOWN_PHRASES) if line.start_s < length_s
    ]


def make_example(
    rng: random.Random, encoder: Encoder, lines: list[CommentaryLine], length_s: float
) -> Packed:
    """Return a chunk with the study's questions, and some on when and what its lines are about."""
    segments = [{"start_s": line.start_s, "end_s": line.end_s, "text": line.text} for line in lines]
    chunk = Chunk("talk", 1, 0, 0.0, length_s, segments)
    lines_by_action: dict[str, list[CommentaryLine]] = {}
    events_s: dict[str, list[float]] = {}
    for line in lines:
        if line.event:
            action = ACTIONS[line.event.label]
            lines_by_action.setdefault(action, []).append(line)
            events_s.setdefault(action, []).append(line.event.time_s)
    return pack_questions(rng, encoder, chunk, events_s, _ask_about_lines(rng, lines_by_action))


def pack_questions(
    rng: random.Random,
    encoder: Encoder,
    chunk: Chunk,
    events_s: dict[str, list[float]],
    others: Iterable[tuple[str, str]],
) -> Packed:
    """Return a chunk with the study's questions on its actions and some absent ones, and `others`.

    `events_s` are the times of each action in the chunk, which starts at 0 s; `others` are further
    questions with their answers.
    """
    absent = [action for action in STUDY_ACTIONS if action not in events_s]
    actions = [*events_s, *rng.sample(absent, min(NEGATIVES, len(absent)))]
    prefix, questions = encoder.encode_prompt(chunk, actions)
    answers = [
        _format_answer(action, events_s.get(action, []), chunk.end_s, encoder.settings)
        for action in actions
    ]
    turn_end = _end_of_turn(encoder, actions[0], questions[0])
    for question, answer in others:
        questions.append(encoder.tokenize(question) + turn_end)
        answers.append(answer)
    return pack(prefix, list(zip(questions, map(encoder.answer_ids, answers), strict=True)))


def _format_answer(
    action: str, times_s: list[float], length_s: float, settings: PromptSettings
) -> str:
    """Return the study's answer about an action at these times of a chunk from 0 s on."""
    intervals = prompt_text.target_intervals(times_s, 0.0, length_s)
    return prompt_text.format_answer(action, intervals, 1, 0.0, settings)


def _end_of_turn(encoder: Encoder, action: str, question: list[int]) -> list[int]:
    """Return the tokens after the text of a question on an action: the end of the user's turn."""
    return question[len(encoder.tokenize(prompt_text.format_question(action))) :]


def _ask_about_lines(
    rng: random.Random, lines_by_action: dict[str, list[CommentaryLine]]
) -> Iterator[tuple[str, str]]:
    """Yield (question, answer): when each action is spoken of, and which one at some times."""
    for action, lines in lines_by_action.items():
        times = ", ".join(clock.format_time(line.start_s) for line in lines)
        yield f"When is {with_article(action)} spoken of?", f"At {times}."
    mentions = [
        (line.start_s, action) for action, lines in lines_by_action.items() for line in lines
    ]
    for start_s, action in rng.sample(mentions, min(LINES_QUESTIONED, len(mentions))):
        yield f"What is spoken of at {clock.format_time(start_s)}?", f"{with_article(action)}."


def batches(encoder: Encoder, steps: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Yield a batch for each step of the pretraining, as `shared_prefix.collate` makes it."""
    for step in range(steps):
        rng = random.Random(f"base {seed} {step}")
        script = invent(f"base {seed} {step}")
        length_s = chunk_length_s(step / steps)
        chunks = round(BATCH_S / (length_s + CHUNK_OVERHEAD_S))
        packed = [
            make_example(rng, encoder, invent_commentary(rng, script, length_s), length_s)
            for _ in range(chunks)
        ]
        yield collate(packed, encoder.tokenizer.pad_token_id)


def chunk_length_s(done: float) -> float:
    """Return the length of a chunk when a share `done` of the steps is behind."""
    grown = min(1.0, max(0.0, done - GROWTH_START) / (GROWTH_END - GROWTH_START))
    return SHORTEST_S + grown * (LONGEST_S - SHORTEST_S)


def tokenizer_texts() -> list[str]:
    """Return the texts that the tokenizer is trained on: questions, answers and commentary."""
    texts = [
        prompt_text.format_system_prompt(STUDY_ACTIONS, SETTINGS),
        *map(prompt_text.format_question, STUDY_ACTIONS),
    ] * 50
    texts += [
        _format_answer(action, times_s, LONGEST_S, SETTINGS)
        for action in STUDY_ACTIONS
        for times_s in ([], [30.0])
    ] * 50
    for number in range(20):
        script = invent(f"words {number}")
        texts += [text for half in (1, 2) for _, _, text in speech.segments(script, half)]
    return texts

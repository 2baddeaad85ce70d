"""Pretraining data of benchmarks/learnability.py: questions and answers on synthetic minutes.

Each batch has one kind of inputs, so that the base can work with either alone. Chunks grow from 8 s
to 60 s: trained on long ones from the start, the base does not learn in this time where an action
was shown. Besides the study's question each chunk is asked what happens at some times, and when an
action is seen or mentioned.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from transformers import PreTrainedModel, ProcessorMixin

import minutes
from minutes import ACTIONS, CHUNK_S, FRAME_S, LASTS_S, Minute
from touchline.core import clock
from touchline.core.actions import with_article
from touchline.models.lm.shared_prefix import Packed, collate, pack
from touchline.models.lm.tokenize import Encoder
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import FRAMES_PER_MARK, PromptSettings

BOTH, VIDEO, COMMENTARY = ("video", "commentary"), ("video",), ("commentary",)
SETTINGS = PromptSettings(clock="chunk", instructions=False, examples=False, time_marks=True)
KINDS = (BOTH, BOTH, VIDEO, COMMENTARY)  # drawn with equal probability

SHORTEST_S = 8.0
SHORT, GROWING = 0.1, 0.22  # shares of the steps with the shortest chunks, and with growing ones
EVENT_PROBABILITY = 0.5  # of each action in a chunk
NEGATIVES = 2  # questions on absent actions in each chunk
TIMES_QUESTIONED = 4  # in each chunk
VIDEO_S, COMMENTARY_CHUNKS = 360, 16  # the size of a batch


def batches(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    steps: int,
    seed: int,
    kinds: Sequence[tuple[str, ...]] = KINDS,
) -> Iterator[dict]:
    """Yield a batch for each step of the pretraining; `kinds` of inputs are drawn for each."""
    rng = random.Random(seed)
    encoders = {
        kind: Encoder(model, processor, ACTIONS, replace(SETTINGS, inputs=kind)) for kind in kinds
    }
    for step in range(steps):
        kind = rng.choice(kinds)
        chunk_s = CHUNK_S if kind == COMMENTARY else length_s(step / steps)
        chunks = COMMENTARY_CHUNKS if kind == COMMENTARY else round(VIDEO_S / (chunk_s + 20))
        drawn = (
            minutes.draw(
                f"base {seed} {step} {number}", EVENT_PROBABILITY, None, chunk_s, "video" in kind
            )
            for number in range(chunks)
        )
        packed = [make_example(encoders[kind], minute, rng) for minute in drawn]
        yield collate(packed, processor.tokenizer.pad_token_id)


def length_s(done: float) -> float:
    """Return the chunk length when a share `done` of the steps is behind: whole frame pairs."""
    grown = min(1.0, max(0.0, done - SHORT) / GROWING)
    pair_s = FRAME_S * FRAMES_PER_MARK
    return pair_s * round((SHORTEST_S + grown * (CHUNK_S - SHORTEST_S)) / pair_s)


def make_example(encoder: Encoder, minute: Minute, rng: random.Random) -> Packed:
    """Return a chunk with questions and answers that its inputs determine."""
    events_s = minute.perceived(encoder.settings.inputs)
    absent = [action for action in ACTIONS if action not in events_s]
    actions = [*events_s, *rng.sample(absent, min(NEGATIVES, len(absent)))]
    prefix, questions = encoder.encode_prompt(minute.chunk, actions)
    answers = [answer(minute, action, events_s, encoder.settings) for action in actions]
    turn_end = encoder.processor.apply_chat_template(
        [{"role": "user", "content": "?"}], tokenize=False, add_generation_prompt=True
    ).rpartition("?")[2]
    extra = [
        *_ask_when(minute, events_s, encoder.settings.inputs),
        *_ask_what(minute, events_s, rng),
    ]
    for question, text in extra:
        questions.append(encoder.tokenizer(question + turn_end, add_special_tokens=False).input_ids)
        answers.append(text)
    return pack(prefix, list(zip(questions, map(encoder.answer_ids, answers), strict=True)))


def answer(
    minute: Minute, action: str, events_s: dict[str, float], settings: PromptSettings
) -> str:
    """Return the study's answer about an action, if these are all that happens."""
    times_s = [events_s[action]] if action in events_s else []
    intervals = prompt_text.target_intervals(times_s, 0.0, minute.chunk.end_s)
    return prompt_text.format_answer(action, intervals, minute.chunk.half, 0.0, settings)


def _ask_when(
    minute: Minute, events_s: dict[str, float], inputs: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield (question, answer): the time mark before an action is seen, or its mention's time."""
    for action in events_s:
        if "video" in inputs and action in minute.shown:
            time_s = next(
                mark_s for mark_s in _marks_s(minute) if action in _actions_at(mark_s, events_s)
            )
        else:
            time_s = minute.mentions_s[action]
        yield f"When does {with_article(action)} happen?", f"At {clock.format_time(time_s)}."


def _ask_what(
    minute: Minute, events_s: dict[str, float], rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Yield (question, answer): what happens at some time marks, mostly those with an action."""
    marks_s = _marks_s(minute)
    hits_s = [mark_s for mark_s in marks_s if _actions_at(mark_s, events_s)]
    for _ in range(TIMES_QUESTIONED):
        mark_s = rng.choice(hits_s if hits_s and rng.random() < 0.7 else marks_s)
        actions = _actions_at(mark_s, events_s)
        text = _sentence(actions[0]) if actions else "Nothing."
        yield f"What happens at {clock.format_time(mark_s)}?", text


def _sentence(action: str) -> str:
    return f"{with_article(action)}.".replace("a", "A", 1)


def _marks_s(minute: Minute) -> list[float]:
    return list(minute.chunk.frame_s[::FRAMES_PER_MARK])


def _actions_at(mark_s: float, events_s: dict[str, float]) -> list[str]:
    """Return the actions that are on screen in the frames after a mark."""
    frames_s = [mark_s + FRAME_S * number for number in range(FRAMES_PER_MARK)]
    return [
        action
        for action, time_s in events_s.items()
        if any(abs(frame_s - time_s) <= LASTS_S for frame_s in frames_s)
    ]


def texts() -> list[str]:
    """Return the texts that the base's tokenizer is trained on: those of both domains."""
    phrases = [
        phrase
        for world in (minutes.WORLD_PHRASES, minutes.LEAGUE.phrases)
        for phrases_of_action in world.values()
        for phrase in phrases_of_action
    ]
    about = [
        text
        for action in ACTIONS
        for text in (
            prompt_text.format_question(action),
            f"When does {with_article(action)} happen?",
            _sentence(action),
            prompt_text.format_answer(action, [(0.0, 12.0)], 1, 0.0, SETTINGS),
            prompt_text.format_answer(action, [], 1, 0.0, SETTINGS),
        )
    ]
    time_texts = ["What happens at 00:12?", "At 00:12.", "Nothing."]
    return 20 * [
        prompt_text.format_system_prompt(ACTIONS, SETTINGS),
        *phrases,
        *minutes.FILLERS,
        *about,
        *time_texts,
    ]

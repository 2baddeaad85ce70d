"""What the base of benchmarks/learnability.py is pretrained on: minutes of its own world.

Each batch has one kind of inputs, so that the base can do without either. Chunks start at 8 s and
grow: in long ones from the start, where an action was shown is not learned in this time. Besides the
study's question each chunk is asked what happens at some moments, and when a thing is seen or said.
"""

import random
from collections.abc import Iterator
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
KINDS = (BOTH, BOTH, VIDEO, COMMENTARY)  # as often as they stand here

SHORTEST_S = 8.0
SHORT, GROWING = 0.1, 0.22  # shares of the steps with the shortest chunks, and until the longest
SHARE = 0.5  # of the actions that happen in a chunk: "no" teaches little
WITHOUT = 2  # actions asked about that do not happen in the chunk
MOMENTS = 4  # asked about in each chunk
VIDEO_S, SPOKEN_CHUNKS = 360, 16  # the size of a batch


def batches(
    model: PreTrainedModel, processor: ProcessorMixin, steps: int, seed: int
) -> Iterator[dict]:
    """Yield the batches of a pretraining of so many steps."""
    rng = random.Random(seed)
    encoders = {
        kind: Encoder(model, processor, ACTIONS, replace(SETTINGS, inputs=kind)) for kind in KINDS
    }
    for step in range(steps):
        kind = rng.choice(KINDS)
        chunk_s = CHUNK_S if kind == COMMENTARY else length_s(step / steps)
        chunks = SPOKEN_CHUNKS if kind == COMMENTARY else round(VIDEO_S / (chunk_s + 20))
        drawn = (
            minutes.draw(f"base {seed} {step} {number}", SHARE, None, chunk_s, "video" in kind)
            for number in range(chunks)
        )
        packed = [lesson(encoders[kind], minute, rng) for minute in drawn]
        yield collate(packed, processor.tokenizer.pad_token_id)


def length_s(done: float) -> float:
    """Return the length of a chunk when a share of the steps is done: whole pairs of frames."""
    grown = min(1.0, max(0.0, done - SHORT) / GROWING)
    pair_s = FRAME_S * FRAMES_PER_MARK
    return pair_s * round((SHORTEST_S + grown * (CHUNK_S - SHORTEST_S)) / pair_s)


def lesson(encoder: Encoder, minute: Minute, rng: random.Random) -> Packed:
    """Return a chunk with its questions and answers, about what its inputs tell."""
    found = minute.perceived(encoder.settings.inputs)
    others = [action for action in ACTIONS if action not in found]
    asked = [*found, *rng.sample(others, min(WITHOUT, len(others)))]
    prefix, questions = encoder.prompt(minute.chunk, asked)
    said = [answer(minute, action, found, encoder.settings) for action in asked]
    after = encoder.processor.apply_chat_template(
        [{"role": "user", "content": "?"}], tokenize=False, add_generation_prompt=True
    ).rpartition("?")[2]
    extra = [*_when(minute, found, encoder.settings.inputs), *_what(minute, found, rng)]
    for question, text in extra:
        questions.append(encoder.tokenizer(question + after, add_special_tokens=False).input_ids)
        said.append(text)
    return pack(prefix, list(zip(questions, map(encoder.answer_ids, said), strict=True)))


def answer(
    minute: Minute, action: str, events_s: dict[str, float], settings: PromptSettings
) -> str:
    """Return the study's answer about an action, if these are all that happens."""
    times_s = [events_s[action]] if action in events_s else []
    intervals = prompt_text.answer_intervals(times_s, 0.0, minute.chunk.end_s)
    return prompt_text.answer(action, intervals, minute.chunk.half, 0.0, settings)


def _when(
    minute: Minute, found: dict[str, float], inputs: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Ask for the time that stands before where an action is seen, or else spoken of."""
    for action in found:
        if "video" in inputs and action in minute.shown:
            time_s = next(mark_s for mark_s in _marks_s(minute) if action in _at(mark_s, found))
        else:
            time_s = minute.said_s[action]
        yield f"When does {with_article(action)} happen?", f"At {clock.format_time(time_s)}."


def _what(minute: Minute, found: dict[str, float], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Ask what happens at some of the marks, more often at those with something."""
    marks_s = _marks_s(minute)
    hits_s = [mark_s for mark_s in marks_s if _at(mark_s, found)]
    for _ in range(MOMENTS):
        mark_s = rng.choice(hits_s if hits_s and rng.random() < 0.7 else marks_s)
        happens = _at(mark_s, found)
        text = _sentence(happens[0]) if happens else "Nothing."
        yield f"What happens at {clock.format_time(mark_s)}?", text


def _sentence(action: str) -> str:
    return f"{with_article(action)}.".replace("a", "A", 1)


def _marks_s(minute: Minute) -> list[float]:
    return list(minute.chunk.frame_s[::FRAMES_PER_MARK])


def _at(mark_s: float, found: dict[str, float]) -> list[str]:
    """Return the actions that are on screen in the frames after a mark."""
    frames_s = [mark_s + FRAME_S * number for number in range(FRAMES_PER_MARK)]
    return [
        action
        for action, time_s in found.items()
        if any(abs(frame_s - time_s) <= LASTS_S for frame_s in frames_s)
    ]


def texts() -> list[str]:
    """Return what the tokenizer of the base must know: the words of both worlds."""
    phrases = [
        phrase
        for world in (minutes.WORLD_PHRASES, minutes.LEAGUE.phrases)
        for said in world.values()
        for phrase in said
    ]
    about = [
        text
        for action in ACTIONS
        for text in (
            prompt_text.question(action),
            f"When does {with_article(action)} happen?",
            _sentence(action),
            prompt_text.answer(action, [(0.0, 12.0)], 1, 0.0, SETTINGS),
            prompt_text.answer(action, [], 1, 0.0, SETTINGS),
        )
    ]
    asked = ["What happens at 00:12?", "At 00:12.", "Nothing."]
    return 20 * [
        prompt_text.system_prompt(ACTIONS, SETTINGS),
        *phrases,
        *minutes.FILLERS,
        *about,
        *asked,
    ]

"""What the demo's video-language model is pretrained on: questions on drawn footage and its commentary.

Each batch has one kind of inputs, so that the base can work with either alone. Chunks grow from
short to long, as in `commentary_lessons`. Besides the study's questions, each chunk is asked when an
action happens and what happens at some times.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from torch import Tensor
from transformers import PreTrainedModel, ProcessorMixin

from touchline.core import clock
from touchline.core.actions import with_article
from touchline.demo import commentary_lessons
from touchline.demo.broadcast import speech
from touchline.demo.broadcast.script import invent
from touchline.demo.commentary_lessons import (
    ACTIONS,
    KNOWN_PHRASES,
    LONGEST_S,
    SHORTEST_S,
    STUDY_ACTIONS,
    pack_questions,
)
from touchline.demo.footage import FRAME_S, Footage
from touchline.models.lm.shared_prefix import Packed, collate
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts.prompt_text import FRAMES_PER_MARK, PromptSettings

SETTINGS = PromptSettings(clock="chunk", instructions=False, examples=False, time_marks=True)
BOTH, VIDEO, COMMENTARY = ("video", "commentary"), ("video",), ("commentary",)
KINDS = (BOTH, BOTH, VIDEO, VIDEO, COMMENTARY)  # drawn with equal probability

PAIR_S = FRAME_S * FRAMES_PER_MARK  # a time mark precedes each pair of frames
SHORT, GROWING = 0.08, 0.3  # shares of the steps with the shortest chunks, and with growing ones
Span = tuple[float, float]
# When the frames show an action, in seconds from its time.
SHOWN_S: dict[str, Span] = {
    "corner": (-3.0, 1.5),
    "shots_on_target": (-0.5, 4.0),
    "goal": (0.0, 5.0),
    "clearance": (-1.0, 2.5),
    "foul": (0.0, 5.0),
    "free_kick": (-3.0, 1.5),
    "substitution": (-3.2, 4.0),
}
TAIL_S = 3.0  # no chunk ends so soon after an event: what shows it may come later
EVENTLESS = 0.15  # share of the chunks without event that are kept
TIMES_QUESTIONED = 4  # in each chunk
# Length of all chunks of a batch; each counts as so much longer than it is.
BATCH_S, CHUNK_OVERHEAD_S = {BOTH: 360.0, VIDEO: 600.0, COMMENTARY: 360.0}, 20.0


def batches(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    footage: Sequence[Footage],
    steps: int,
    seed: int,
) -> Iterator[dict[str, Tensor]]:
    """Yield a batch for each step of the pretraining, as `shared_prefix.collate` makes it."""
    encoders = {
        kind: Encoder(model, processor, STUDY_ACTIONS, replace(SETTINGS, inputs=kind))
        for kind in KINDS
    }
    for step in range(steps):
        rng = random.Random(f"video base {seed} {step}")
        kind = rng.choice(KINDS)
        length_s = LONGEST_S if kind == COMMENTARY else chunk_length_s(step / steps)
        chunks = round(BATCH_S[kind] / (length_s + CHUNK_OVERHEAD_S))
        packed = [
            _make_commentary_example(rng, encoders[kind], f"video base {seed} {step}", length_s)
            if kind == COMMENTARY
            else make_example(rng, encoders[kind], rng.choice(footage), length_s)
            for _ in range(chunks)
        ]
        yield collate(packed, processor.tokenizer.pad_token_id)


def chunk_length_s(done: float) -> float:
    """Return the length of a chunk when a share `done` of the steps is behind: whole frame pairs."""
    grown = min(1.0, max(0.0, done - SHORT) / GROWING)
    return PAIR_S * round((SHORTEST_S + grown * (LONGEST_S - SHORTEST_S)) / PAIR_S)


def _make_commentary_example(
    rng: random.Random, encoder: Encoder, seed: str, length_s: float
) -> Packed:
    lines = commentary_lessons.invent_commentary(rng, invent(seed), length_s)
    return commentary_lessons.make_example(rng, encoder, lines, length_s)


def make_example(rng: random.Random, encoder: Encoder, footage: Footage, length_s: float) -> Packed:
    """Return a chunk of the footage with the study's questions, and some on when and what."""
    chunk, events_s = cut_chunk(rng, footage, length_s)
    shown_s = {
        action: [(time_s + SHOWN_S[action][0], time_s + SHOWN_S[action][1]) for time_s in times_s]
        for action, times_s in events_s.items()
    }
    others = chain(_ask_when(chunk, shown_s), _ask_what(rng, chunk, shown_s))
    return pack_questions(rng, encoder, chunk, events_s, others)


def cut_chunk(
    rng: random.Random, footage: Footage, length_s: float
) -> tuple[Chunk, dict[str, list[float]]]:
    """Return a random chunk of a half, from 0 s on, and the times of the study's actions in it."""
    count, total = round(length_s / FRAME_S), len(footage.frames)
    while True:
        first = rng.randrange(total - count + 1)
        start_s = first * FRAME_S
        events_s: dict[str, list[float]] = {}
        for event in footage.events:
            if event.label in ACTIONS and 0 <= event.time_s - start_s < length_s:
                events_s.setdefault(ACTIONS[event.label], []).append(event.time_s - start_s)
        if not events_s and rng.random() >= EVENTLESS:
            continue
        if all(time_s < length_s - TAIL_S for times_s in events_s.values() for time_s in times_s):
            break
    lines = speech.speak(rng, footage.script, footage.half, KNOWN_PHRASES)
    segments = [
        {
            "start_s": max(0.0, line.start_s - start_s),
            "end_s": min(length_s, line.end_s - start_s),
            "text": line.text,
        }
        for line in lines
        if line.end_s > start_s and line.start_s < start_s + length_s
    ]
    frames = {"broadcast": footage.frames[first : first + count]}
    frame_s = [number * FRAME_S for number in range(count)]
    return Chunk("footage", 1, 0, 0.0, length_s, segments, frames, frame_s), events_s


def _ask_when(chunk: Chunk, shown_s: dict[str, list[Span]]) -> Iterator[tuple[str, str]]:
    """Yield (question, answer): the time marks before the frames that first show an action."""
    for action, spans in shown_s.items():
        firsts = [next(iter(_marks_s(chunk, span)), None) for span in spans]
        marks = ", ".join(clock.format_time(mark_s) for mark_s in firsts if mark_s is not None)
        if marks:
            yield f"When does {with_article(action)} happen?", f"At {marks}."


def _ask_what(
    rng: random.Random, chunk: Chunk, shown_s: dict[str, list[Span]]
) -> Iterator[tuple[str, str]]:
    """Yield (question, answer): what frames after some time marks show, mostly an action."""
    happens = {
        mark_s: action
        for action, spans in shown_s.items()
        for span in spans
        for mark_s in _marks_s(chunk, span)
    }
    marks_s = list(chunk.frame_s[::FRAMES_PER_MARK])
    for _ in range(TIMES_QUESTIONED):
        mark_s = rng.choice(list(happens) if happens and rng.random() < 0.6 else marks_s)
        action = happens.get(mark_s)
        answer = f"{with_article(action)}." if action else "Nothing."
        yield f"What happens at {clock.format_time(mark_s)}?", answer


def _marks_s(chunk: Chunk, shown_s: Span) -> list[float]:
    """Return the time marks of the pairs of frames with a frame in a span."""
    start_s, end_s = shown_s
    return [
        mark_s
        for mark_s in chunk.frame_s[::FRAMES_PER_MARK]
        if any(start_s <= mark_s + FRAME_S * number <= end_s for number in range(FRAMES_PER_MARK))
    ]

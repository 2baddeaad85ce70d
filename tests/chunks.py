"""Small chunks made by code, for tests of the video-language models."""

import numpy as np

from touchline import tiny
from touchline.encode import Chunk
from touchline.prompts import PromptSettings, question, system_prompt

ACTIONS = ("goal", "corner", "foul", "substitution")
LINES = [
    {"start_s": 2221.0, "end_s": 2224.0, "text": "And he whips it in from the right."},
    {"start_s": 2230.5, "end_s": 2233.0, "text": "What a goal! Corner flag next."},
]


def chunk(seed: int = 0, frames: int = 5, number: int = 37, lines: int = 2) -> Chunk:
    """Return a chunk of noise with true frame times, a little off the second."""
    generator = np.random.default_rng(seed)
    start_s = 60.0 * number
    return Chunk(
        match="a_match",
        half=1,
        chunk=number,
        start_s=start_s,
        end_s=start_s + 60.0,
        lines=LINES[:lines],
        frames={"broadcast": generator.integers(0, 255, (frames, 56, 112, 3), dtype=np.uint8)},
        frame_s=[start_s + second + 0.04 for second in range(frames)],
    )


def tiny_base(folder, family: str, **sizes) -> None:
    """Write a tiny base whose tokenizer knows the prompts' words."""
    texts = [system_prompt(ACTIONS, PromptSettings()), *map(question, ACTIONS)]
    tiny.make(folder, family, texts, **sizes)

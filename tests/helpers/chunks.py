"""Small chunks made by code, for tests of the video-language models."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import polars as pl

from touchline.core import schema
from touchline.core.files import checksum
from touchline.demo import tiny_models
from touchline.models.lm.tokenize import Chunk
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt
from touchline.video.encoder import open_encoder

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
    texts = [format_system_prompt(ACTIONS, PromptSettings()), *map(format_question, ACTIONS)]
    tiny_models.make(folder, family, texts, **sizes)


def samples(chunks: int = 2) -> pl.DataFrame:
    """Return the samples of the first chunks of a half."""
    rows = [
        (1, number, 60.0 * number, 60.0 * number + 60, action, LINES[:1])
        for number in range(chunks)
        for action in ACTIONS
    ]
    return pl.DataFrame(rows, schema=schema.SAMPLES, orient="row")


def labels(*events: tuple[float, str]) -> pl.DataFrame:
    rows = [(1, time_s, action, action, "home", "visible") for time_s, action in events]
    return pl.DataFrame(rows, schema=schema.LABELS, orient="row")


def film(folder: Path, chunks: int, set_aside: int | None = None) -> Path:
    """Write so many chunks of seven frames of noise at one per second; return their manifest."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(chunks):
        file = f"{number:03d}.mkv"
        pictures = generator.integers(0, 255, (7, 56, 112, 3), dtype=np.uint8)
        frames = [
            av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p") for picture in pictures
        ]
        with open_encoder(folder / file, Fraction(1), frames[0]) as encode:
            for place, frame in enumerate(frames):
                encode(place, frame)
        start_s = 60.0 * number
        times_s = [start_s + place for place in range(7)]
        made = ("", "") if number == set_aside else (file, checksum(folder / file))
        rows.append((1, number, start_s, start_s + 60, *made, "", "", times_s))
    manifest = folder / "1.parquet"
    schema.write(manifest, pl.DataFrame(rows, schema=schema.CHUNKS, orient="row"), schema.CHUNKS)
    return manifest

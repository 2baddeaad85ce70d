"""The chunk videos of a match, as models look at them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.core.problems import CHUNK_SET_ASIDE, Problem
from touchline.video.frame_reader import VideoError, read_frames

_FILES = {"broadcast": ("file", "sha256"), "score_bug": ("bug_file", "bug_sha256")}


class ChunkStore:
    """The chunks of a match, listed by the manifests of its halves (columns `schema.CHUNKS`)."""

    def __init__(self, manifests: Sequence[Path]) -> None:
        self._chunks = {
            (row["half"], row["chunk"]): (Path(manifest).parent, row)
            for manifest in manifests
            for row in schema.read(manifest, schema.CHUNKS).iter_rows(named=True)
        }

    def has(self, half: int, chunk: int, sources: Sequence[str]) -> bool:
        """Say whether a chunk has all these videos: it was neither set aside nor left out."""
        _, row = self._chunks.get((half, chunk), (None, {}))
        return all(row.get(_FILES[source][0]) for source in sources)

    def paths(self, half: int, chunk: int, sources: Sequence[str]) -> list[str]:
        """Return the files of a chunk that `has` them."""
        folder, row = self._chunks.get((half, chunk), (None, {}))
        return [str(folder / row[_FILES[source][0]]) for source in sources]

    def read_frames(
        self, half: int, chunk: int, sources: Sequence[str], fps: float | None = None
    ) -> tuple[dict[str, np.ndarray], list[float]]:
        """Return a chunk's frames of each source, (T, height, width, 3), and their times in the half.

        All frames of the file, or `fps` of them per second. Raises `VideoError` for a chunk that
        was set aside or cannot be read.
        """
        if not self.has(half, chunk, sources):
            raise VideoError(
                f"half {half}, chunk {chunk}",
                "no video of it was made.",
                "Give the match a video, or see what the stage chunks has listed.",
            )
        folder, row = self._chunks[half, chunk]
        frames, times_s = {}, np.empty(0)
        for source in sources:
            file, digest = _FILES[source]
            frames[source], times_s = read_frames(folder / row[file], fps=fps, sha256=row[digest])
        return frames, (row["start_s"] + times_s).tolist()


class UnreadChunk(NamedTuple):
    """A chunk whose video could not be read: why, and what to do."""

    match: str
    half: int
    chunk: int
    problem: str
    remedy: str


def unread_problems(unread: Iterable[UnreadChunk], stage: str, cost: str) -> list[Problem]:
    """Return what a stage could not read, one problem for each half and reason."""
    chunks: dict[tuple, set[int]] = {}
    for match, half, chunk, *reason in unread:
        chunks.setdefault((match, half, *reason), set()).add(chunk)
    return [
        Problem(
            match,
            stage,
            f"chunk {_ranges(numbers)}: {problem}",
            f"{remedy} {cost}",
            CHUNK_SET_ASIDE,
            half=half,
        )
        for (match, half, problem, remedy), numbers in chunks.items()
    ]


def _ranges(numbers: Iterable[int]) -> str:
    """Return {1, 2, 3, 7} as "1–3, 7"."""
    runs = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    found = [[number for _, number in run] for _, run in runs]
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in found)


def group_by_chunk(samples: pl.DataFrame) -> pl.DataFrame:
    """Return the chunks of a match's samples, with the actions asked of each, in their order."""
    return samples.group_by("half", "chunk", maintain_order=True).agg(
        pl.col("start_s", "end_s", "lines").first(), pl.col("action").alias("actions")
    )

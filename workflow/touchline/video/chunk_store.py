"""The chunk videos of a match, found by half and chunk number, as models read them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.core.files import inside
from touchline.core.problems import CHUNK_SET_ASIDE, Problem
from touchline.video.frame_reader import VideoError, read_frames

_FILES = {"broadcast": ("file", "sha256"), "score_bug": ("bug_file", "bug_sha256")}


class ChunkStore:
    """The chunks of a match, from the manifests of its halves (columns `schema.CHUNKS`).

    A chunk has one video for each of its sources: `broadcast`, and `score_bug` where one was cut
    out.
    """

    def __init__(self, manifests: Sequence[Path]) -> None:
        self._chunks = {
            (row["half"], row["chunk"]): (Path(manifest), row)
            for manifest in manifests
            for row in schema.read(manifest, schema.CHUNKS).iter_rows(named=True)
        }

    def has(self, half: int, chunk: int, sources: Sequence[str]) -> bool:
        """Return whether a chunk has the videos of all sources, and so was not set aside."""
        _, row = self._chunks.get((half, chunk), (None, {}))
        return all(row.get(_FILES[source][0]) for source in sources)

    def paths(self, half: int, chunk: int, sources: Sequence[str]) -> list[str]:
        """Return the files of a chunk, of which `has` is true."""
        manifest, row = self._chunks[half, chunk]
        return [
            str(inside(manifest.parent, row[_FILES[source][0]], manifest)) for source in sources
        ]

    def frame_count(self, half: int, chunk: int) -> int:
        """Return the number of frames in the files of a chunk."""
        _, row = self._chunks[half, chunk]
        return len(row["frame_s"])

    def read_frames(
        self, half: int, chunk: int, sources: Sequence[str], fps: float | None = None
    ) -> tuple[dict[str, np.ndarray], list[float]]:
        """Return a chunk's frames of each source, (T, H, W, 3) uint8, and their times in the half.

        With `fps`, that many frames per second, else all frames of the file. Raises `VideoError`
        for a chunk that was set aside or cannot be read.
        """
        if not self.has(half, chunk, sources):
            raise VideoError(
                f"half {half}, chunk {chunk}",
                "no video of it was made.",
                "Give the match a video, or see what the stage chunks has listed.",
            )
        manifest, row = self._chunks[half, chunk]
        frames, times_s = {}, np.empty(0)
        for source in sources:
            file, digest = _FILES[source]
            path = inside(manifest.parent, row[file], manifest)
            frames[source], times_s = read_frames(path, fps=fps, sha256=row[digest])
        return frames, (row["start_s"] + times_s).tolist()


class UnreadChunk(NamedTuple):
    """A chunk whose video could not be read, with the problem and what to do."""

    match: str
    half: int
    chunk: int
    problem: str
    remedy: str


def unread_problems(unread: Iterable[UnreadChunk], stage: str, cost: str) -> list[Problem]:
    """Return the chunks that a stage could not read, as one problem for each half and reason.

    `cost` says what the stage does without them.
    """
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
    ranges = [[number for _, number in run] for _, run in runs]
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in ranges)


def group_by_chunk(samples: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each chunk of a match's samples, with the list of its `actions`."""
    return samples.group_by("half", "chunk", maintain_order=True).agg(
        pl.col("start_s", "end_s", "lines").first(), pl.col("action").alias("actions")
    )

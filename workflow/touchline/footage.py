"""The chunk videos of a match, as models look at them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from touchline import schema
from touchline.problems import InputError
from touchline.video import read_frames

_FILES = {"broadcast": ("file", "sha256"), "score_bug": ("bug_file", "bug_sha256")}


class Footage:
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

    def frames(
        self, half: int, chunk: int, sources: Sequence[str], fps: float | None = None
    ) -> tuple[dict[str, np.ndarray], list[float]]:
        """Return a chunk's frames of each source, (T, height, width, 3), and their times in the half.

        All frames of the file, or `fps` of them per second. Raises `InputError` for a chunk that
        was set aside or cannot be read.
        """
        if not self.has(half, chunk, sources):
            raise InputError(f"half {half}, chunk {chunk}: no video of it was made.")
        folder, row = self._chunks[half, chunk]
        frames, times_s = {}, np.empty(0)
        for source in sources:
            file, digest = _FILES[source]
            frames[source], times_s = read_frames(folder / row[file], fps=fps, sha256=row[digest])
        return frames, (row["start_s"] + times_s).tolist()


def chunks_of(samples: pl.DataFrame) -> pl.DataFrame:
    """Return the chunks of a match's samples, with the actions asked of each, in their order."""
    return samples.group_by("half", "chunk", maintain_order=True).agg(
        pl.col("start_s", "end_s", "lines").first(), pl.col("action").alias("actions")
    )

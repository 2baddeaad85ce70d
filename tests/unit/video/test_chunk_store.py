"""Chunks whose videos could not be read."""

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.video.chunk_store import ChunkStore, UnreadChunk, unread_problems


def test_chunks_that_could_not_be_read_are_one_problem_per_half_and_reason():
    unread = [UnreadChunk("a", 1, n, "it is broken.", "Mend it.") for n in (3, 1, 2, 7, 7)]
    unread += [
        UnreadChunk("a", 2, 1, "it is broken.", "Mend it."),
        UnreadChunk("a", 2, 2, "it is gone.", ""),
    ]
    problems = unread_problems(unread, "fit", "So be it.")
    assert [(one.half, one.problem) for one in problems] == [
        (1, "chunk 1–3, 7: it is broken."),
        (2, "chunk 1: it is broken."),
        (2, "chunk 2: it is gone."),
    ]
    assert {one.remedy for one in problems[:2]} == {"Mend it. So be it."}


@pytest.mark.parametrize("name", ["/etc/passwd", "../1/000.mkv", "1/../../000.mkv"])
def test_a_file_that_a_manifest_names_outside_its_folder_is_not_opened(tmp_path, name):
    row = {"half": 1, "chunk": 0, "start_s": 0.0, "end_s": 4.0, "file": name, "sha256": "0"}
    table = pl.DataFrame([row | dict.fromkeys(["bug_file", "bug_sha256"])]).with_columns(
        frame_s=pl.lit(None, pl.List(pl.Float64))
    )
    schema.write(tmp_path / "1.parquet", table, schema.CHUNKS)
    store = ChunkStore([tmp_path / "1.parquet"])
    for read in (store.paths, store.read_frames):
        with pytest.raises(InputError, match=r"1\.parquet: .* is no file in "):
            read(1, 0, ["broadcast"])

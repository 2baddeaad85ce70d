"""A disk that is full or read-only, or a limit on files, is one sentence, and nothing is half done."""

import contextlib
import os
import resource
import subprocess

import polars as pl
import pytest

from project import ENVIRONMENT, PYTHON, stage
from touchline.core import schema
from touchline.core.errors import explain
from touchline.core.files import atomic_file, atomic_folder, write_text

WRITERS = {
    "text": lambda path: write_text(path, "x" * 300_000),
    "table": lambda path: schema.write(
        path, pl.DataFrame({"half": range(100_000)}).select(
            half="half", start_s=pl.col("half").sqrt(), end_s=pl.col("half").sin(),
            text=pl.col("half").hash().cast(pl.String),
        ), schema.COMMENTARY,
    ),
    "csv": lambda path: _write_csv(path),
    "weights": lambda path: _write_weights(path),
    "torch": lambda path: _write_torch(path),
    "folder": lambda path: _write_folder(path),
    "sqlite": lambda path: _write_sqlite(path),
    "video": lambda path: _write_video(path),
}  # fmt: skip


def _write_csv(path):
    with atomic_file(path) as partial:
        pl.DataFrame({"half": range(100_000)}).write_csv(partial)


def _write_weights(path):
    import numpy as np
    from safetensors.numpy import save_file

    with atomic_file(path) as partial:
        save_file({"w": np.zeros(200_000)}, partial)


def _write_torch(path):
    import torch

    with atomic_file(path) as partial:
        torch.save(torch.zeros(200_000), partial)


def _write_folder(path):
    with atomic_folder(path) as partial:
        (partial / "text").write_text("x" * 300_000)


def _write_sqlite(path):
    import sqlite3

    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (zeroblob(300000))")


def _write_video(path):
    import av
    import numpy as np

    with atomic_file(path.with_suffix(".mkv")) as partial, av.open(str(partial), "w") as file:
        stream = file.add_stream("rawvideo", rate=25)
        stream.width = stream.height = 400
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((400, 400, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


@contextlib.contextmanager
def small_disk(folder, options):
    """Mount an empty disk of 64 KB in a folder."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder])
    if done.returncode:
        pytest.skip("only root mounts a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def explained(write, path) -> str:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        write(path)
    sentence = explain(raised.value)
    assert sentence is not None, repr(raised.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_sentence_whatever_library_writes(tmp_path, name):
    with small_disk(tmp_path / "disk", "size=64k") as disk:
        sentence = explained(WRITERS[name], disk / "out.bin")
        assert "Free some space" in sentence
        if name != "sqlite":  # which says neither file nor number, and is written in its own stage
            assert str(disk / "out") in sentence
            assert [file.name for file in disk.iterdir() if "partial" not in file.name] == []


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "sqlite"])
def test_a_read_only_disk_is_one_sentence_whatever_library_writes(tmp_path, name):
    with small_disk(tmp_path / "disk", "ro,size=64k") as disk:
        sentence = explained(WRITERS[name], disk / "out.bin")
        assert str(disk) in sentence
        assert "Read-only file system. Write to another folder." in sentence


@pytest.mark.parametrize("folder", ["journal", "."])
def test_a_new_journal_of_answers_on_a_read_only_disk_is_one_sentence(tmp_path, folder):
    """The folder is missing in the first case; in the second it is there."""
    from touchline.models.api.journal import Journal

    with small_disk(tmp_path / "disk", "ro,size=64k") as disk:
        sentence = explained(Journal, disk / folder / "model.sqlite")
        assert sentence.startswith(str(disk / folder))
        assert "Read-only file system. Write to another folder." in sentence


def test_a_limit_on_the_size_of_files_is_one_sentence(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    code = (
        "from touchline.core import cli; from touchline.core.files import write_text;"
        "cli.run(lambda _: write_text('out.txt', 'x' * 100_000), [])"
    )
    done = subprocess.run(
        [PYTHON, "-c", code], cwd=tmp_path, env=ENVIRONMENT, text=True, capture_output=True,
        preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: out.txt: File too large. ")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "disk_options"),
    [
        (("labels", "--match", "m", "--durations", '{"1": 10}', "--actions", "{}", "--out"), "ro"),
        (("demo_matches", "--no-video", "--out"), "size=16k"),
        (("demo_matches", "--no-video", "--out"), "ro"),
    ],
)
def test_a_stage_that_cannot_write_says_where_and_leaves_nothing_half_done(
    tmp_path, words, disk_options
):
    with small_disk(tmp_path / "disk", disk_options) as disk:
        done = stage(*words, disk / "out", cwd=tmp_path, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(f"error: {disk}/out")
        assert "Traceback" not in done.stderr
        assert not [*disk.rglob("*.partial*")]

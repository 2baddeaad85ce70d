"""Atomic output: files, folders and tables appear complete or not at all."""

import os
import threading

import polars as pl
import pytest

from touchline.core import schema
from touchline.core.files import atomic_file, atomic_folder, write_text


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def test_a_file_appears_with_its_text_and_makes_its_folder(tmp_path):
    path = tmp_path / "a" / "b" / "table.csv"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert os.listdir(path.parent) == ["table.csv"]


def _fail_halfway(path):
    with atomic_file(path) as partial:
        partial.write_text("ne")
        raise KeyboardInterrupt  # stands for any end, also one that is not an Exception


def test_an_error_leaves_the_old_file_and_nothing_else(old):
    with pytest.raises(KeyboardInterrupt):
        _fail_halfway(old)
    assert old.read_text() == "old"
    assert os.listdir(old.parent) == ["table.csv"]


def _fill_halfway(path):
    with atomic_folder(path) as partial:
        (partial / "new").write_text("new")
        raise KeyboardInterrupt


def test_a_folder_is_replaced_completely_or_not_at_all(tmp_path):
    path = tmp_path / "some/folder"
    with atomic_folder(path) as partial:
        (partial / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _fill_halfway(path)
    assert os.listdir(path) == ["old"]
    with atomic_folder(path) as partial:
        (partial / "new").write_text("new")
    assert os.listdir(path) == ["new"]
    assert os.listdir(path.parent) == ["folder"]


def test_an_error_leaves_no_file_where_there_was_none(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _fail_halfway(tmp_path / "table.csv")
    assert os.listdir(tmp_path) == []


def test_the_old_file_stands_until_the_block_ends(old):
    with atomic_file(old) as partial:
        partial.write_text("new")
        assert old.read_text() == "old"
        assert partial.parent == old.parent, "a move within one file system"
        assert partial.suffix == ".csv"
    assert old.read_text() == "new"
    assert os.listdir(old.parent) == ["table.csv"]


def test_a_reader_never_sees_a_partial_file(old):
    texts = {letter * 200_000 for letter in "ab"}
    write_text(old, "a" * 200_000)
    done, contents = threading.Event(), set()

    def read_repeatedly():
        while not done.is_set():
            contents.add(old.read_text())

    reader = threading.Thread(target=read_repeatedly)
    reader.start()
    for turn in range(100):
        write_text(old, "ba"[turn % 2] * 200_000)
    done.set()
    reader.join()
    assert contents
    assert contents <= texts


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "table.csv", "")
    finally:
        os.umask(mask)
    assert (tmp_path / "table.csv").stat().st_mode & 0o777 == 0o644


def test_a_table_whose_writing_fails_leaves_the_old_one(tmp_path, monkeypatch):
    empty, path = pl.DataFrame(schema=schema.LABELS), tmp_path / "labels.parquet"
    schema.write(path, empty, schema.LABELS)

    def fail(frame, file, **_):
        file.write_bytes(b"PAR")
        raise OSError("no space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(OSError, match="no space left"):
        schema.write(path, empty, schema.LABELS)
    assert schema.read(path, schema.LABELS).equals(empty)
    assert os.listdir(tmp_path) == ["labels.parquet"]

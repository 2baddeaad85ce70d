"""Atomic file output (a file appears complete or not at all), file lists of a match, checksums."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from glob import glob
from pathlib import Path


@contextlib.contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there when the block ends without an error.

    The bytes are on the disk before the move, so that readers, and the disk after a crash, have
    either the old file or the complete new one. The temporary name keeps the suffix, since ffmpeg
    and others take the format from it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=f".partial{path.suffix}")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty folder, which replaces `path` when the block ends without an error."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def files_of_match(pattern: str, match: str) -> list[Path]:
    """Return a match's files, sorted; `pattern` is a path with `{match}` and perhaps `*`."""
    return [Path(path) for path in sorted(glob(pattern.format(match=match)))]


def checksum(path: Path | str) -> str:
    """Return the SHA-256 of a file in hexadecimal, without holding the file in memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Atomic file output (a file appears complete or not at all), control files, checksums."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path, PurePosixPath
from typing import Any

from touchline.core.errors import disk_errno
from touchline.core.problems import InputError, quoted
from touchline.core.text_files import UnreadableError, read_json


@contextlib.contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there when the block ends without an error.

    The bytes are on the disk before the move, so that readers, and the disk after a crash, have
    either the old file or the complete new one. The temporary name keeps the suffix, since ffmpeg
    and others take the format from it.
    """
    path = Path(path)
    with _disk_errors_name(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = f".partial{path.suffix}"
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=suffix)
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
    with _disk_errors_name(path):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)


@contextlib.contextmanager
def _disk_errors_name(path: Path) -> Iterator[None]:
    """Let errors of the disk in the block name `path`, whichever library raised them."""
    try:
        yield
    except Exception as error:
        named = str(getattr(error, "filename", None) or "")
        number = error.errno if isinstance(error, OSError) else None
        if not (named and ".partial" in named and number):
            number = None if named else disk_errno(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def inside(folder: Path | str, name: object, source: Path | str, *, links: bool = True) -> Path:
    """Return the path of a file in `folder` whose name was read from the file `source`.

    Raises `InputError` for a name that leaves the folder or is the folder itself, and without
    `links`, as before something is deleted, for one that leaves it through a symbolic link.
    """
    folder = Path(folder)
    try:
        parts = PurePosixPath(str(name)).parts
        path = folder.joinpath(*parts)
        is_inside = isinstance(name, str) and bool(parts) and parts[0] != "/" and ".." not in parts
        is_inside = is_inside and b"\0" not in os.fsencode(path)
        if is_inside and not links:
            is_inside = path.parent.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # half a character; a loop of links
        is_inside = False
    if not is_inside:
        raise InputError(
            f"{source}: {quoted(name)} is no file in {folder}. This program writes no such "
            "name: see who changed the file."
        )
    return path


def read_control_file(path: Path | str, schema: Mapping[str, Any], cost: str) -> Any:
    """Return the content of a JSON file that this program wrote itself.

    `schema` is the JSON Schema of its content, `cost` the sentence that says what deleting the file
    costs. Raises FileNotFoundError where there is none, and `InputError` for a damaged one.
    """
    from jsonschema import Draft202012Validator  # a twentieth of a second, which few stages need

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        content = read_json(path)
        error = next(Draft202012Validator(schema).iter_errors(content), None)
        damage = error and f"{error.json_path[:80]} is not of the form that this program writes"
    except UnreadableError as unreadable:
        damage = str(unreadable)
    except RecursionError:
        damage = "its JSON is nested too deeply"
    if damage:
        raise InputError(f"{path}: {damage}. Delete it. {cost}")
    return content


def files_of_match(pattern: str, match: str) -> list[Path]:
    """Return a match's files, sorted; `pattern` is a path with `{match}` and perhaps `*`."""
    return [Path(path) for path in sorted(glob(pattern.replace("{match}", match)))]


def checksum(path: Path | str) -> str:
    """Return the SHA-256 of a file in hexadecimal, without holding the file in memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

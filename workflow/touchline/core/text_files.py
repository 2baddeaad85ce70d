"""Reading of text and JSON files that people bring: bounded, UTF-8, regular files alone."""

import codecs
import json
import os
import stat
from pathlib import Path
from typing import Any

# Largest text file that is read as a whole: a hundred times the largest one of SoccerNet.
LARGEST_TEXT = 64 * 2**20
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class UnreadableError(Exception):
    """A file that cannot be read; the text is the reason, without the file's name and content."""


class NotUtf8Error(UnreadableError):
    """A text file that is not UTF-8; `line` is the first line that is not."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line} is not UTF-8 ({reason}); save it as UTF-8")
        self.line = line


def check_regular(path: Path | str) -> None:
    """Raise `UnreadableError` for what is no regular file: reading a pipe may wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise UnreadableError(getattr(error, "strerror", None) or str(error)) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise UnreadableError(f"it is {kind}, not a file")


def read_text(path: Path | str, limit: int = LARGEST_TEXT) -> str:
    """Return the text of a UTF-8 file; raise `UnreadableError` where there is none.

    A byte order mark of UTF-8, as some editors write it, is dropped.
    """
    check_regular(path)
    try:
        with open(path, "rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    if len(content) > limit:
        raise UnreadableError(f"it is larger than {limit // 2**20} MiB")
    encoding = next(
        (name for mark, name in _OTHER_ENCODINGS.items() if content.startswith(mark)), ""
    )
    if not encoding and b"\0" in content[:4]:
        encoding = "UTF-16 or binary data"
    if encoding:
        raise UnreadableError(f"it is {encoding}, not UTF-8; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotUtf8Error(content.count(b"\n", 0, error.start) + 1, error.reason) from error


def read_json(path: Path | str, limit: int = LARGEST_TEXT) -> Any:
    """Return the content of a JSON file; raise `UnreadableError` where it cannot be read."""
    return parse_json(read_text(path, limit))


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; raise `UnreadableError` with the place of the first error."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}"
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"it is not UTF-8 ({error.reason})") from error
    except RecursionError as error:
        raise UnreadableError("its JSON is nested too deeply") from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise UnreadableError("a number in it has too many digits") from error

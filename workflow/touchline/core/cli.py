"""Command lines: what a command raises becomes a sentence or a traceback; safe terminal output."""

import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO, cast

from touchline.core.errors import explain
from touchline.core.problems import InputError, Problem, printable
from touchline.core.text_files import UnreadableError, read_json

# Long lists of a job's arguments: @ and a file of this folder stand for the strings in it.
LIST_PREFIX, LISTS = "@", Path(".snakemake/touchline/lists")
# What progress bars write: a line from its start again, and movements of the cursor alone.
_START_OF_LINE = re.compile(r"\r(?!\n)")
_CURSOR_MOVEMENTS = re.compile(r"(?:\n|\x1b\[A)*")


class PrintableStream:
    """A text stream that shows control characters, such as those of a label, as escapes.

    A line end, a tab, a carriage return before a text and a progress bar's own movements of the
    cursor pass. Characters that the stream's encoding lacks are shown as escapes too.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without control characters; return its length."""
        if not _CURSOR_MOVEMENTS.fullmatch(text):
            start = "\r" if _START_OF_LINE.match(text) else ""
            text = start + printable(text[len(start) :])
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Sequence[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    """Show control characters in all that the block prints as escapes."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(cast(TextIO, PrintableStream(sys.stdout))))
        stack.enter_context(redirect_stderr(cast(TextIO, PrintableStream(sys.stderr))))
        yield


def run(main: Callable[[list[str]], None] | str, arguments: list[str]) -> None:
    """Run a stage's `main`, or that of a module; the one place where its errors are reported.

    An error that `errors.explain` knows is printed as one sentence and exits with status 2; any
    other is a bug: a traceback, and status 1. Whatever is printed has no control characters.
    """
    with printable_output():
        try:
            stage = importlib.import_module(main).main if isinstance(main, str) else main
            stage(expand_lists(arguments))
        except BrokenPipeError:
            sys.exit(0)
        except Exception as error:
            sentence = explain(error)
            if sentence is None:
                traceback.print_exc()
                sys.exit(1)
            print(f"error: {sentence}", file=sys.stderr)
            sys.exit(2)


def expand_lists(arguments: list[str]) -> list[str]:
    """Return a job's arguments with the strings of each list file (`LISTS`) in place of its name."""
    expanded: list[str] = []
    for argument in arguments:
        if argument.startswith(f"{LIST_PREFIX}{LISTS}/"):
            path = argument.removeprefix(LIST_PREFIX)
            try:
                expanded += read_json(path)
            except UnreadableError as error:
                raise InputError(
                    f"{path}: cannot be read ({error}). Run snakemake again, which writes it."
                ) from error
        else:
            expanded.append(argument)
    return expanded


def report(problems: Sequence[Problem]) -> None:
    """Print each problem on stderr as it is listed in the problems table."""
    for problem in problems:
        print(f"problem: {printable(str(problem))}", file=sys.stderr)

"""Command lines: what a command raises becomes a sentence or a traceback; safe terminal output."""

import argparse
import gc
import importlib
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, cast

from touchline.core.errors import explain
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import InputError, Problem, printable, quoted
from touchline.core.text_files import UnreadableError, parse_json, read_json

# Long lists of a job's arguments: @ and a file of this folder stand for the strings in it.
LIST_PREFIX, LISTS = "@", Path(".snakemake/touchline/lists")
# What progress bars write: a line from its start again, and movements of the cursor alone.
_START_OF_LINE = re.compile(r"\r(?!\n)")
_CURSOR_MOVEMENTS = re.compile(r"(?:\n|\x1b\[A)*")

# JSON in an argument: levels of nesting, the largest whole number, and the number of a half.
_MAX_NESTING, _MAX_INTEGER = 50, 2**63 - 1
HALF_NUMBERS = "^[1-9][0-9]?$"
_THREADS = re.compile(r"[1-9]\d*")  # OMP_NUM_THREADS may go on with those of inner computations
INTERRUPTED = 130  # exit status after Ctrl-C: 128 and the number of the signal, as in shells


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
    other is a bug: a traceback, and status 1. Ctrl-C (SIGINT) is one line, and status 130. Whatever
    is printed has no control characters.
    """
    limit_threads()
    with printable_output():
        try:
            stage = _import_stage(main) if isinstance(main, str) else main
            stage(expand_lists(arguments))
        except BrokenPipeError:
            sys.exit(0)
        except KeyboardInterrupt:
            print("interrupted: run the same command again to finish it.", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except Exception as error:
            sentence = explain(error)
            if sentence is None:
                traceback.print_exc()
                sys.exit(1)
            print(f"error: {sentence}", file=sys.stderr)
            sys.exit(2)


def limit_threads() -> None:
    """Let libraries that have threads of their own use as many as this job was given.

    Snakemake gives the number as OMP_NUM_THREADS, which OpenMP, BLAS, torch and Arrow follow; polars
    and the tokenizers have variables of their own. A command that is typed by hand, without
    OMP_NUM_THREADS, uses all cores. Threads that wait for the others of a computation sleep, as a
    waiting thread that spins takes the core of another job. Has to be called before the imports.
    """
    given = _THREADS.match(os.environ.get("OMP_NUM_THREADS", ""))
    if given:
        os.environ.setdefault("POLARS_MAX_THREADS", given[0])
        os.environ.setdefault("RAYON_NUM_THREADS", given[0])
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def given_threads() -> int:
    """Return how many threads this job was given: those of Snakemake, or all cores by hand."""
    given = _THREADS.match(os.environ.get("OMP_NUM_THREADS", ""))
    return int(given[0]) if given else len(os.sched_getaffinity(0))


def _import_stage(module: str) -> Callable[[list[str]], None]:
    """Import the module of a command and return its `main`.

    What libraries create when they are imported stays until the end, so the garbage collector
    leaves it alone, now and at the end: that saves a third of the CPU time of a light command.
    """
    gc.disable()
    stage = importlib.import_module(module).main
    gc.freeze()
    gc.enable()
    return stage


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


def json_object(values: dict | None = None, names: str = "") -> Callable[[str], dict[str, Any]]:
    """Return the `type` of an argument that is a JSON object.

    `values` is the JSON schema of each of its values, `names` a regular expression that their names
    match. The function raises ArgumentTypeError for any other text, and for values that no setting
    has: nested too deeply, infinite, or too large.
    """

    def parse(text: str) -> dict[str, Any]:
        try:
            content = parse_json(text)
            _check_values(content)
        except UnreadableError as error:
            raise argparse.ArgumentTypeError(
                f"'{quoted(text)}' is not usable JSON: {error}."
            ) from None
        if _is_plainly_valid(content, values or {}, names):
            return content
        from jsonschema import Draft202012Validator  # a tenth of a second of CPU

        rules = {
            "type": "object",
            "propertyNames": {"pattern": names},
            "additionalProperties": values or {},
        }
        wrong = next(Draft202012Validator(rules).iter_errors(content), None)
        if wrong is not None:
            place = ".".join(map(str, wrong.absolute_path))
            raise argparse.ArgumentTypeError(
                f"'{quoted(text)}': {f'{quoted(place)}: ' if place else ''}{quoted(wrong.message)}."
            )
        return content

    return parse


_TYPES = {"string": str, "integer": int, "number": int | float}


def _is_plainly_valid(content: object, rule: dict, names: str) -> bool:
    """Say whether content is valid, without jsonschema; False where that has to decide.

    The jobs of a study have thousands of such arguments, and jsonschema takes longer to import than
    a job takes to do its work.
    """
    if not isinstance(content, dict) or not all(re.search(names, name) for name in content):
        return False
    if not rule:
        return True
    kind = _TYPES.get(str(rule.get("type")))
    if kind is None or not rule.keys() <= {"type", "exclusiveMinimum", "maximum"}:
        return False
    least, most = rule.get("exclusiveMinimum", -math.inf), rule.get("maximum", math.inf)
    return all(
        isinstance(value, kind)
        and not isinstance(value, bool)
        and (isinstance(value, str) or least < value <= most)
        for value in content.values()
    )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def half_durations(text: str) -> dict[int, float]:
    """Return the seconds of each half of a JSON argument; raise ArgumentTypeError for any other."""
    seconds = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_HALF_S}
    durations = json_object(seconds, HALF_NUMBERS)(text)
    return {int(half): float(duration_s) for half, duration_s in durations.items()}


def _check_values(content: object) -> None:
    """Raise `UnreadableError` for values of JSON that no argument has."""
    level: list[object] = [content]
    for _ in range(_MAX_NESTING):
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value, *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, float) and not math.isfinite(value):
                raise UnreadableError("a number in it is infinite or not a number")
            elif isinstance(value, int) and abs(value) > _MAX_INTEGER:
                raise UnreadableError("a number in it is too large")
            elif isinstance(value, str) and not _is_unicode(value):
                raise UnreadableError("a text in it has half a character (a lone surrogate)")
        if not inner:
            return
        level = inner
    raise UnreadableError("its JSON is nested too deeply")


def report(problems: Sequence[Problem]) -> None:
    """Print each problem on stderr as it is listed in the problems table."""
    for problem in problems:
        print(f"problem: {printable(str(problem))}", file=sys.stderr)

"""Command lines: user errors are printed as one line and exit with status 2."""

import sys
from collections.abc import Callable, Sequence

from touchline.core.problems import InputError, Problem


def run(main: Callable[[list[str]], None], arguments: list[str]) -> None:
    """Run a stage's `main`; an `InputError` is printed as one line and exits with status 2."""
    try:
        main(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(0)


def report(problems: Sequence[Problem]) -> None:
    """Print each problem on stderr as it is listed in the problems table."""
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)

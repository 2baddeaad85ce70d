"""What every command line of the library shares: sentences instead of tracebacks."""

import sys
from collections.abc import Callable

from touchline.problems import InputError, Problem


def run(main: Callable[[list[str]], None]) -> None:
    """Run a stage's `main(argv)`; bad input becomes a sentence on stderr and exit status 2."""
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(_fail(str(error)))
    except BrokenPipeError:
        sys.exit(0)


def _fail(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 2


def report(problems: list[Problem]) -> None:
    """Print each problem on stderr as it is listed in the problems table."""
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)

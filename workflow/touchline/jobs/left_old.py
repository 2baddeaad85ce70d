"""Outputs that an unfinished run left as they were, although it was to make them again.

Snakemake deletes the output of a job before the job runs again. Where that job then fails, its
output is missing, and what was made from the old one is still there: Snakemake takes it for up to
date. So each run records which files it is to make again, and the next run makes those whose inputs
have gone missing.
"""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.core.text_files import UnreadableError, read_json

RECORD = Path(".snakemake/touchline_to_make.json")

Entries = dict[str, tuple[int, list[str]]]  # an output's time of change in ns, and its job's inputs


class Job(Protocol):
    """A job of Snakemake, as far as it matters here."""

    input: Sequence[str]
    output: Sequence[str]


def record(jobs: Iterable[Job]) -> None:
    """Record the outputs that are there and that these jobs will make again.

    What an earlier run left old stays recorded until it is made.
    """
    entries = _left_old(_read())
    for job in jobs:
        for path in map(str, job.output):
            if (time_ns := _time_ns(path)) is not None:
                entries[path] = (time_ns, list(map(str, job.input)))
    _write(entries)


def find() -> set[str]:
    """Return the recorded outputs that are as old as then, and whose inputs are not all there.

    An input that is itself such an output counts as missing.
    """
    return set(_left_old(_read()))


def forget() -> None:
    """Keep a record of what is still to be made alone: after a run that has finished."""
    _write(_left_old(_read()))


def _left_old(entries: Entries) -> Entries:
    """Return the entries of the outputs that `find` returns."""
    unchanged = {path: entry for path, entry in entries.items() if _time_ns(path) == entry[0]}
    inputs = {path for _, of_path in unchanged.values() for path in of_path}
    missing = {path for path in inputs if not os.path.exists(path)}
    found: Entries = {}
    while True:
        more = {
            path: entry
            for path, entry in unchanged.items()
            if path not in found and not (missing | found.keys()).isdisjoint(entry[1])
        }
        if not more:
            return found
        found |= more


def _time_ns(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _read() -> Entries:
    if not RECORD.exists():
        return {}
    try:
        content = read_json(RECORD)
        return {path: (int(time_ns), list(inputs)) for path, (time_ns, inputs) in content.items()}
    except (UnreadableError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{RECORD}: damaged, so that nobody knows which tables are of an earlier run. Delete it, "
            "and run with --forcerun score."
        ) from error


def _write(entries: Entries) -> None:
    if entries:
        write_text(RECORD, json.dumps(entries))
    else:
        RECORD.unlink(missing_ok=True)

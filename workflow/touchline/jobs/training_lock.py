"""Lock of a folder of checkpoints: one training at a time; a newer job cancels its holder.

A Snakemake that was killed leaves its jobs running. When it is started again, a new job needs the
same checkpoints: it cancels the old job, which saves its state, and resumes from there.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from touchline.core.files import read_control_file, write_text
from touchline.core.problems import InputError
from touchline.jobs import slurm

NAME, LOCK = "holder.json", "lock"
_TEXT_OR_NULL = {"type": ["string", "null"]}
_SCHEMA = {
    "type": "object",
    "properties": {"job": _TEXT_OR_NULL, "runs": {"type": "array", "items": _TEXT_OR_NULL}},
    "required": ["job", "runs"],
}
_COST = (
    "Nothing is lost, but a job that still trains this model is no longer known: cancel it first, "
    "if there is one (squeue)."
)
# A file system without locks. Then only the job that `holder.json` names is known.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@contextlib.contextmanager
def hold(folder: Path, wait_s: float = 30) -> Iterator[None]:
    """Hold the lock of a folder of checkpoints while the block runs.

    Cancels the Slurm job that holds it. Raises `InputError` when that job does not end, when it
    belongs to a Snakemake run that was started later than this job's, and when the holder is
    another process that does not end within `wait_s`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job, run = slurm.job_id(), slurm.run_id()
    runs = _take_over(folder, job, run)
    with open(folder / LOCK, "a") as file:
        _lock(file, folder, wait_s)
        runs = [earlier for earlier in runs if earlier != run] + [run]
        holder = {"job": job, "process": os.getpid(), "node": socket.gethostname(), "runs": runs}
        write_text(folder / NAME, json.dumps(holder, indent=1))
        yield
        (folder / NAME).unlink(missing_ok=True)


def _take_over(folder: Path, job: str | None, run: str | None) -> list[str | None]:
    """Cancel the job that holds a folder; return the Snakemake runs that held it, oldest first."""
    try:
        holder = read_control_file(folder / NAME, _SCHEMA, _COST)
    except FileNotFoundError:
        return []
    if holder["job"] in (None, job) or job is None or not slurm.is_alive(holder["job"]):
        return holder["runs"]
    if run in holder["runs"][:-1]:
        raise InputError(
            f"job {holder['job']} trains this model for a Snakemake that was started later, so "
            "this job leaves it alone. End one of the two Snakemakes."
        )
    print(f"cancelling job {holder['job']}, which still trains this model", file=sys.stderr)
    if slurm.cancel([holder["job"]]):
        raise InputError(
            f"job {holder['job']} trains this model and does not end. Cancel it (scancel "
            f"{holder['job']}) and run the same command again."
        )
    return holder["runs"]


def _lock(file: TextIO, folder: Path, wait_s: float) -> None:
    """Lock a file until it is closed or this process ends for whatever reason."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in NO_LOCKS:
                return
            if time.monotonic() > deadline:
                raise InputError(
                    f"{folder}: another process trains this model. Wait for its end, or end it."
                ) from error
            time.sleep(0.2)

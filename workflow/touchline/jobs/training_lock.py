"""One training at a time: the newest job cancels the one that still trains the same model.

A Snakemake that was killed leaves its jobs running. When the same command is typed again, a new job
comes to the same checkpoints: it cancels the old one, which saves, and goes on from there.
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

from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.jobs import slurm

NAME, LOCK = "holder.json", "lock"
# A file system without locks: then the numbers of the jobs alone must do.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@contextlib.contextmanager
def hold(folder: Path, wait_s: float = 30) -> Iterator[None]:
    """Own a folder of checkpoints while the block runs.

    Cancels the Slurm job that holds it. Raises `InputError` when that does not end, when it belongs
    to a run of Snakemake that was started later than this job's, or when it is not a Slurm job.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job, run = slurm.job_id(), slurm.run_id()
    runs = _take_over(folder, job, run)
    with open(folder / LOCK, "a") as file:
        _lock(file, folder, wait_s)
        names = [one for one in runs if one != run] + [run]
        held = {"job": job, "process": os.getpid(), "node": socket.gethostname(), "runs": names}
        write_text(folder / NAME, json.dumps(held, indent=1))
        yield
        (folder / NAME).unlink(missing_ok=True)


def _take_over(folder: Path, job: str | None, run: str | None) -> list[str | None]:
    """Cancel the job that holds a folder; return the runs of Snakemake that held it, oldest first."""
    try:
        held = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    if held["job"] in (None, job) or job is None or not slurm.is_alive(held["job"]):
        return held["runs"]
    if run in held["runs"][:-1]:
        raise InputError(
            f"job {held['job']} trains this model for a Snakemake that was started later, so this "
            "job leaves it alone. End one of the two Snakemakes."
        )
    print(f"cancelling job {held['job']}, which still trains this model", file=sys.stderr)
    if slurm.cancel([held["job"]]):
        raise InputError(
            f"job {held['job']} trains this model and does not end. Cancel it (scancel "
            f"{held['job']}) and run the same command again."
        )
    return held["runs"]


def _lock(file, folder: Path, wait_s: float) -> None:
    """Lock a file until this process ends, however it does."""
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in NO_LOCKS:
                return
            if time.monotonic() > until:
                raise InputError(
                    f"{folder}: another process trains this model. Wait for its end, or end it."
                ) from error
            time.sleep(0.2)

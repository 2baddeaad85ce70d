"""One Snakemake at a time in a folder, and no jobs left over from one that was killed."""

import fcntl
import os
import sys
from pathlib import Path

from touchline.core.problems import InputError
from touchline.jobs import slurm

LOCK = Path(".snakemake/touchline.lock")
PREFIX = "touchline_"  # of the jobs' names, as in profiles/slurm
_held = []  # the lock is free when this process has ended, however it did


def acquire() -> None:
    """Take the folder that this process works in, and cancel the jobs that still run there.

    Raises `InputError` where another Snakemake works in it, or a job does not end.
    """
    LOCK.parent.mkdir(exist_ok=True)
    file = open(LOCK, "a+")  # noqa: SIM115
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        raise InputError(
            f"{Path.cwd()}: another Snakemake works here ({file.read().strip()}). Wait for its end, "
            "or end it, and run the same command again."
        ) from error
    except OSError:
        pass  # a file system without locks
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    _held.append(file)
    left = slurm.jobs_of_folder(str(Path.cwd()), PREFIX)
    if left:
        jobs_ = "job" if len(left) == 1 else "jobs"
        print(f"cancelling {len(left)} {jobs_} of a Snakemake that was ended", file=sys.stderr)
        if left := slurm.cancel(left):
            raise InputError(
                f"jobs {', '.join(left)} do not end. Cancel them (scancel), and go on."
            )

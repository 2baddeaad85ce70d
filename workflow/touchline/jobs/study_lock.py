"""Lock of a study's folder: one Snakemake at a time; jobs of a killed one are cancelled."""

import fcntl
import os
import sys
from pathlib import Path
from typing import TextIO

from touchline.core.problems import InputError
from touchline.jobs import slurm

LOCK = Path(".snakemake/touchline.lock")
PREFIX = "touchline_"  # of the names of jobs, as in profiles/slurm
# Kept open: the operating system releases the lock when this process ends for whatever reason.
_lock_files: list[TextIO] = []


def acquire() -> None:
    """Lock the working folder, and cancel the jobs that an earlier Snakemake left running there.

    Raises `InputError` where another Snakemake holds the lock, or a job does not end.
    """
    LOCK.parent.mkdir(exist_ok=True)
    file = open(LOCK, "a+")  # noqa: SIM115
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        raise InputError(
            f"{Path.cwd()}: another Snakemake works here ({file.read().strip()}). Wait for its "
            "end, or end it, and run the same command again."
        ) from error
    except OSError:
        pass  # a file system without locks
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    _lock_files.append(file)
    orphans = slurm.jobs_of_folder(str(Path.cwd()), PREFIX)
    if orphans:
        noun = "job" if len(orphans) == 1 else "jobs"
        print(f"cancelling {len(orphans)} {noun} of a Snakemake that was ended", file=sys.stderr)
        if alive := slurm.cancel(orphans):
            raise InputError(
                f"jobs {', '.join(alive)} do not end. Cancel them (scancel), and go on."
            )

"""What a command asks of the Slurm that runs it: its job, the time left, and the end of other jobs."""

import os
import subprocess
import time

BUDGET_VARIABLE = "TOUCHLINE_TIME_BUDGET_S"
MARGIN_S, MARGIN = 300.0, 0.1  # kept of the time left: the smaller of this and this share of it
# States of a job that has processes, or will have some. A job that is requeued is PENDING.
ALIVE = ("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "STOPPED", "SIGNALING")


def job_id() -> str | None:
    """Return the Slurm job that this process is part of, or None."""
    return os.environ.get("SLURM_JOB_ID")


def run_id() -> str | None:
    """Return what tells one run of Snakemake from another: the name that it gives all its jobs."""
    return _ask("--format=%j", "--jobs", str(job_id())) if job_id() else None


def time_budget_s() -> float | None:
    """Return how many seconds a training may take from now on; None where nothing limits it.

    Read from the environment, else from Slurm, less a margin: what is not saved by then is lost.
    """
    if BUDGET_VARIABLE in os.environ:
        return float(os.environ[BUDGET_VARIABLE])
    if job_id() is None:
        return None
    left_s = parse_time(_ask("--format=%L", "--jobs", str(job_id())))
    return None if left_s is None else left_s - min(MARGIN_S, MARGIN * left_s)


def parse_time(text: str) -> float | None:
    """Return the seconds of a time that Slurm prints, [days-][hours:]minutes:seconds.

    None for a word such as UNLIMITED.
    """
    days, _, clock = text.rpartition("-")
    try:
        parts = [int(part) for part in clock.split(":")]
        seconds = sum(part * 60**place for place, part in enumerate(reversed(parts)))
        return float(seconds + 86400 * int(days or 0))
    except ValueError:
        return None


def requeue(job: str) -> bool:
    """Put a job back into the queue, under the same number; say whether Slurm does it."""
    return _call("scontrol", "requeue", job)


def is_alive(job: str) -> bool:
    """Say whether a job runs, still ends, or will run."""
    return _ask("--format=%T", "--jobs", job) in ALIVE


def cancel(jobs: list[str], timeout_s: float = 120) -> list[str]:
    """Cancel jobs, wait until they have ended, and return those that have not by then."""
    until = time.monotonic() + timeout_s
    _call("scancel", *jobs)
    while (jobs := [job for job in jobs if is_alive(job)]) and time.monotonic() < until:
        time.sleep(1)
    return jobs


def jobs_of_folder(folder: str, prefix: str) -> list[str]:
    """Return the user's living jobs that were submitted from a folder under a name that begins so."""
    lines = _ask("--user", str(os.getuid()), "--format=%i|%T|%j|%Z").splitlines()
    return [
        job
        for job, state, name, where in (line.split("|", 3) for line in lines)
        if state in ALIVE and name.startswith(prefix) and where == folder
    ]


def _ask(*arguments: str) -> str:
    """Return what squeue prints, or nothing where it fails: Slurm forgets jobs that have ended."""
    command = ["squeue", "--noheader", "--states=all", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _call(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False

"""Queries and commands to Slurm: this job, its remaining time, cancelling and requeueing jobs."""

import os
import subprocess
import time

BUDGET_VARIABLE = "TOUCHLINE_TIME_BUDGET_S"
# Kept free of the remaining time: the smaller of these seconds and this fraction of it.
MARGIN_S, MARGIN = 300.0, 0.1
# States of a job that runs or will run. A requeued job is PENDING.
ALIVE = ("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "STOPPED", "SIGNALING")


def job_id() -> str | None:
    """Return the number of the Slurm job that this process is part of, or None."""
    return os.environ.get("SLURM_JOB_ID")


def run_id() -> str | None:
    """Return the identifier of this Snakemake run, or None outside Slurm.

    It is the name that Snakemake gives all jobs of a run.
    """
    return _squeue("--format=%j", "--jobs", str(job_id())) if job_id() else None


def time_budget_s() -> float | None:
    """Return for how many seconds a training may go on from now; None where there is no limit.

    From the environment variable `BUDGET_VARIABLE`, else the job's remaining time less a margin, in
    which the training saves its state.
    """
    if BUDGET_VARIABLE in os.environ:
        return float(os.environ[BUDGET_VARIABLE])
    if job_id() is None:
        return None
    left_s = parse_time(_squeue("--format=%L", "--jobs", str(job_id())))
    return None if left_s is None else left_s - min(MARGIN_S, MARGIN * left_s)


def parse_time(text: str) -> float | None:
    """Return the seconds of a duration in Slurm's format, [days-][hours:]minutes:seconds.

    None for a word such as UNLIMITED, and for an empty text.
    """
    days, _, clock = text.rpartition("-")
    try:
        parts = [int(part) for part in clock.split(":")]
        seconds = sum(part * 60**place for place, part in enumerate(reversed(parts)))
        return float(seconds + 86400 * int(days or 0))
    except ValueError:
        return None


def requeue(job: str) -> bool:
    """Put a job back into the queue, under the same number; return whether Slurm accepted it."""
    return _succeeds("scontrol", "requeue", job)


def is_alive(job: str) -> bool:
    """Return whether a job is queued, runs, or is still ending."""
    return _squeue("--format=%T", "--jobs", job) in ALIVE


def cancel(jobs: list[str], timeout_s: float = 120) -> list[str]:
    """Cancel jobs and wait until they have ended; return those that have not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    _succeeds("scancel", *jobs)
    while (jobs := [job for job in jobs if is_alive(job)]) and time.monotonic() < deadline:
        time.sleep(1)
    return jobs


def jobs_of_folder(folder: str, prefix: str) -> list[str]:
    """Return the user's jobs that are alive and were submitted from `folder`.

    Only jobs whose name begins with `prefix` are returned.
    """
    lines = _squeue("--user", str(os.getuid()), "--format=%i|%T|%j|%Z").splitlines()
    return [
        job
        for job, state, name, work_folder in (line.split("|", 3) for line in lines)
        if state in ALIVE and name.startswith(prefix) and work_folder == folder
    ]


def _squeue(*arguments: str) -> str:
    """Return the output of squeue; empty where it fails, as for a job that ended some time ago."""
    command = ["squeue", "--noheader", "--states=all", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False

"""The record of the attempts at a training: which job, where, from which step to which, why it ended.

It lies beside the checkpoints as `attempts.json` while the training is unfinished, and in the model's
folder afterwards. An attempt that was killed cannot write why: the next one does.
"""

import contextlib
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from touchline.core.files import write_text
from touchline.jobs import checkpoints, slurm

NAME = "attempts.json"
KILLED = "it was killed, or its machine failed"
DONE = "done"


def read_attempts(folder: Path) -> list[dict]:
    """Return the attempts of a folder, the oldest first.

    Each has `job` (of Slurm, else the process), `run` (of Snakemake, under Slurm), `node`, `began`,
    `from_step`, `to_step`, `saved_step` (empty for models without steps), `ended`, `why`.
    """
    try:
        return json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def begin(folder: Path) -> None:
    """Record that an attempt begins, and the end of one that could not do so itself."""
    rows = read_attempts(folder)
    saved = checkpoints.newest(folder)
    step = checkpoints.step_of(saved) if saved else 0
    if rows and rows[-1]["ended"] is None:
        rows[-1] |= {"ended": _now(), "why": KILLED, "saved_step": step}
    job = slurm.job_id()
    rows.append(
        {
            "job": job or f"process {os.getpid()}",
            "run": slurm.run_id(),
            "node": socket.gethostname(),
            "began": _now(),
            "from_step": step,
            "to_step": step,
            "saved_step": step,
            "ended": None,
            "why": None,
        }
    )
    _write(folder, rows)


def update(folder: Path, **fields: object) -> None:
    """Change fields of the attempt under way, if there is one: not every training is recorded."""
    rows = read_attempts(folder)
    if rows and rows[-1]["ended"] is None and rows[-1] | fields != rows[-1]:
        rows[-1] |= fields
        # A full disk must not hide what it did to the training.
        with contextlib.suppress(OSError):
            _write(folder, rows)


def end(folder: Path, why: str) -> None:
    """Record why the attempt under way ends, unless that is already known."""
    rows = read_attempts(folder)
    known = rows[-1]["why"] if rows else None
    update(folder, ended=_now(), why=known or why)


def find_standstill(folder: Path) -> str | None:
    """Say why the last two attempts of this run of Snakemake ended, if neither saved a new step."""
    run = slurm.run_id()
    ended = [row for row in read_attempts(folder) if row["ended"] and row["run"] == run]
    last = ended[-2:]
    if run is None or len(last) < 2 or any(row["saved_step"] > row["from_step"] for row in last):
        return None
    return "; ".join(f"job {row['job']}: {row['why']}" for row in last)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(folder: Path, rows: list[dict]) -> None:
    write_text(folder / NAME, json.dumps(rows, indent=1))

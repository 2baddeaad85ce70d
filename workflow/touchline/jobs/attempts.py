"""Record of the attempts at a training: job, node, first and last step, reason of the end.

The file `attempts.json` is in the folder of checkpoints while the training is unfinished, and in
the model's folder afterwards. The end of an attempt that was killed is recorded by the next
attempt.
"""

import contextlib
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from touchline.core.files import read_control_file, write_text
from touchline.jobs import checkpoints, slurm

NAME = "attempts.json"
KILLED = "it was killed, or its machine failed"
DONE = "done"
_TEXT, _TEXT_OR_NULL, _STEP = {"type": "string"}, {"type": ["string", "null"]}, {"type": "integer"}
_FIELDS = {
    "job": _TEXT,
    "run": _TEXT_OR_NULL,
    "node": _TEXT,
    "began": _TEXT,
    "from_step": _STEP,
    "to_step": _STEP,
    "saved_step": _STEP,
    "ended": _TEXT_OR_NULL,
    "why": _TEXT_OR_NULL,
}
SCHEMA = {
    "type": "array",
    "items": {"type": "object", "properties": _FIELDS, "required": list(_FIELDS)},
}
_COST = "The record of the attempts at this training is lost, and nothing else."


def read_attempts(folder: Path) -> list[dict]:
    """Return the attempts that are recorded in a folder, the oldest first.

    Each has `job` (Slurm's number, else the process), `run` (the Snakemake run, under Slurm),
    `node`, `began` and `ended` (UTC, ISO 8601), `from_step`, `to_step`, `saved_step` (0 for models
    without steps) and `why` it ended. `ended` and `why` are None while it runs. Raises `InputError`
    for a damaged file.
    """
    try:
        return read_control_file(folder / NAME, SCHEMA, _COST)
    except FileNotFoundError:
        return []


def begin(folder: Path) -> None:
    """Record the start of an attempt, and the end of the one before it where that was killed."""
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
    """Change fields of the running attempt; does nothing where none is recorded."""
    rows = read_attempts(folder)
    if rows and rows[-1]["ended"] is None and rows[-1] | fields != rows[-1]:
        rows[-1] |= fields
        # The error of a full disk must not replace the error that ended the training.
        with contextlib.suppress(OSError):
            _write(folder, rows)


def end(folder: Path, why: str) -> None:
    """Record the end of the running attempt, with the reason `why` unless one is recorded."""
    rows = read_attempts(folder)
    known = rows[-1]["why"] if rows else None
    update(folder, ended=_now(), why=known or why)


def find_standstill(folder: Path) -> str | None:
    """Return why the last two attempts of this Snakemake run ended, if neither saved a new step.

    None where one of them did, where there are fewer, and outside Slurm.
    """
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

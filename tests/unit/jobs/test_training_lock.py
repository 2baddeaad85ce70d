"""Lock of a folder of checkpoints: who may train, and who has to end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from touchline.core.problems import InputError
from touchline.jobs import attempts, slurm, training_lock
from touchline.jobs.unfinished import UNFINISHED

# A process that holds the lock of a folder for a minute.
HOLDER = """
import sys, time
from pathlib import Path
from touchline.models import fit
with fit.attempt(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_second_process_waits_and_then_reports_that_another_one_trains(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    holder.stdout.readline()
    with (
        pytest.raises(InputError, match="another process trains this model"),
        training_lock.hold(tmp_path, wait_s=0.5),
    ):
        pass
    holder.send_signal(signal.SIGTERM)
    assert holder.wait() == UNFINISHED
    with training_lock.hold(tmp_path):
        assert json.loads((tmp_path / training_lock.NAME).read_text())["process"] == os.getpid()
    assert "SIGTERM" in attempts.read_attempts(tmp_path)[0]["why"]


def test_a_lock_is_released_when_its_process_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    holder.stdout.readline()
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with training_lock.hold(tmp_path):
        assert time.monotonic() - began < 5


def test_the_newest_job_cancels_the_holder_and_one_of_an_older_run_does_not(
    tmp_path, under_slurm, monkeypatch
):
    alive = set()

    def cancel(numbers):
        alive.difference_update(numbers)
        return []

    monkeypatch.setattr(slurm, "is_alive", lambda job: job in alive)
    monkeypatch.setattr(slurm, "cancel", cancel)

    def train_and_cut_off(job: str, run: str) -> None:
        """Run as a job that is cut off while it trains."""
        under_slurm(job, run)
        with contextlib.suppress(KeyboardInterrupt), training_lock.hold(tmp_path):
            alive.add(job)
            raise KeyboardInterrupt

    train_and_cut_off("1", "older")
    train_and_cut_off("2", "newer")
    assert alive == {"2"}
    with pytest.raises(
        InputError, match="job 2 trains this model for a Snakemake that was started later"
    ):
        train_and_cut_off("3", "older")
    train_and_cut_off("4", "newer")
    assert alive == {"4"}

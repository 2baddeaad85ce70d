"""What is recorded of a training's attempts, when there is no further one, and who may go on with it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from touchline.core.problems import InputError
from touchline.jobs import attempts, checkpoints, slurm, training_lock
from touchline.jobs.unfinished import UNFINISHED, Unfinished
from touchline.models import fit

WAITING = """
import sys, time
from pathlib import Path
from touchline.models import fit
with fit.attempt(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def under_slurm(monkeypatch):
    """Let this process be a job of a run of Snakemake; return what changes which."""

    def set_job(job: str, run: str) -> None:
        monkeypatch.setattr(slurm, "job_id", lambda: job)
        monkeypatch.setattr(slurm, "run_id", lambda: run)

    return set_job


def save(folder, step: int) -> None:
    """Leave a checkpoint of a step."""
    written = folder / "writing" / f"{checkpoints.NAME}{step}"
    written.mkdir(parents=True)
    (written / "weights").write_text(str(step))
    checkpoints.seal(written, folder)
    attempts.update(folder, saved_step=step)


def fail(folder, reason: str, steps: int | None = None) -> None:
    """Make an attempt that saves so many steps and crashes."""
    with contextlib.suppress(RuntimeError), fit.attempt(folder):
        if steps:
            save(folder, steps)
        raise RuntimeError(reason)


def test_an_attempt_that_was_killed_is_ended_by_the_next(tmp_path):
    attempts.begin(tmp_path)
    attempts.update(tmp_path, to_step=7)
    save(tmp_path, 5)
    attempts.begin(tmp_path)
    killed, going = attempts.read_attempts(tmp_path)
    assert (killed["from_step"], killed["to_step"], killed["saved_step"]) == (0, 7, 5)
    assert killed["why"] == attempts.KILLED
    assert killed["ended"]
    assert (going["from_step"], going["ended"], going["why"]) == (5, None, None)


def test_two_attempts_of_a_run_without_a_new_step_are_the_last(tmp_path, under_slurm):
    under_slurm("1", "a")
    fail(tmp_path, "first")
    under_slurm("2", "a")
    fail(tmp_path, "second")
    under_slurm("3", "a")
    with pytest.raises(InputError, match=r"no third\. job 1: RuntimeError: first; job 2: .*second"):
        fail(tmp_path, "third")
    assert len(attempts.read_attempts(tmp_path)) == 2
    under_slurm("4", "b")  # the same command typed again
    fail(tmp_path, "fourth")
    assert len(attempts.read_attempts(tmp_path)) == 3


def test_attempts_that_come_further_go_on(tmp_path, under_slurm):
    for job in range(1, 5):
        under_slurm(str(job), "a")
        fail(tmp_path, "again", steps=job if job % 2 else None)
    assert [row["saved_step"] for row in attempts.read_attempts(tmp_path)] == [1, 1, 3, 3]


def test_only_an_attempt_out_of_time_goes_back_into_the_queue(tmp_path, under_slurm, monkeypatch):
    requeued = []
    monkeypatch.setattr(slurm, "requeue", lambda job: requeued.append(job) or True)
    under_slurm("1", "a")
    for out_of_time in (False, True):
        with pytest.raises(SystemExit) as end, fit.attempt(tmp_path):
            raise Unfinished("it is late", out_of_time)
        assert end.value.code == UNFINISHED
    assert requeued == ["1"]
    assert [row["why"] for row in attempts.read_attempts(tmp_path)] == ["it is late"] * 2


def test_a_full_disk_does_not_hide_why_a_training_failed(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    attempts.begin(tmp_path)
    monkeypatch.setattr(attempts, "write_text", refuse)
    attempts.end(tmp_path, "something else")


def test_a_second_process_waits_and_then_says_that_another_one_trains(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", WAITING, tmp_path], stdout=subprocess.PIPE)
    first.stdout.readline()
    with (
        pytest.raises(InputError, match="another process trains this model"),
        training_lock.hold(tmp_path, wait_s=0.5),
    ):
        pass
    first.send_signal(signal.SIGTERM)
    assert first.wait() == UNFINISHED
    with training_lock.hold(tmp_path):
        assert json.loads((tmp_path / training_lock.NAME).read_text())["process"] == os.getpid()
    assert "SIGTERM" in attempts.read_attempts(tmp_path)[0]["why"]


def test_a_lock_is_free_when_its_process_was_killed(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", WAITING, tmp_path], stdout=subprocess.PIPE)
    first.stdout.readline()
    first.kill()
    first.wait()
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

    def leave(job: str, run: str) -> None:
        """Be a job that is cut off while it trains."""
        under_slurm(job, run)
        with contextlib.suppress(KeyboardInterrupt), training_lock.hold(tmp_path):
            alive.add(job)
            raise KeyboardInterrupt

    leave("1", "older")
    leave("2", "newer")
    assert alive == {"2"}
    with pytest.raises(
        InputError, match="job 2 trains this model for a Snakemake that was started later"
    ):
        leave("3", "older")
    leave("4", "newer")
    assert alive == {"4"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:00", 60),
        ("59", 59),
        ("8:00:00", 28800),
        ("2-01:00:30", 176430),
        ("UNLIMITED", None),
        ("", None),
    ],
)
def test_the_times_that_slurm_prints_are_read(text, seconds):
    assert slurm.parse_time(text) == seconds

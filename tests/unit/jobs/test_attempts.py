"""Record of a training's attempts, and which attempts are followed by another."""

import contextlib

import pytest

from touchline.core.problems import InputError
from touchline.jobs import attempts, checkpoints, slurm
from touchline.jobs.unfinished import UNFINISHED, Unfinished
from touchline.models import fit


def save(folder, step: int) -> None:
    """Write a checkpoint of a step, and record it."""
    written = folder / "writing" / f"{checkpoints.NAME}{step}"
    written.mkdir(parents=True)
    (written / "weights").write_text(str(step))
    checkpoints.seal(written, folder)
    attempts.update(folder, saved_step=step)


def fail(folder, reason: str, steps: int | None = None) -> None:
    """Make an attempt that saves a checkpoint of `steps`, if given, and crashes."""
    with contextlib.suppress(RuntimeError), fit.attempt(folder):
        if steps:
            save(folder, steps)
        raise RuntimeError(reason)


def test_the_end_of_a_killed_attempt_is_recorded_by_the_next(tmp_path):
    attempts.begin(tmp_path)
    attempts.update(tmp_path, to_step=7)
    save(tmp_path, 5)
    attempts.begin(tmp_path)
    killed, running = attempts.read_attempts(tmp_path)
    assert (killed["from_step"], killed["to_step"], killed["saved_step"]) == (0, 7, 5)
    assert killed["why"] == attempts.KILLED
    assert killed["ended"]
    assert (running["from_step"], running["ended"], running["why"]) == (5, None, None)


def test_after_two_attempts_of_a_run_without_a_new_step_there_is_no_third(tmp_path, under_slurm):
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


def test_attempts_that_save_new_steps_are_followed_by_others(tmp_path, under_slurm):
    for job in range(1, 5):
        under_slurm(str(job), "a")
        fail(tmp_path, "again", steps=job if job % 2 else None)
    assert [row["saved_step"] for row in attempts.read_attempts(tmp_path)] == [1, 1, 3, 3]


def test_only_an_attempt_out_of_time_goes_back_into_the_queue(tmp_path, under_slurm, monkeypatch):
    requeued = []
    monkeypatch.setattr(slurm, "requeue", lambda job: requeued.append(job) or True)
    under_slurm("1", "a")
    for out_of_time in (False, True):
        with pytest.raises(SystemExit) as ended, fit.attempt(tmp_path):
            raise Unfinished("it is late", out_of_time)
        assert ended.value.code == UNFINISHED
    assert requeued == ["1"]
    assert [row["why"] for row in attempts.read_attempts(tmp_path)] == ["it is late"] * 2


def test_a_full_disk_does_not_hide_why_a_training_failed(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    attempts.begin(tmp_path)
    monkeypatch.setattr(attempts, "write_text", refuse)
    attempts.end(tmp_path, "something else")

"""A study on a real Slurm: typed as the README says, and disturbed in every way that we know of.

Most of the time is waiting, so what disturbs one training alone runs beside the longest test, and what
loses the node before all others.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import polars as pl
import pytest
from cluster import Cluster
from slurm_study import (
    MODEL,
    SlurmStudy,
    assert_no_step_is_lost_or_trained_twice,
    assert_same_training,
    copy,
    lay,
    reason_to_skip,
)

from code_changes import pause, redefine

skip = reason_to_skip()
pytestmark = pytest.mark.skipif(bool(skip), reason=skip or "")
TARGET = f"results/models/{MODEL}"
# Steps take no time of their own: 54 of these pauses leave time to disturb a training, or to reach a
# walltime of two minutes twice (of one, Slurm's end may come before the training has noticed).
STORY_PAUSE_S, WHOLE_PAUSE_S = 0.4, 4.0
WALLTIME_MINUTES = 2
KILLED = "it was killed, or its machine failed"
STORIES: dict[str, Callable] = {}


def story(body: Callable) -> Callable:
    """Make a test of a function that disturbs a study; two at a time run beside the long one."""
    STORIES[body.__name__] = body

    def test(stories: dict[str, Future]) -> None:
        stories[body.__name__].result()

    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


def pause_steps(study: SlurmStudy, seconds: float) -> None:
    """Let the steps of a training's first two attempts take longer, by waiting."""
    collator = study.folder / "workflow/touchline/models/lm/finetuning/collator.py"
    pause(collator, "Collator", seconds, attempts=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A Slurm that requeues at once and gives up on a silent node soon."""
    cluster = Cluster(requeue_s=5, lost_s=20, cores=4, gpus=4)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def laid(tmp_path_factory) -> SlurmStudy:
    """A study of which nothing has been made."""
    return lay(tmp_path_factory.mktemp("laid") / "study")


@pytest.fixture(scope="module")
def untrained(laid, tmp_path_factory) -> Callable[[], SlurmStudy]:
    """Return what makes a copy of the study that only its model's training is left of."""
    study = copy(laid, tmp_path_factory.mktemp("untrained") / "study")
    pause_steps(study, STORY_PAUSE_S)
    study.run_here("--until", "samples", "labels")
    study.log.unlink()
    return lambda: copy(study, tmp_path_factory.mktemp("story") / "study")


@pytest.fixture(scope="module")
def trained_here(untrained) -> tuple[SlurmStudy, subprocess.Popen]:
    """The same study, whose model is being trained without Slurm."""
    study = untrained()
    return study, study.start_here(TARGET)


@pytest.fixture(scope="module")
def survivor(trained_here, untrained, cluster) -> tuple[SlurmStudy, subprocess.Popen]:
    """A study whose training lost its node, which is back; Snakemake is still at work.

    The jobs of all others would be lost too: they start later.
    """
    study = untrained()
    snakemake = study.start(TARGET, nice=5)
    study.wait_for_step(attempts=1)
    cluster.fail_node()
    cluster.wait("down", "down*")
    cluster.start_node()
    cluster.wait("idle", "mixed", "allocated")
    cluster.give_up_after(300)  # on a busy machine the node answers late
    return study, snakemake


@pytest.fixture(scope="module")
def undisturbed(trained_here, survivor) -> SlurmStudy:
    """The same study with a model that was trained in one go."""
    study, snakemake = trained_here
    assert snakemake.wait() == 0, study.said()
    return study


@pytest.fixture(scope="module")
def whole(survivor, laid, tmp_path_factory) -> tuple[SlurmStudy, subprocess.Popen]:
    """A study whose steps take longer, under way on Slurm with short walltimes."""
    study = copy(laid, tmp_path_factory.mktemp("slurm") / "study")
    pause_steps(study, WHOLE_PAUSE_S)
    study.give_walltime(WALLTIME_MINUTES)
    return study, study.start("results/metrics.csv")


@pytest.fixture(scope="module")
def stories(request, untrained, survivor, cluster) -> dict[str, Future]:
    """Return the stories that run, by name, beside the long study where that is tested too."""
    chosen = {item.name for item in request.session.items}
    if test_a_whole_study_hits_its_walltime_twice_and_ends_the_same.__name__ in chosen:
        request.getfixturevalue("whole")  # the stories run beside it
    undisturbed = request.getfixturevalue("undisturbed")
    pool = ThreadPoolExecutor(max_workers=2)
    return {
        name: pool.submit(body, untrained(), undisturbed, cluster)
        for name, body in STORIES.items()
        if name in chosen
    }


@story
def test_a_kill_and_a_cancelled_job_cost_no_step(study, undisturbed, cluster):
    """SIGKILL is followed by a second job, which scancel ends; the same command goes on from there."""
    snakemake = study.start(TARGET, nice=5)
    study.wait_for_step(attempts=1)
    study.signal_training(signal.SIGKILL)
    second = study.wait_for_step(attempts=2)
    cluster.slurm("scancel", second["job"])
    assert snakemake.wait() == 1
    assert study.start(TARGET, nice=5).wait() == 0, study.said()
    rows = study.attempts()
    assert_no_step_is_lost_or_trained_twice(rows, study.steps())
    assert [row["why"].split(":")[0] for row in rows] == [KILLED, "SIGTERM", "done"]
    assert len({row["job"] for row in rows}) == 3
    assert_same_training(study, undisturbed)
    assert not list(study.folder.glob("results/checkpoints/*"))  # they are done with


@story
def test_snakemake_may_be_killed_or_started_twice(study, undisturbed, cluster):
    killed = study.start(TARGET, nice=5)
    first = study.wait_for_step(attempts=1)
    killed.kill()
    killed.wait()
    assert study.training_processes()  # the job goes on by itself
    study.signal_training(signal.SIGSTOP)  # or it may be done before Snakemake has started
    interrupted = study.start(TARGET, nice=5)  # it cancels that job
    study.wait(lambda: "cancelling 1 job of a Snakemake that was ended" in study.said())
    study.signal_training(signal.SIGCONT)

    assert study.start(TARGET, nice=5).wait() == 1
    assert "another Snakemake works here (process" in study.said()
    assert "Traceback" not in study.said()

    study.wait_for_step(attempts=2)
    study.signal_training(signal.SIGSTOP)  # as above: it has no more than a few steps
    interrupted.send_signal(signal.SIGINT)
    interrupted.wait()
    study.signal_training(signal.SIGCONT)
    unaware = study.start(TARGET, nice=5)
    study.wait(study.model.is_dir)
    unaware.kill()  # before it knows that the model is done
    unaware.wait()
    assert study.start(TARGET, nice=5).wait() == 0, study.said()
    rows = study.attempts()
    assert rows[0]["job"] == first["job"]
    assert [row["why"].split(":")[0] for row in rows[:3]] == ["SIGTERM", "SIGTERM", "done"]
    # Whether a fourth hands over what is done depends on what the killed one had noted.
    assert all(row["from_step"] == study.steps() for row in rows[3:])
    assert_no_step_is_lost_or_trained_twice(rows, study.steps())
    assert_same_training(study, undisturbed)


@story
def test_a_training_that_crashes_at_once_is_tried_twice_and_says_why(study, undisturbed, cluster):
    training = study.folder / "workflow/touchline/models/lm/finetuning/run.py"
    redefine(training, "fit", "raise RuntimeError('no such thing')")
    assert study.start(TARGET, nice=5).wait() == 1
    rows = study.attempts()
    assert [row["why"] for row in rows] == ["RuntimeError: no such thing"] * 2
    assert len({row["job"] for row in rows}) == 2
    assert "RuntimeError: no such thing" in study.said()


@story
def test_a_full_disk_ends_a_training_and_leaves_the_checkpoint_before(study, undisturbed, cluster):
    checkpoints = study.folder / "results/checkpoints"
    checkpoints.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", checkpoints], check=True)
    try:
        snakemake = study.start(TARGET, nice=5)
        study.wait_for_step(attempts=1)
        fill(checkpoints / "other")
        study.wait(lambda: not study.training_processes())
        assert study.attempts()[0]["saved_step"] > 0
        os.unlink(checkpoints / "other")
        assert snakemake.wait() == 0, study.said()
        rows = study.attempts()
        assert len(rows) == 2
        assert_no_step_is_lost_or_trained_twice(rows, study.steps())
        assert_same_training(study, undisturbed)
    finally:
        subprocess.run(["umount", "--lazy", checkpoints], check=True)


def fill(path) -> None:
    """Write a file until its disk is full."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_whole_study_hits_its_walltime_twice_and_ends_the_same(whole, undisturbed):
    """It is typed as in the README: snakemake --profile slurm results/metrics.csv."""
    study, snakemake = whole
    assert snakemake.wait() == 0, study.said()
    rows = study.attempts()
    assert len(rows) >= 3
    assert [row["why"] for row in rows[:-1] if "the time budget of" not in row["why"]] == []
    assert len({row["job"] for row in rows}) == 1  # one entry of the queue, which goes back into it
    assert_no_step_is_lost_or_trained_twice(rows, undisturbed.steps())
    assert_same_training(study, undisturbed)
    metrics = pl.read_csv(study.folder / "results/metrics.csv")
    assert metrics["model"].unique().sort().to_list() == ["constant", "linear", MODEL]


def test_a_node_that_goes_down_and_comes_back_goes_on(survivor, undisturbed):
    study, snakemake = survivor
    assert snakemake.wait() == 0, study.said()
    rows = study.attempts()
    assert len(rows) >= 2
    assert {row["why"] for row in rows[:-1]} == {KILLED}
    assert_no_step_is_lost_or_trained_twice(rows, study.steps())
    assert_same_training(study, undisturbed)

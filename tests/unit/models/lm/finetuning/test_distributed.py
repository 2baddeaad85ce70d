"""Several processes train one model as one would, and end with its exit status."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from safetensors.torch import load_file

from chunks import film, labels, samples, tiny_base
from rank_endings import kill_the_second, refuse
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.jobs import checkpoints
from touchline.jobs.slurm import BUDGET_VARIABLE
from touchline.jobs.unfinished import UNFINISHED
from touchline.models import fit
from touchline.models.lm.finetuning import distributed

CHUNKS, EPOCHS, PER_STEP = 5, 5, 4
STEPS = 7  # of which the last has a single chunk: one of two processes has none


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """Return a folder with a base and a match to train on."""
    folder = tmp_path_factory.mktemp("results")
    tiny_base(folder / "base", "qwen2_vl")
    (folder / "chunks").mkdir()
    film(folder / "chunks", CHUNKS)
    schema.write(folder / "samples.parquet", samples(CHUNKS), schema.SAMPLES)
    events = labels((30.0, "goal"), (70.0, "foul"), (200.0, "corner"))
    schema.write(folder / "labels.parquet", events, schema.LABELS)
    return folder


def arguments(results: Path, folder: Path, count: int, dropout: float = 0.0) -> list[str]:
    """Return the command line of the training of a model in as many processes, as of a rule."""
    settings = {
        "base": str(results / "base"),
        "quantize": "nf4",
        "prompt": {"examples": False},
        "lora": {"rank": 4, "dropout": dropout},
        "training": {
            "epochs": EPOCHS,
            "batch_size": PER_STEP,
            "processes": count,
            "dataloader_workers": 1,
            "learning_rate": 2e-3,
            "save_steps": 1,
        },
    }
    command = ["fit", "--backend", "vlm", "--matches", "a_match"]
    command += ["--settings", json.dumps(settings), "--folder", folder / "model"]
    command += ["--samples", results / "samples.parquet", "--labels", results / "labels.parquet"]
    command += ["--manifests", results / "chunks/1.parquet"]
    return [str(word) for word in [*command, "--checkpoints", folder / "checkpoints"]]


def train(*training: object, **more: float) -> None:
    """Run the training of `arguments` with this process as the command's own."""
    fit.main(arguments(*training, **more)[1:])


def log(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "model/log.parquet")


def test_two_processes_take_the_steps_of_one(results, tmp_path, capfd):
    logs = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        train(results, folder, count)
        logs.append(log(folder))
        checkpoints.drop_checkpoints(folder, folder / "checkpoints")
        assert list(folder.glob("checkpoints/*")) == []
        assert {path.name for path in folder.iterdir()} == {"checkpoints", "model"}
        assert capfd.readouterr().err.count(f"{CHUNKS} chunks, {STEPS} steps") == 1
    for name in ("loss", "grad_norm"):
        assert logs[1][name].to_list() == pytest.approx(logs[0][name].to_list(), rel=1e-3)
    assert logs[1].height == STEPS
    assert logs[0]["loss"][0] - logs[0]["loss"][-1] > 0.1  # it is not that nothing was trained


def test_a_budget_or_sigterm_ends_all_with_75_and_the_next_run_goes_on_exactly(
    results, tmp_path, capfd, monkeypatch
):
    """Dropout is on: each process has its own random state. SIGTERM reaches the first one alone."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    train(results, whole, 2, dropout=0.1)
    capfd.readouterr()
    monkeypatch.setenv(BUDGET_VARIABLE, "0")
    with pytest.raises(SystemExit) as end:
        train(results, cut, 2, dropout=0.1)
    monkeypatch.delenv(BUDGET_VARIABLE)
    assert end.value.code == UNFINISHED
    assert capfd.readouterr().err.count(f"saved after 1 of {STEPS} steps") == 1
    with pytest.raises(SystemExit) as end, terminated_after(2, cut):
        train(results, cut, 2, dropout=0.1)
    assert end.value.code == UNFINISHED
    assert capfd.readouterr().err.count("SIGTERM: saved after") == 1
    assert not (cut / "model").exists()
    train(results, cut, 2, dropout=0.1)
    assert_same(cut, whole)


@contextlib.contextmanager
def terminated_after(step: int, folder: Path) -> Iterator[None]:
    """Send this process SIGTERM once the training in `folder` has saved this step."""

    def watch() -> None:
        while not list(folder.glob(f"checkpoints/*/checkpoint-{step}/complete.json")):
            if ended.wait(0.01):
                return
        os.kill(os.getpid(), signal.SIGTERM)

    ended = threading.Event()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def assert_same(folder: Path, other: Path) -> None:
    exact = ["step", "loss", "learning_rate", "grad_norm"]
    assert log(folder).select(exact).equals(log(other).select(exact))
    weights = [load_file(one / "model/adapter_model.safetensors") for one in (folder, other)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


def test_what_a_process_raises_is_raised_here(tmp_path, capsys):
    with pytest.raises(InputError, match="bad input"):
        distributed.run(refuse, (), 2)
    with pytest.raises(SystemExit) as end:
        distributed.run(kill_the_second, (tmp_path,), 2)
    assert end.value.code == 128 + signal.SIGKILL
    assert "process 1 terminated with signal SIGKILL, so all are ended." in capsys.readouterr().err
    assert not (tmp_path / "waited").exists()


def test_torchrun_is_not_started_around_it(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(InputError, match="without torchrun"):
        distributed.run(refuse, (), 1)

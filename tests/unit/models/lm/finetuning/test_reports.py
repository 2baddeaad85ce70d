"""Training logs in TensorBoard, trackio and Weights & Biases, where these packages are installed."""

import dataclasses
import json
import struct
import sys
from collections.abc import Iterator

import pytest

from chunks import tiny_base
from tiny_study import SCHEDULE, Examples, load
from touchline.core.problems import InputError
from touchline.jobs.unfinished import Unfinished
from touchline.models.fit import training_key
from touchline.models.lm.finetuning import reports, trainer
from touchline.models.lm.lm_settings import TrainingSettings

STEPS = 5


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qwen2_vl")
    tiny_base(folder, "qwen2_vl")
    return folder


def tensorboard_losses(folder) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("train/loss")]


def trackio_losses(folder) -> list[tuple[int, float]]:
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = SQLiteStorage.get_runs(reports.PROJECT)
    assert run == folder.name
    logs = SQLiteStorage.get_logs(reports.PROJECT, run)
    return [(row["train/global_step"], row["train/loss"]) for row in logs if "train/loss" in row]


def wandb_records(raw: bytes) -> Iterator[bytes]:
    """Yield the records of a .wandb file: LevelDB's log format after a header of seven bytes."""
    at, block, parts = 7, 32768, []
    while at + 7 <= len(raw):
        if block - at % block < 7:
            at += block - at % block
        _, size, kind = struct.unpack_from("<IHB", raw, at)
        parts.append(raw[at + 7 : at + 7 + size])
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            yield b"".join(parts)
            parts = []


def wandb_losses(folder) -> list[tuple[int, float]]:
    from wandb.proto import wandb_internal_pb2

    found = []
    files = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
    assert {path.stem for path in files} == {f"run-{folder.name}"}  # one run of several attempts
    assert len(files) == 2
    for path in files:
        for raw in wandb_records(path.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(raw)
            items = {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            if "train/loss" in items:
                found.append((items["train/global_step"], items["train/loss"]))
    return found


READERS = {
    "tensorboard": tensorboard_losses, "trackio": trackio_losses, "wandb": wandb_losses,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("tool", READERS)
def test_a_training_that_was_interrupted_is_one_curve(tiny, tmp_path, monkeypatch, tool):
    pytest.importorskip(tool)
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_RUN_ID", "WANDB_PROJECT", "WANDB_RESUME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    folder = tmp_path / "training-logs" / f"qwen2-vl-{tmp_path.name}"
    settings = dataclasses.replace(SCHEDULE, epochs=1, dataloader_workers=0, report_to=(tool,))

    def train(budget_s):
        model, encoder = load(tiny, quantize=None)
        try:
            return trainer.train(
                model, encoder, Examples(), settings, tmp_path / "checkpoints", budget_s, folder
            )
        finally:
            if tool == "wandb":  # as the end of the process does
                sys.modules["wandb"].finish()

    with pytest.raises(Unfinished):
        train(0.01)
    log = train(float("inf"))
    expected = list(zip(log["step"], log["loss"], strict=True))
    assert [step for step, _ in expected] == list(range(1, STEPS + 1))
    found = READERS[tool](folder)
    assert [step for step, _ in found] == [step for step, _ in expected]
    assert [loss for _, loss in found] == pytest.approx([loss for _, loss in expected], rel=1e-4)


def test_a_tool_that_is_not_installed_is_asked_for_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(reports.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"wandb: not installed. Install it: pip install wandb"):
        reports.make_callbacks(("wandb",), tmp_path, 0, main_process=True)


def test_where_the_log_is_shown_is_no_part_of_a_training():
    settings = {"base": "x", "training": {"epochs": 2}}
    shown = {"base": "x", "training": {"epochs": 2, "report_to": ["wandb"]}}
    longer = {"base": "x", "training": {"epochs": 3}}
    key = training_key("vlm", settings, [])
    assert training_key("vlm", shown, []) == key != training_key("vlm", longer, [])


def test_an_unknown_tool_is_named():
    with pytest.raises(ValueError, match=r"report_to: \['mlflow'\]; there are tensorboard"):
        TrainingSettings(report_to=["mlflow"])


def test_logs_lie_beside_the_models(tmp_path):
    partial = tmp_path / "results/models/.qwen2-vl.partial"
    assert reports.report_folder(partial, "abc") == tmp_path / "results/training-logs/qwen2-vl-abc"

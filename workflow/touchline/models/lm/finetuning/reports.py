"""Training logs for TensorBoard, trackio and Weights & Biases, by transformers' integrations.

They are written into a folder, without a network, unless the environment says otherwise (such as
WANDB_MODE=online). The runs of a training that was interrupted continue one curve.
"""

import importlib.util
import os
from pathlib import Path

from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback, TrackioCallback, WandbCallback

from touchline.core.problems import InputError

PROJECT = "touchline"


def report_folder(folder: Path, training: str) -> Path:
    """Return where the logs of a training are: beside the folder of the study's models.

    `folder` is that of the trained model, also while it is partial, `training` the training's key.
    """
    model = folder.name.removeprefix(".").removesuffix(".partial")
    return folder.parent.parent / "training-logs" / f"{model}-{training}"


def make_callbacks(
    tools: tuple[str, ...], folder: Path, start_step: int, main_process: bool
) -> list[TrainerCallback]:
    """Return the callbacks that write the logs of a training from a step on into a folder.

    What an attempt that was killed wrote after `start_step` is replaced in TensorBoard's log; the
    other tools have these steps twice. Raises `InputError` for a tool that is not installed.
    """
    missing = [tool for tool in tools if importlib.util.find_spec(tool) is None]
    if missing:
        raise InputError(
            f"training.report_to: {', '.join(missing)}: not installed. Install it: "
            f"pip install {' '.join(missing)}"
        )
    if not main_process or not tools:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    callbacks: list[TrainerCallback] = []
    for tool in tools:
        if tool == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            purged = start_step + 1 if start_step else None
            writer = SummaryWriter(str(folder / "tensorboard"), purge_step=purged)
            callbacks.append(TensorBoardCallback(writer))
        elif tool == "trackio":
            os.environ.setdefault("TRACKIO_DIR", str(folder.parent / "trackio"))
            callbacks.append(TrackioCallback())
        else:
            defaults = {"WANDB_MODE": "offline", "WANDB_PROJECT": PROJECT, "WANDB_RESUME": "allow"}
            defaults |= {"WANDB_DIR": str(folder), "WANDB_RUN_ID": folder.name}
            for name, value in defaults.items():
                os.environ.setdefault(name, value)
            callbacks.append(WandbCallback())
    return callbacks

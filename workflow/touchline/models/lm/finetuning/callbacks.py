"""Trainer callbacks: progress bar, record of the attempt's last step, and early stopping."""

import math
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from touchline.jobs import attempts


class Progress(TrainerCallback):
    """A progress bar with the steps done, the speed and the last loss."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the bar at the step that the training resumes from."""
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="fine-tuning",
            unit="step",
            disable=not state.is_world_process_zero,
        )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Count the step."""
        self.bar.update()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the loss, where the logged values have one."""
        logs = kwargs["logs"]
        if "loss" in logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Close the bar."""
        self.bar.close()


class StepRecorder(TrainerCallback):
    """Records each finished step in the attempt's record, where it outlives a killed run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Record the step."""
        if state.is_world_process_zero:
            attempts.update(self.folder, to_step=state.global_step)


class StopInTime(TrainerCallback):
    """Early stopping with a checkpoint: after SIGTERM, or before the time budget is used up.

    A further step is begun only where twice the longest step so far fits into the budget, which
    leaves time for the checkpoint.
    """

    def __init__(self, budget_s: float | None) -> None:
        self.start_s = self.step_start_s = time.monotonic()
        self.budget_s = math.inf if budget_s is None else budget_s
        self.longest_s = 0.0
        self.reason: str | None = None
        self.out_of_time = False

    def __enter__(self) -> None:
        self._previous_handler = signal.signal(signal.SIGTERM, self._on_signal)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._previous_handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.reason = self.reason or signal.Signals(number).name

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure the first step from here, since it waits for the first batch."""
        self.step_start_s = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Make the trainer save and stop where it is time."""
        now = time.monotonic()
        self.longest_s = max(self.longest_s, now - self.step_start_s)
        self.step_start_s = now
        if not self.reason and now - self.start_s + 2 * self.longest_s > self.budget_s:
            self.out_of_time = True
            self.reason = f"the time budget of {self.budget_s:.0f} s is used up"
        if self.any_process_stops(args.world_size):
            control.should_save = control.should_training_stop = True

    def any_process_stops(self, processes: int) -> bool:
        """Return whether any process has a reason to stop: all must stop at the same point."""
        # 0: go on, 1: out of time, 2: signalled.
        stops = torch.tensor(0.0 if self.reason is None else 2.0 - self.out_of_time)
        if processes > 1:
            if torch.distributed.get_backend() == "nccl":
                stops = stops.cuda()
            torch.distributed.all_reduce(stops, torch.distributed.ReduceOp.MAX)
        if stops and not self.reason:
            self.reason = "another process of the run stops"
        self.out_of_time = bool(stops == 1)
        return bool(stops)

"""What watches a training run: the line in the terminal, and the reasons to stop early."""

import math
import signal
import time
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import TrainerCallback

from touchline.jobs import attempts


class Progress(TrainerCallback):
    """One line in the terminal: the steps done, the speed, and the last loss."""

    def on_train_begin(self, args, state, control, **_) -> None:
        """Start the line at the step that the run starts from."""
        self.line = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="fine-tuning",
            unit="step",
            disable=not state.is_world_process_zero,
        )

    def on_step_end(self, args, state, control, **_) -> None:
        """Count the step."""
        self.line.update()

    def on_log(self, args, state, control, logs, **_) -> None:
        """Show the loss."""
        if "loss" in logs:
            self.line.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_train_end(self, args, state, control, **_) -> None:
        """Leave the line as it is."""
        self.line.close()


class Recorder(TrainerCallback):
    """Notes the step that is done in the record of the attempts, so that a killed run has it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_step_end(self, args, state, control, **_) -> None:
        """Note the step."""
        if state.is_world_process_zero:
            attempts.update(self.folder, to_step=state.global_step)


class StopInTime(TrainerCallback):
    """Says when to save and stop: on SIGTERM within a step, or before the time budget ends.

    The next step must fit into the budget twice, counted by the longest so far, with its saving.
    """

    def __init__(self, budget_s: float | None) -> None:
        self.started = self.step_began = time.monotonic()
        self.budget_s = math.inf if budget_s is None else budget_s
        self.longest_s = 0.0
        self.reason: str | None = None
        self.out_of_time = False

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, self._on_signal)

    def __exit__(self, *_) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _on_signal(self, number: int, _) -> None:
        self.reason = signal.Signals(number).name

    def on_train_begin(self, args, state, control, **_) -> None:
        """Count the first step from here: it waits for the first batch."""
        self.step_began = time.monotonic()

    def on_step_end(self, args, state, control, **_) -> None:
        """Ask the trainer to save and stop, when it is time."""
        now = time.monotonic()
        self.longest_s = max(self.longest_s, now - self.step_began)
        self.step_began = now
        if not self.reason and now - self.started + 2 * self.longest_s > self.budget_s:
            self.out_of_time = True
            self.reason = f"the time budget of {self.budget_s:.0f} s is used up"
        if self.any_process_stops(args.world_size):
            control.should_save = control.should_training_stop = True

    def any_process_stops(self, processes: int) -> bool:
        """Say whether a process has a reason: all must stop at the same point."""
        # 2: it was told to; 1: it is out of time.
        stops = torch.tensor(0.0 if self.reason is None else 2.0 - self.out_of_time)
        if processes > 1:
            if torch.distributed.get_backend() == "nccl":
                stops = stops.cuda()
            torch.distributed.all_reduce(stops, torch.distributed.ReduceOp.MAX)
        if stops and not self.reason:
            self.reason = "another process of the run stops"
        self.out_of_time = bool(stops == 1)
        return bool(stops)

"""Preemptible fine-tuning on shared-prefix batches; resumes exactly from the last checkpoint.

The order of the chunks is a function of the seed, so the step alone is the position in the data,
and a resumed training decodes none of the chunks before it. A checkpoint has the trained weights,
the optimiser, the learning-rate schedule, the random states, the step and the log until then.
"""

import contextlib
import math
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch import Tensor, nn
from transformers import PrinterCallback
from trl import SFTTrainer

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.core.schema import LOG
from touchline.jobs import attempts, checkpoints, slurm
from touchline.jobs.unfinished import Unfinished
from touchline.models.lm.attention_masks import attention_of
from touchline.models.lm.distribution.head import kept_logits, label_loss
from touchline.models.lm.distribution.match_loss import TRIES
from touchline.models.lm.finetuning.callbacks import Progress, StepRecorder, StopInTime
from touchline.models.lm.finetuning.collator import (
    NO_CHUNK,
    UNREAD,
    Collator,
    Examples,
    Measured,
    sort_steps,
    training_order,
)
from touchline.models.lm.finetuning.library_internals import TrainerInternals
from touchline.models.lm.finetuning.reports import make_callbacks
from touchline.models.lm.finetuning.training_args import training_arguments
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.shared_prefix import IGNORED
from touchline.models.lm.tokenize import Encoder

WRITING = "writing"  # folder of a checkpoint until it is complete


def train(
    model: LanguageModel,
    encoder: Encoder,
    examples: Examples,
    settings: TrainingSettings,
    folder: Path,
    time_budget_s: float | None = None,
    reports: Path | None = None,
) -> pl.DataFrame:
    """Train a model's trainable weights in place and return the log (columns `schema.LOG`).

    Training resumes from the newest checkpoint in `folder`. A chunk that cannot be read is left out
    of its step, and passed to `examples.skip` when the training has ended. On SIGTERM, or when the
    next step might exceed `time_budget_s` (by default that of `jobs.slurm`), the state is saved and
    `Unfinished` raised. The tools of `settings.report_to` write into the folder `reports`. Raises
    `InputError` where there is nothing to train on, the loss is not finite, or a tool is missing.
    """
    if not len(examples):
        raise InputError("the train split has no samples, so there is nothing to train on.")
    if attention_of(encoder.model).sparse and encoder.model.device.type == "cpu":
        raise InputError(
            "attention is flex, with which torch trains on a GPU alone: use auto or sdpa."
        )
    if time_budget_s is None:
        time_budget_s = slurm.time_budget_s()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / WRITING, ignore_errors=True)  # of a run that was killed
    stop = StopInTime(time_budget_s)
    start = checkpoints.newest(folder)
    if start:
        _print_once(f"resuming from {start}")
    step = checkpoints.step_of(start) if start else 0
    reports = reports or folder / "training-logs"
    callbacks = make_callbacks(settings.report_to, reports, step, is_main_process())
    trainer = PrefixTrainer(model, encoder, examples, settings, folder, stop, reports.name)
    for callback in callbacks:
        trainer.add_callback(callback)
    with stop, contextlib.suppress(_StoppedInStepError):
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    if stop.reason and trainer.state.global_step < trainer.state.max_steps:
        done = f"{trainer.state.global_step} of {trainer.state.max_steps} steps"
        reason = f"{stop.reason}: saved after {done}, to resume in another run."
        _print_once(reason)
        trainer.accelerator.wait_for_everyone()  # the first process to end ends the others
        raise Unfinished(reason, stop.out_of_time)
    for chunk in trainer.unread(range(trainer.state.max_steps)):
        examples.skip(*chunk)
    return log_table(trainer.state.log_history)


def is_main_process() -> bool:
    """Return whether this is the only process of the training, or its first one."""
    return os.environ.get("RANK", "0") == "0"


def _print_once(text: str) -> None:
    """Print a line on stderr, in the main process alone."""
    if is_main_process():
        print(text, file=sys.stderr)


def log_table(history: list[dict]) -> pl.DataFrame:
    """Return the logged steps as a table (columns `schema.LOG`)."""
    rows = [{name: row[name] for name in LOG} for row in history if "data_wait" in row]
    return pl.DataFrame(rows, schema=LOG).with_columns(pl.col("loss").fill_nan(None))


class _StoppedInStepError(Exception):
    """The training was stopped within a step, which is then not counted."""


class PrefixTrainer(TrainerInternals, SFTTrainer):
    """TRL's trainer with shared-prefix batches in a fixed order and atomic checkpoints."""

    def __init__(
        self,
        model: LanguageModel,
        encoder: Encoder,
        examples: Examples,
        settings: TrainingSettings,
        folder: Path,
        stop: StopInTime,
        name: str,
    ) -> None:
        self.examples, self.settings, self.folder, self.stop = examples, settings, folder, stop
        self.chunks = training_order(len(examples), settings.epochs, settings.seed)
        if isinstance(examples, Measured) and settings.chunks_in_pass > 1:
            self.chunks = sort_steps(self.chunks, settings.batch_size, examples.size)
        # All processes need the same number of batches, for which accelerate would repeat chunks.
        missing = -len(self.chunks) % (settings.chunks_in_pass * settings.processes)
        super().__init__(
            model,
            args=training_arguments(settings, len(self.chunks), folder / WRITING, name),
            data_collator=Collator(encoder, examples, settings.objective),
            train_dataset=Dataset.from_dict({"chunk": self.chunks + [NO_CHUNK] * missing}),
            processing_class=encoder.processor,
            callbacks=[stop, Progress(), StepRecorder(folder)],
        )
        self.remove_callback(PrinterCallback)
        self.normalise_loss_by_tokens()
        self.restore_adapter_precision()
        self._logged_step, self._wait_s = 0, 0.0
        self._logged_at: float | None = None  # on the clock of time.monotonic

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, Tensor | int | None]:
        """Return a step's batches; measure the wait, and log the chunks that were not read."""
        start_s = time.monotonic()
        if self._logged_at is None:  # the first step of this run
            self._logged_step, self._logged_at = self.state.global_step, start_s
        batches, answer_tokens = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._wait_s += time.monotonic() - start_s
        self._random_states = _random_states()
        unread = gather_object([chunk for batch in batches for chunk in batch.pop(UNREAD)])
        if unread:
            # In the log, so that it is saved in checkpoints.
            row: dict[str, Any] = {"step": self.state.global_step + 1, UNREAD: unread}
            self.state.log_history.append(row)
            for number, problem, remedy in unread:
                _print_once(f"left out: {self.examples.name(number)}: {problem} {remedy}")
        return batches, answer_tokens

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss of a batch: the cross-entropy of its labels, or `match_loss.Loss`.

        Both are sums divided by the number of target tokens in the step of all processes, over which
        the gradients are averaged.
        """
        batch = dict(inputs)
        labels = batch["labels"]
        if TRIES in batch:
            loss_of, _ = batch.pop(TRIES), batch.pop("labels")
            logits = kept_logits(model, batch, loss_of.kept.to(labels.device))
            loss = loss_of(logits, self.settings.match_weight)
        else:
            loss = label_loss(model, batch)
        tokens = (labels[:, 1:] != IGNORED).sum()
        if num_items_in_batch is not None:
            tokens = torch.as_tensor(num_items_in_batch)
        loss = loss / tokens.clamp(min=1).to(loss.device) * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run the forward and backward pass of a micro-batch, unless the training is to stop."""
        if self.stop.any_process_stops(self.args.world_size):
            self._leave_step()
        return super().training_step(*args, **kwargs)

    def _leave_step(self) -> None:
        """Save the state as it was after the previous step, and end the training.

        A step may be longer than the time between SIGTERM and SIGKILL. Until its end it changes
        only the random states and the log of chunks that were not read.
        """
        done = self.state.global_step
        if done and checkpoints.find_damage(self.folder / f"{checkpoints.NAME}{done}"):
            _random_states(self._random_states)
            history = self.state.log_history
            self.state.log_history = [row for row in history if row["step"] <= done]
            self.save_now()
        raise _StoppedInStepError

    def unread(self, steps: range) -> list[tuple[int, str, str]]:
        """Return the (number, problem, remedy) of chunks left out of steps, counted from 0."""
        history: list[dict[str, Any]] = self.state.log_history
        return [
            (number, problem, remedy)
            for row in history
            if UNREAD in row and row["step"] - 1 in steps
            for number, problem, remedy in row[UNREAD]
        ]

    def _is_empty(self, step: int) -> bool:
        """Return whether no chunk of a step could be read."""
        return len(self.unread(range(step, step + 1))) == len(self._step_chunks(step))

    def before_optimizer_step(self, model: nn.Module, grad_norm: float, loss: Tensor) -> None:
        """Stop before non-finite weights; make a step without chunks change nothing."""
        step = self.state.global_step
        if self._is_empty(step):
            model.zero_grad()  # the optimiser skips weights without a gradient
        if not (math.isfinite(grad_norm) and math.isfinite(loss)):
            names = ", ".join(self.examples.name(number) for number in self._step_chunks(step))
            last = checkpoints.newest(self.folder)
            raise InputError(
                f"step {step + 1}: the loss or its gradient is not a finite number. The chunks of "
                f"the step are {names}. Nothing was saved after {last or 'the start'}: lower "
                "learning_rate or look at these chunks, and run the same command again."
            )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log a step with its speed, the share of time waited for data, and the peak memory."""
        if "loss" in logs:
            assert self._logged_at is not None  # a step was taken
            now, step = time.monotonic(), self.state.global_step
            seconds = now - self._logged_at
            steps = range(self._logged_step, step)
            chunks = [number for done in steps for number in self._step_chunks(done)]
            left_out = [number for number, *_ in self.unread(steps)]
            # The trainer counts a step without chunks as one with a loss of 0.
            full = sum(not self._is_empty(done) for done in steps)
            logs["loss"] = logs["loss"] * len(steps) / full if full else math.nan
            planned, skipped = (
                sum(map(self.examples.questions, numbers)) for numbers in (chunks, left_out)
            )
            logs["samples_per_s"] = (planned - skipped) / seconds
            logs["data_wait"] = self._wait_s / seconds
            logs["skipped"] = len(left_out)
            logs["peak_mib"] = peak_mib()
            self._logged_step, self._logged_at, self._wait_s = step, now, 0.0
        super().log(logs, start_time)

    def _step_chunks(self, step: int) -> list[int]:
        """Return the chunks of a step, counted from 0."""
        size = self.settings.batch_size
        return self.chunks[step * size : (step + 1) * size]

    def finish_checkpoint(self) -> None:
        """Move a written checkpoint to its final place, and write the log beside it."""
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            written = self.written_checkpoint()
            (written / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing reads
            checkpoints.seal(written, self.folder)
            attempts.update(self.folder, saved_step=self.state.global_step)
            schema.write(self.folder / "log.parquet", log_table(self.state.log_history), LOG)
        self.accelerator.wait_for_everyone()


def _random_states(states: list[Tensor] | None = None) -> list[Tensor]:
    """Return the random states that training uses, after setting them to `states` where given."""
    gpu = torch.cuda.is_available()
    if states:
        torch.random.set_rng_state(states[0])
        if gpu:
            torch.cuda.set_rng_state(states[1])
    return [torch.random.get_rng_state(), *([torch.cuda.get_rng_state()] if gpu else [])]


def peak_mib() -> float:
    """Return the peak memory in MiB: of the GPU's tensors, or of the process without a GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

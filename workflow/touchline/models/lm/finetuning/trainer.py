"""Fine-tuning on shared-prefix batches, which ends anywhere and goes on exactly there.

The order of the chunks is a function of the seed, so the position in the data is the step alone;
skipped chunks are never decoded. What a checkpoint holds: the trained weights, the optimiser, the
schedule, the random states, the step and the log until then.
"""

import contextlib
import math
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import polars as pl
import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PrinterCallback, Trainer
from trl import SFTTrainer

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.core.schema import LOG
from touchline.jobs import attempts, checkpoints, slurm
from touchline.jobs.unfinished import Unfinished
from touchline.models.lm.finetuning.callbacks import Progress, Recorder, StopInTime
from touchline.models.lm.finetuning.collator import NO_CHUNK, UNREAD, Collator, Examples, order
from touchline.models.lm.finetuning.training_args import Schedule, arguments
from touchline.models.lm.tokenize import Encoder

WRITING = "writing"  # where a checkpoint is until it is whole


def train(
    model: PreTrainedModel,
    encoder: Encoder,
    examples: Examples,
    schedule: Schedule,
    folder: Path,
    time_budget_s: float | None = None,
) -> pl.DataFrame:
    """Train a model's trainable weights in place and return the log (columns `schema.LOG`).

    A chunk that cannot be read is left out of its step; `examples.skip` is told of all of them when
    the training has ended. Goes on from the newest checkpoint in `folder`. On SIGTERM, or when the
    next step might pass `time_budget_s` (by default that of `jobs`), the state is saved and
    `Unfinished` raised. Raises `InputError` when there is nothing to train on or the loss is not finite.
    """
    if not len(examples):
        raise InputError("the train split has no samples, so there is nothing to train on.")
    if time_budget_s is None:
        time_budget_s = slurm.time_budget_s()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / WRITING, ignore_errors=True)  # what a killed run had not finished
    stop = StopInTime(time_budget_s)
    start = checkpoints.newest(folder)
    if start:
        _say(f"going on from {start}")
    trainer = PrefixTrainer(model, encoder, examples, schedule, folder, stop)
    with stop, contextlib.suppress(_StoppedInStepError):
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    if stop.reason and trainer.state.global_step < trainer.state.max_steps:
        done = f"{trainer.state.global_step} of {trainer.state.max_steps} steps"
        reason = f"{stop.reason}: saved after {done}, to go on in another run."
        _say(reason)
        trainer.accelerator.wait_for_everyone()  # the first that ends would end the others
        raise Unfinished(reason, stop.out_of_time)
    for chunk in trainer.unread(range(trainer.state.max_steps)):
        examples.skip(*chunk)
    return log_table(trainer.state.log_history)


def is_first() -> bool:
    """Say whether this process is the only one of the training, or the first."""
    return os.environ.get("RANK", "0") == "0"


def _say(text: str) -> None:
    """Print a line on stderr, once for all processes."""
    if is_first():
        print(text, file=sys.stderr)


def log_table(history: list[dict]) -> pl.DataFrame:
    """Return the logged steps as a table (columns `schema.LOG`)."""
    rows = [{name: row[name] for name in LOG} for row in history if "data_wait" in row]
    return pl.DataFrame(rows, schema=LOG).with_columns(pl.col("loss").fill_nan(None))


class _StoppedInStepError(Exception):
    """The training was told to stop within a step, which does not count."""


class PrefixTrainer(SFTTrainer):
    """TRL's trainer with our batches and order, whole checkpoints, and a log of what it waits for."""

    def __init__(
        self,
        model: PreTrainedModel,
        encoder: Encoder,
        examples: Examples,
        schedule: Schedule,
        folder: Path,
        stop: StopInTime,
    ) -> None:
        self.examples, self.schedule, self.folder, self.stop = examples, schedule, folder, stop
        self.chunks = order(len(examples), schedule.epochs, schedule.seed)
        # Every process must have as many batches, and accelerate would show chunks twice for that.
        missing = -len(self.chunks) % (schedule.micro_batch_size * schedule.processes)
        super().__init__(
            model,
            args=arguments(schedule, len(self.chunks), folder / WRITING),
            data_collator=Collator(encoder, examples),
            train_dataset=Dataset.from_dict({"chunk": self.chunks + [NO_CHUNK] * missing}),
            processing_class=encoder.processor,
            callbacks=[stop, Progress(), Recorder(folder)],
        )
        self.remove_callback(PrinterCallback)
        # TRL's loss is a sum over answer tokens divided by all of the step's, for every family.
        self.model_accepts_loss_kwargs = True
        # TRL makes the adapter of a quantised model bfloat16, which rounds small updates away.
        for weight in self.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
        self._logged_step, self._logged_at, self._waited_s = 0, None, 0.0

    def get_batch_samples(self, *args, **kwargs):
        """Fetch a step's batches, and note the time that it takes and what could not be read."""
        before = time.monotonic()
        if self._logged_at is None:  # the first step of this run
            self._logged_step, self._logged_at = self.state.global_step, before
        batches, answer_tokens = super().get_batch_samples(*args, **kwargs)
        self._waited_s += time.monotonic() - before
        self._random_states = _random_states()
        unread = gather_object([chunk for batch in batches for chunk in batch.pop(UNREAD)])
        if unread:
            # With the log, so that checkpoints hold it.
            self.state.log_history.append({"step": self.state.global_step + 1, UNREAD: unread})
            for number, problem, remedy in unread:
                _say(f"left out: {self.examples.name(number)}: {problem} {remedy}")
        return batches, answer_tokens

    def training_step(self, model, inputs, num_items_in_batch=None):
        """Pass some chunks of a step through the model, unless the training is to stop."""
        if self.stop.any_process_stops(self.args.world_size):
            self._leave_step()
        return super().training_step(model, inputs, num_items_in_batch)

    def _leave_step(self) -> None:
        """Save the state as it was after the step before, and end the training.

        A step may be longer than the time between SIGTERM and SIGKILL. Until its end it changes
        nothing but the random states, and the list of what could not be read.
        """
        done = self.state.global_step
        if done and checkpoints.find_damage(self.folder / f"{checkpoints.NAME}{done}"):
            _random_states(self._random_states)
            history = self.state.log_history
            self.state.log_history = [row for row in history if row["step"] <= done]
            self._save_checkpoint(self.model, trial=None)
        raise _StoppedInStepError

    def unread(self, steps: range) -> list[tuple[int, str, str]]:
        """Return the number, problem and remedy of the chunks left out of some steps (from 0)."""
        return [
            tuple(chunk)
            for row in self.state.log_history
            if UNREAD in row and row["step"] - 1 in steps
            for chunk in row[UNREAD]
        ]

    def _is_empty(self, step: int) -> bool:
        """Say whether no chunk of a step could be read."""
        return len(self.unread(range(step, step + 1))) == len(self._step_chunks(step))

    def _get_grad_norm(self, model, grad_norm=None):
        """Stop before a step that would destroy the weights; let one without chunks change none."""
        grad_norm = super()._get_grad_norm(model, grad_norm)
        step = self.state.global_step
        if self._is_empty(step):
            model.zero_grad()  # the optimiser passes over weights that have no gradient
        if not (math.isfinite(grad_norm) and math.isfinite(self._tr_loss)):
            names = ", ".join(self.examples.name(number) for number in self._step_chunks(step))
            kept = checkpoints.newest(self.folder)
            raise InputError(
                f"step {step + 1}: the loss or its gradient is not a finite number. The chunks of "
                f"the step are {names}. Nothing was saved after {kept or 'the start'}: lower "
                "learning_rate or look at these chunks, and run the same command again."
            )
        return grad_norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log a step with its speed, the share of time waited for data, and the peak memory."""
        if "loss" in logs:
            now, step = time.monotonic(), self.state.global_step
            seconds = now - self._logged_at
            steps = range(self._logged_step, step)
            chunks = [number for done in steps for number in self._step_chunks(done)]
            left_out = [number for number, *_ in self.unread(steps)]
            # The trainer has counted a step without chunks as one with a loss of 0.
            full = sum(not self._is_empty(done) for done in steps)
            logs["loss"] = logs["loss"] * len(steps) / full if full else math.nan
            asked, lost = (sum(map(self.examples.questions, some)) for some in (chunks, left_out))
            logs["samples_per_s"] = (asked - lost) / seconds
            logs["data_wait"] = self._waited_s / seconds
            logs["skipped"] = len(left_out)
            logs["peak_mib"] = peak_mib()
            self._logged_step, self._logged_at, self._waited_s = step, now, 0.0
        super().log(logs, start_time)

    def _step_chunks(self, step: int) -> list[int]:
        """Return the chunks of a step, counted from 0."""
        size = self.schedule.batch_size
        return self.chunks[step * size : (step + 1) * size]

    def _save_checkpoint(self, model, trial) -> None:
        """Write a checkpoint whole; the log until then lies beside it."""
        Trainer._save_checkpoint(self, model, trial)  # TRL's own adds a card for a model hub
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            written = Path(self.args.output_dir) / f"{checkpoints.NAME}{self.state.global_step}"
            (written / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing reads
            checkpoints.seal(written, self.folder)
            attempts.update(self.folder, saved_step=self.state.global_step)
            schema.write(self.folder / "log.parquet", log_table(self.state.log_history), LOG)
        self.accelerator.wait_for_everyone()


def _random_states(states: list[Tensor] | None = None) -> list[Tensor]:
    """Return the random states that training uses; set them first where some are given."""
    gpu = torch.cuda.is_available()
    if states:
        torch.random.set_rng_state(states[0])
        if gpu:
            torch.cuda.set_rng_state(states[1])
    return [torch.random.get_rng_state(), *([torch.cuda.get_rng_state()] if gpu else [])]


def peak_mib() -> float:
    """Return the peak memory so far: of the GPU's tensors, or of the process without a GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

"""Fine-tuning on shared-prefix batches, which ends anywhere and goes on exactly there.

The order of the chunks is a function of the seed, so the position in the data is the step alone;
skipped chunks are never decoded. What a checkpoint holds: the trained weights, the optimiser, the
schedule, the random states, the step and the log until then.
"""

import math
import os
import resource
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import torch
from accelerate.utils import gather_object
from datasets import Dataset
from transformers import PreTrainedModel, PrinterCallback, Trainer
from trl import SFTConfig, SFTTrainer

from touchline import checkpoints, schema
from touchline.callbacks import Progress, StopInTime
from touchline.encode import Encoder
from touchline.examples import NO_CHUNK, UNREAD, Collator, Examples, order
from touchline.problems import InputError

UNFINISHED = 75  # exit status of a run that saved its state and wants to go on in another job
BUDGET_VARIABLE = "TOUCHLINE_TIME_BUDGET_S"
WRITING = "writing"  # where a checkpoint is until it is whole

LOG = pl.Schema(
    {
        "step": pl.Int64,
        "loss": pl.Float64,
        "learning_rate": pl.Float64,
        "grad_norm": pl.Float64,
        "samples_per_s": pl.Float64,
        "waiting": pl.Float64,  # share of the time in which the model waited for data
        "skipped": pl.Int64,  # chunks that could not be read; with no other, there is no loss
        "peak_mib": pl.Float64,  # of the GPU's memory, or of the process where there is no GPU
    }
)


@dataclass(frozen=True)
class Schedule:
    """How to train. The study's numbers, with its unit, the sample, replaced by ours, the chunk.

    A step's loss is the mean over all answer tokens of its `chunks_per_step` chunks, which the
    `processes` share; `chunks_at_once` of them go through a model together.
    """

    epochs: int = 1
    chunks_per_step: int = 8
    chunks_at_once: int = 1
    processes: int = 1
    learning_rate: float = 1e-4
    warmup: float = 0.03  # share of the steps in which the rate rises; then it falls by a cosine
    max_grad_norm: float = 1.0
    save_every: int = 100
    log_every: int = 1
    workers: int = 2
    gradient_checkpointing: bool = True
    seed: int = 0


def train(
    model: PreTrainedModel,
    encoder: Encoder,
    examples: Examples,
    schedule: Schedule,
    folder: Path,
    time_budget_s: float | None = None,
) -> pl.DataFrame:
    """Train a model's trainable weights in place and return the log (columns `LOG`).

    A chunk that cannot be read is left out of its step; `examples.skip` is told of all of them when
    the training has ended. Goes on from the newest checkpoint in `folder`. On SIGTERM, or when the
    next step might pass `time_budget_s` (by default that of the environment), the state is saved and
    SystemExit(75) raised. Raises `InputError` when there is nothing to train on or the loss is not finite.
    """
    if not len(examples):
        raise InputError("the train split has no samples, so there is nothing to train on.")
    if time_budget_s is None and BUDGET_VARIABLE in os.environ:
        time_budget_s = float(os.environ[BUDGET_VARIABLE])
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / WRITING, ignore_errors=True)  # what a killed run had not finished
    stop = StopInTime(time_budget_s)
    trainer = PrefixTrainer(model, encoder, examples, schedule, folder, stop)
    start = checkpoints.newest(folder)
    if start:
        _say(f"going on from {start}")
    with stop:
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    if stop.reason and trainer.state.global_step < trainer.state.max_steps:
        done = f"{trainer.state.global_step} of {trainer.state.max_steps} steps"
        _say(f"{stop.reason}: saved after {done}, to go on in another run.")
        trainer.accelerator.wait_for_everyone()  # the first that ends would end the others
        raise SystemExit(UNFINISHED)
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
    """Return the logged steps as a table (columns `LOG`)."""
    rows = [{name: row[name] for name in LOG} for row in history if "waiting" in row]
    return pl.DataFrame(rows, schema=LOG).with_columns(pl.col("loss").fill_nan(None))


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
        self.examples, self.schedule, self.folder = examples, schedule, folder
        self.chunks = order(len(examples), schedule.epochs, schedule.seed)
        # Every process must have as many batches, and accelerate would show chunks twice for that.
        missing = -len(self.chunks) % (schedule.chunks_at_once * schedule.processes)
        super().__init__(
            model,
            args=_arguments(schedule, len(self.chunks), folder / WRITING),
            data_collator=Collator(encoder, examples),
            train_dataset=Dataset.from_dict({"chunk": self.chunks + [NO_CHUNK] * missing}),
            processing_class=encoder.processor,
            callbacks=[stop, Progress()],
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
        unread = gather_object([chunk for batch in batches for chunk in batch.pop(UNREAD)])
        if unread:
            # With the log, so that checkpoints hold it.
            self.state.log_history.append({"step": self.state.global_step + 1, UNREAD: unread})
            for number, problem, remedy in unread:
                _say(f"left out: {self.examples.name(number)}: {problem} {remedy}")
        return batches, answer_tokens

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
            logs["waiting"] = self._waited_s / seconds
            logs["skipped"] = len(left_out)
            logs["peak_mib"] = peak_mib()
            self._logged_step, self._logged_at, self._waited_s = step, now, 0.0
        super().log(logs, start_time)

    def _step_chunks(self, step: int) -> list[int]:
        """Return the chunks of a step, counted from 0."""
        size = self.schedule.chunks_per_step
        return self.chunks[step * size : (step + 1) * size]

    def _save_checkpoint(self, model, trial) -> None:
        """Write a checkpoint whole; the log until then lies beside it."""
        Trainer._save_checkpoint(self, model, trial)  # TRL's own adds a card for a model hub
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            written = Path(self.args.output_dir) / f"{checkpoints.NAME}{self.state.global_step}"
            (written / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing reads
            checkpoints.seal(written, self.folder)
            schema.write(self.folder / "log.parquet", log_table(self.state.log_history), LOG)
        self.accelerator.wait_for_everyone()


def peak_mib() -> float:
    """Return the peak memory so far: of the GPU's tensors, or of the process without a GPU."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _arguments(schedule: Schedule, chunks: int, folder: Path) -> SFTConfig:
    at_once = schedule.chunks_at_once * schedule.processes
    accumulation, rest = divmod(schedule.chunks_per_step, at_once)
    if rest or not accumulation:
        raise InputError(
            f"chunks_per_step {schedule.chunks_per_step} is not a multiple of chunks_at_once "
            f"{schedule.chunks_at_once} times {schedule.processes} processes. Change one of them."
        )
    steps = math.ceil(chunks / schedule.chunks_per_step)
    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,  # `order` has the epochs
        per_device_train_batch_size=schedule.chunks_at_once,
        gradient_accumulation_steps=accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(schedule.warmup * steps),
        max_grad_norm=schedule.max_grad_norm,
        seed=schedule.seed,
        bf16=gpu and torch.cuda.is_bf16_supported(),
        use_cpu=not gpu,
        gradient_checkpointing=schedule.gradient_checkpointing,
        train_sampling_strategy="sequential",
        dataloader_num_workers=schedule.workers,
        dataloader_prefetch_factor=4 if schedule.workers else None,
        dataloader_pin_memory=gpu,
        save_strategy="steps",
        save_steps=schedule.save_every,
        logging_strategy="steps",
        logging_steps=schedule.log_every,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to="none",
        log_level="warning",
        disable_tqdm=True,  # `Progress` shows one line instead
    )

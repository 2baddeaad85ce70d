"""Fine-tuning on shared-prefix batches, which ends anywhere and goes on exactly there.

The order of the chunks is a function of the seed, so the position in the data is the step alone;
skipped chunks are never decoded. What a checkpoint holds: the trained weights, the optimiser, the
schedule, the random states, the step and the log until then.
"""

import math
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import get_worker_info
from transformers import PreTrainedModel, PrinterCallback, Trainer
from trl import SFTConfig, SFTTrainer

from touchline import checkpoints, schema
from touchline.callbacks import Progress, StopInTime
from touchline.encode import Chunk, Encoder
from touchline.prefix import collate, pack
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
        "peak_mib": pl.Float64,  # of the GPU's memory, or of the process where there is no GPU
    }
)


@dataclass(frozen=True)
class Example:
    """A chunk to train on, and the answer text to the question on each of some actions."""

    chunk: Chunk
    answers: dict[str, str]


class Examples(Protocol):
    """The training set. Only `[]` decodes video."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Example: ...

    def name(self, number: int) -> str:
        """Return what to call a chunk in messages."""

    def questions(self, number: int) -> int:
        """Return how many questions are asked about a chunk."""


@dataclass(frozen=True)
class Schedule:
    """How to train. The study's numbers, with its unit, the sample, replaced by ours, the chunk.

    A step's loss is the mean over all answer tokens of its `chunks_per_step` chunks, of which
    `chunks_at_once` go through the model together.
    """

    epochs: int = 1
    chunks_per_step: int = 8
    chunks_at_once: int = 1
    learning_rate: float = 1e-4
    warmup: float = 0.03  # share of the steps in which the rate rises; then it falls by a cosine
    max_grad_norm: float = 1.0
    save_every: int = 100
    log_every: int = 1
    workers: int = 2
    gradient_checkpointing: bool = True
    seed: int = 0


def order(chunks: int, epochs: int, seed: int) -> list[int]:
    """Return the chunks in the order of training, each once per epoch."""
    draws = (np.random.default_rng([seed, epoch]).permutation(chunks) for epoch in range(epochs))
    return np.concatenate(list(draws)).tolist() if chunks and epochs else []


def train(
    model: PreTrainedModel,
    encoder: Encoder,
    examples: Examples,
    schedule: Schedule,
    folder: Path,
    time_budget_s: float | None = None,
) -> pl.DataFrame:
    """Train a model's trainable weights in place and return the log (columns `LOG`).

    Goes on from the newest checkpoint in `folder`. On SIGTERM, or when the next step might pass
    `time_budget_s` (by default that of the environment), the state is saved and SystemExit(75)
    raised. Raises `InputError` when there is nothing to train on or the loss is not finite.
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
        print(f"going on from {start}", file=sys.stderr)
    with stop:
        trainer.train(resume_from_checkpoint=str(start) if start else None)
    if stop.reason and trainer.state.global_step < trainer.state.max_steps:
        done = f"{trainer.state.global_step} of {trainer.state.max_steps} steps"
        print(f"{stop.reason}: saved after {done}, to go on in another run.", file=sys.stderr)
        raise SystemExit(UNFINISHED)
    return log_table(trainer.state.log_history)


def log_table(history: list[dict]) -> pl.DataFrame:
    """Return the logged steps as a table (columns `LOG`)."""
    rows = [{name: row[name] for name in LOG} for row in history if "waiting" in row]
    return pl.DataFrame(rows, schema=LOG)


class Collator:
    """Turns rows of chunk numbers into a batch; runs in the workers that load data."""

    def __init__(self, encoder: Encoder, examples: Examples) -> None:
        self.encoder, self.examples = encoder, examples

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, Tensor]:
        if get_worker_info():
            # A job's SIGTERM reaches all its processes; the trainer needs this one to end its step.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        packed = []
        for row in rows:
            example = self.examples[row["chunk"]]
            prefix, questions = self.encoder.prompt(example.chunk, list(example.answers))
            answers = map(self.encoder.answer_ids, example.answers.values())
            packed.append(pack(prefix, list(zip(questions, answers, strict=True))))
        return collate(packed, self.encoder.tokenizer.pad_token_id)


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
        super().__init__(
            model,
            args=_arguments(schedule, len(self.chunks), folder / WRITING),
            data_collator=Collator(encoder, examples),
            train_dataset=Dataset.from_dict({"chunk": self.chunks}),
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
        """Fetch a step's batches, and count the time that it takes."""
        before = time.monotonic()
        if self._logged_at is None:  # the first step of this run
            self._logged_step, self._logged_at = self.state.global_step, before
        batches = super().get_batch_samples(*args, **kwargs)
        self._waited_s += time.monotonic() - before
        return batches

    def _get_grad_norm(self, model, grad_norm=None):
        """Stop before a step that would destroy the weights."""
        grad_norm = super()._get_grad_norm(model, grad_norm)
        if not (math.isfinite(grad_norm) and math.isfinite(self._tr_loss)):
            step = self.state.global_step
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
            steps = range(self._logged_step, step)
            chunks = [number for done in steps for number in self._step_chunks(done)]
            seconds = now - self._logged_at
            logs["samples_per_s"] = sum(map(self.examples.questions, chunks)) / seconds
            logs["waiting"] = self._waited_s / seconds
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
    processes = int(os.environ.get("WORLD_SIZE", 1))
    accumulation, rest = divmod(schedule.chunks_per_step, schedule.chunks_at_once * processes)
    if rest or not accumulation:
        raise InputError(
            f"chunks_per_step {schedule.chunks_per_step} is not a multiple of chunks_at_once "
            f"{schedule.chunks_at_once} times {processes} processes. Change one of them."
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

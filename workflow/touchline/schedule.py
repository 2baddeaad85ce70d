"""How long and how fast to train: the settings, and what TRL's trainer is told of them."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from trl import SFTConfig

from touchline.problems import InputError


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


def arguments(schedule: Schedule, chunks: int, folder: Path) -> SFTConfig:
    """Return the trainer's arguments to train on so many chunks and write into `folder`.

    Raises `InputError` when the chunks of a step cannot be shared out evenly.
    """
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

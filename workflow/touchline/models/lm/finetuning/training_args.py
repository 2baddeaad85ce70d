"""The training arguments of TRL's trainer, from the settings of a model."""

import math
from pathlib import Path

import torch
from trl import SFTConfig

from touchline.core.problems import InputError
from touchline.models.lm.lm_settings import Schedule


def arguments(schedule: Schedule, chunks: int, folder: Path) -> SFTConfig:
    """Return the trainer's arguments to train on so many chunks and write into `folder`.

    Raises `InputError` when the chunks of a step cannot be shared out evenly.
    """
    at_once = schedule.micro_batch_size * schedule.processes
    accumulation, rest = divmod(schedule.batch_size, at_once)
    if rest or not accumulation:
        raise InputError(
            f"batch_size {schedule.batch_size} is not a multiple of micro_batch_size "
            f"{schedule.micro_batch_size} times {schedule.processes} processes. Change one of them."
        )
    steps = math.ceil(chunks / schedule.batch_size)
    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,  # `order` has the epochs
        per_device_train_batch_size=schedule.micro_batch_size,
        gradient_accumulation_steps=accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(schedule.warmup_ratio * steps),
        max_grad_norm=schedule.max_grad_norm,
        seed=schedule.seed,
        bf16=gpu and torch.cuda.is_bf16_supported(),
        use_cpu=not gpu,
        gradient_checkpointing=schedule.gradient_checkpointing,
        train_sampling_strategy="sequential",
        dataloader_num_workers=schedule.dataloader_workers,
        dataloader_prefetch_factor=4 if schedule.dataloader_workers else None,
        dataloader_pin_memory=gpu,
        save_strategy="steps",
        save_steps=schedule.save_steps,
        logging_strategy="steps",
        logging_steps=schedule.log_steps,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to="none",
        log_level="warning",
        disable_tqdm=True,  # `Progress` shows one line instead
    )

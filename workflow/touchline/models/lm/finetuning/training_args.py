"""The arguments of TRL's trainer, from the training settings of a model."""

import math
from pathlib import Path

import torch
from trl import SFTConfig

from touchline.core.problems import InputError
from touchline.models.lm.finetuning.reports import PROJECT
from touchline.models.lm.lm_settings import TrainingSettings


def training_arguments(
    settings: TrainingSettings, chunks: int, folder: Path, name: str
) -> SFTConfig:
    """Return the trainer's arguments to train on `chunks` chunks in total and write into `folder`.

    `name` is that of the run for the tools of `settings.report_to`.

    Raises `InputError` where the chunks of a step do not divide evenly among passes and processes.
    """
    per_pass = settings.chunks_in_pass * settings.processes
    accumulation, rest = divmod(settings.batch_size, per_pass)
    if rest or not accumulation:
        raise InputError(
            f"batch_size {settings.batch_size} is not a multiple of micro_batch_size "
            f"{settings.micro_batch_size} times {settings.processes} processes. Change one of them."
        )
    steps = math.ceil(chunks / settings.batch_size)
    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,  # the order of the chunks contains the epochs
        per_device_train_batch_size=settings.chunks_in_pass,
        gradient_accumulation_steps=accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(settings.warmup_ratio * steps),
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        bf16=gpu and torch.cuda.is_bf16_supported(),
        use_cpu=not gpu,
        gradient_checkpointing=settings.gradient_checkpointing,
        train_sampling_strategy="sequential",
        dataloader_num_workers=settings.dataloader_workers,
        dataloader_prefetch_factor=4 if settings.dataloader_workers else None,
        dataloader_pin_memory=gpu,
        save_strategy="steps",
        save_steps=settings.save_steps,
        logging_strategy="steps",
        logging_steps=settings.log_steps,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to="none",  # see `reports.make_callbacks`
        run_name=name,
        project=PROJECT,
        trackio_static_space_id=False,  # nothing is published
        log_level="warning",
        disable_tqdm=True,  # `Progress` replaces it
    )

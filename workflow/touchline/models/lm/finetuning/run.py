"""Fine-tuning from the matches of the train split to the written adapter."""

import gc
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from touchline.core import schema
from touchline.models.backend import Match
from touchline.models.lm import loader
from touchline.models.lm.finetuning import distributed, micro_batches, trainer
from touchline.models.lm.finetuning.dataset import TrainingItem, TrainingSet, select_training_items
from touchline.models.lm.finetuning.reports import report_folder
from touchline.models.lm.lm_settings import (
    LanguageModelSettings,
    parse_settings,
    video_sources,
    with_frames,
)
from touchline.models.lm.tokenize import Encoder
from touchline.video.chunk_store import ChunkStore, unread_problems


def fit(study: Iterable[Match], entry: dict, folder: Path, checkpoints: Path, vision: bool) -> None:
    """Train an adapter on the study, in one or several processes, and write it with its log.

    `folder` exists; `checkpoints` is kept between the runs of one training.
    """
    settings = parse_settings(entry)
    videos: dict[str, ChunkStore] = {}
    actions: dict[str, None] = {}  # of all samples, trained on or not, in their order

    def collected() -> Iterator[Match]:
        for match in study:
            videos[match.name] = ChunkStore(match.manifests)
            actions.update(dict.fromkeys(match.samples["action"].unique(maintain_order=True)))
            yield match

    sources = video_sources(settings)
    items = [
        item
        for item in select_training_items(
            collected(), settings.prompt, settings.negative_fraction, settings.training.seed
        )
        if videos[item.chunk.match].has(item.chunk.half, item.chunk.chunk, sources)
    ]
    arguments = (items, videos, list(actions), settings, folder, checkpoints, vision)
    distributed.run(_train, arguments, settings.training.processes)


def _train(
    items: list[TrainingItem],
    videos: dict[str, ChunkStore],
    actions: list[str],
    settings: LanguageModelSettings,
    folder: Path,
    checkpoints: Path,
    vision: bool,
) -> None:
    """Train on the items in this process; the main process writes the adapter."""
    examples = TrainingSet(items, lambda chunk: with_frames(chunk, videos[chunk.match], settings))
    reports = report_folder(folder, checkpoints.name)
    while True:
        schedule = micro_batches.settle(settings.training, checkpoints)
        model, processor = loader.load_base(
            settings.base, settings.quantize, settings.device, vision, settings.attention
        )
        encoder = Encoder(model, processor, actions, settings.prompt)
        encoder.check_template()
        adapted = loader.add_adapter(model, settings.lora, settings.training.seed)
        try:
            log = trainer.train(adapted, encoder, examples, schedule, checkpoints, reports=reports)
            break
        except torch.OutOfMemoryError:
            if not micro_batches.halve(settings.training, schedule.chunks_in_pass, checkpoints):
                raise
        # All is made again, as in another run, since the trainer changes the model's methods.
        del model, processor, encoder, adapted
        gc.collect()
        torch.cuda.empty_cache()
    if not trainer.is_main_process():
        return
    loader.save_adapter(adapted, settings.base, folder)
    problems = unread_problems(examples.unread, "fit", "The training went on without it.")
    schema.write(folder / "log.parquet", log, schema.LOG, problems)
    print(f"{len(items)} chunks, {log.height} steps", file=sys.stderr)

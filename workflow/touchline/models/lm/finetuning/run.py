"""From the matches of the train split to an adapter of a language model."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from touchline.core import schema
from touchline.models.backend import Match
from touchline.models.lm import loader
from touchline.models.lm.finetuning import distributed, trainer
from touchline.models.lm.finetuning.dataset import Listed, TrainingSet, choose
from touchline.models.lm.lm_settings import Settings, look, read_settings, sources
from touchline.models.lm.tokenize import Encoder
from touchline.video.chunk_store import ChunkStore, unread_problems


def fit(study: Iterable[Match], entry: dict, folder: Path, checkpoints: Path, vision: bool) -> None:
    """Train an adapter on the study and write it, with the log, into an existing folder.

    `checkpoints` is kept between the runs of one training. Several processes share the training
    where the settings say so.
    """
    settings = read_settings(entry)
    footage: dict[str, ChunkStore] = {}
    actions: dict[str, None] = {}  # all that answers will be asked for, trained on or not

    def watched() -> Iterator[Match]:
        for match in study:
            footage[match.name] = ChunkStore(match.manifests)
            actions.update(dict.fromkeys(match.samples["action"].unique(maintain_order=True)))
            yield match

    chosen = [
        listed
        for listed in choose(
            watched(), settings.prompt, settings.negative_fraction, settings.training.seed
        )
        if footage[listed.chunk.match].has(listed.chunk.half, listed.chunk.chunk, sources(settings))
    ]
    arguments = (chosen, footage, list(actions), settings, folder, checkpoints, vision)
    distributed.run(_train, arguments, settings.training.processes)


def _train(
    chosen: list[Listed],
    footage: dict[str, ChunkStore],
    actions: list[str],
    settings: Settings,
    folder: Path,
    checkpoints: Path,
    vision: bool,
) -> None:
    """Train on the chosen chunks, perhaps as one of several processes; the first one writes."""
    model, processor = loader.load(settings.base, settings.quantize, settings.device, vision)
    encoder = Encoder(model, processor, actions, settings.prompt)
    adapted = loader.add_adapter(model, settings.lora, settings.training.seed)
    examples = TrainingSet(chosen, lambda chunk: look(chunk, footage[chunk.match], settings))
    log = trainer.train(adapted, encoder, examples, settings.training, checkpoints)
    if not trainer.is_first():
        return
    adapted.save_pretrained(folder)
    problems = unread_problems(examples.unread, "fit", "The training went on without it.")
    schema.write(folder / "log.parquet", log, schema.LOG, problems)
    print(f"{len(chosen)} chunks, {log.height} steps", file=sys.stderr)

"""Fine-tuning of a video-language model."""

from collections.abc import Iterable
from pathlib import Path

from touchline.models.backend import Match
from touchline.models.lm.finetuning import run


def fit(study: Iterable[Match], settings: dict, folder: Path, checkpoints: Path) -> None:
    """Train an adapter of a base model on the study, and write it into `folder`."""
    run.fit(study, settings, folder, checkpoints, vision=True)

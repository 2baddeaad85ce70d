"""A text-only causal language model on the commentary, zero-shot or fine-tuned."""

from pathlib import Path

from touchline.models.lm import answering
from touchline.models.lm.answering import Spotter


def load(settings: dict, folder: Path | None) -> Spotter:
    """Load the base model, with the adapter in `folder` unless that is None (zero-shot)."""
    return answering.load(settings, folder, vision=False)

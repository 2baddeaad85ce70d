"""A training run on a tiny base, as a module for tests and as a process that they can kill.

python tests/helpers/tiny_study.py BASE CHECKPOINTS ADAPTER
"""

import sys
from pathlib import Path

from chunks import ACTIONS, chunk
from touchline.core import schema
from touchline.models.lm import loader
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.collator import Example
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

CHUNKS = 10
SCHEDULE = TrainingSettings(
    epochs=3, batch_size=2, learning_rate=2e-3, save_steps=2, dataloader_workers=1, seed=3
)


class Examples:
    """Chunks of noise; the answer to a question differs from chunk to chunk."""

    def __init__(self, chunks: int = CHUNKS, frames: int = 6) -> None:
        self.chunks, self.frames = chunks, frames

    def __len__(self) -> int:
        return self.chunks

    def __getitem__(self, number: int) -> Example:
        answers = {
            "goal": f"A Goal occurs at (37:{10 + number}, 37:{22 + number}).",
            "foul": "No Foul occurs.",
        }
        return Example(chunk(number, frames=self.frames), answers)

    def name(self, number: int) -> str:
        return f"a_match half 1 chunk {number}"

    def questions(self, number: int) -> int:
        return 2


def load(folder: Path, dropout: float = 0.1, quantize: str | None = "nf4") -> tuple:
    """Return a tiny base with a new adapter, and its encoder."""
    model, processor = loader.load_base(str(folder), quantize, "auto", vision=True)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings(examples=False))
    adapted = loader.add_adapter(model, loader.LoraSettings(8, 16, dropout), seed=0)
    return adapted, encoder


def main(folder: Path, checkpoints: Path, adapter: Path) -> None:
    model, encoder = load(folder)
    log = trainer.train(model, encoder, Examples(), SCHEDULE, checkpoints)
    model.save_pretrained(adapter)
    schema.write(adapter / "log.parquet", log, schema.LOG)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

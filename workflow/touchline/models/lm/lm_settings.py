"""The settings of a language model, and what they show of a chunk: alike in training and answering."""

from dataclasses import dataclass, field, replace

from touchline.models.check_settings import read_entry
from touchline.models.lm.loader import Lora
from touchline.models.lm.tokenize import Chunk
from touchline.prompts.prompt_text import PromptSettings
from touchline.video.chunk_store import ChunkStore


@dataclass(frozen=True)
class Schedule:
    """How to train. The study's numbers, with its unit, the sample, replaced by ours, the chunk.

    A step's loss is the mean over all answer tokens of its `batch_size` chunks, which the
    `processes` share; `micro_batch_size` of them go through a model together.
    """

    epochs: int = 1
    batch_size: int = 8
    micro_batch_size: int = 1
    processes: int = 1
    learning_rate: float = 1e-4
    warmup_ratio: float = (
        0.03  # share of the steps in which the rate rises; then it falls by a cosine
    )
    max_grad_norm: float = 1.0
    save_steps: int = 100
    log_steps: int = 1
    dataloader_workers: int = 2
    gradient_checkpointing: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Settings:
    """A model's entry in the configuration."""

    base: str
    quantize: str | None = None  # nf4, or none
    device: str = "auto"  # auto, cpu, or cuda, which must be there
    fps: float | None = None  # frames per second shown; all of the chunk's file by default
    max_new_tokens: int = 128
    candidates: bool = False  # where it says that there is none: also its most probable interval
    negative_fraction: float = 1.0  # share of the (chunk, action) pairs without an event trained on
    prompt: PromptSettings = field(default_factory=PromptSettings)
    lora: Lora = field(default_factory=Lora)
    training: Schedule = field(default_factory=Schedule)


def read_settings(entry: dict) -> Settings:
    """Return a model's entry of the configuration as settings; raise `InputError` for a bad one."""
    parts = {"prompt": PromptSettings, "lora": Lora, "training": Schedule}
    return read_entry(Settings, entry, parts)


def sources(settings: Settings) -> tuple[str, ...]:
    """Return the videos of a chunk that the settings show."""
    if "video" not in settings.prompt.inputs:
        return ()
    return ("broadcast", "score_bug") if settings.prompt.score_bug else ("broadcast",)


def look(chunk: Chunk, footage: ChunkStore, settings: Settings) -> Chunk:
    """Return the chunk with the frames that the settings show."""
    if not sources(settings):
        return chunk
    frames, frame_s = footage.read_frames(chunk.half, chunk.chunk, sources(settings), settings.fps)
    return replace(chunk, frames=frames, frame_s=frame_s)

"""Settings of a language model and the frames that they select, in training and inference alike."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from touchline.models.check_settings import build_settings
from touchline.models.lm.loader import ATTENTIONS, AUTO, LoraSettings
from touchline.models.lm.tokenize import Chunk
from touchline.prompts.prompt_text import PromptSettings
from touchline.video.chunk_store import ChunkStore

# How a model is asked: for the probabilities of all answers, or for one answer's text.
DISTRIBUTION, TEXT = "distribution", "text"
# What is minimised: cross-entropy of the target's tokens, or that the answer does not match.
TOKENS, MATCH = "tokens", "match"
AUTO_SIZE = "auto"  # the largest micro-batch that fits
REPORT_TOOLS = ("tensorboard", "trackio", "wandb")  # each is the name of its package


@dataclass(frozen=True)
class TrainingSettings:
    """Hyperparameters of a fine-tuning: the reference paper's, but with chunks instead of samples.

    A step's loss is the mean over all answer tokens of its `batch_size` chunks, which are divided
    among the `processes`; a forward pass takes `micro_batch_size` of them.
    """

    epochs: int = 1
    batch_size: int = 8
    micro_batch_size: int | str = 1  # or `AUTO_SIZE`
    processes: int = 1
    learning_rate: float = 1e-4
    warmup_ratio: float = 0.03  # share of the steps with a linear warm-up; then a cosine decay
    max_grad_norm: float = 1.0
    save_steps: int = 100
    log_steps: int = 1
    dataloader_workers: int = 2
    gradient_checkpointing: bool = True
    seed: int = 0
    objective: str = TOKENS
    match_weight: float = 0.5  # of `match`, beside the cross-entropy of the target's tokens
    report_to: tuple[str, ...] = ()  # of `REPORT_TOOLS`

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown objective, tool or size, or a weight that is none."""
        object.__setattr__(self, "report_to", tuple(self.report_to))
        if isinstance(self.micro_batch_size, str) and self.micro_batch_size != AUTO_SIZE:
            given = self.micro_batch_size
            raise ValueError(f"micro_batch_size is '{given}'; it may be a number or {AUTO_SIZE}")
        if unknown := set(self.report_to) - set(REPORT_TOOLS):
            raise ValueError(f"report_to: {sorted(unknown)}; there are {', '.join(REPORT_TOOLS)}")
        if self.objective not in (TOKENS, MATCH):
            raise ValueError(f"objective is '{self.objective}'; it may be {TOKENS} or {MATCH}")
        if not 0 <= self.match_weight <= 1:
            raise ValueError(f"match_weight is {self.match_weight}; it is between 0 and 1")

    @property
    def chunks_in_pass(self) -> int:
        """`micro_batch_size`, where it is a number; raise ValueError for `AUTO_SIZE`."""
        return int(self.micro_batch_size)


@dataclass(frozen=True)
class LanguageModelSettings:
    """The settings of a language model: its entry in the configuration."""

    base: str
    weights: str | None = None  # an adapter that is there already: a folder, or hub:user/name
    quantize: str | None = None  # nf4 or None
    device: str = "auto"  # auto, cpu, or cuda, which must be available
    attention: str = AUTO  # one of `loader.ATTENTIONS`
    fps: float | None = None  # frames per second; None takes all frames of the chunk's file
    max_new_tokens: int = 128
    ablate: tuple[str, ...] = ()  # inputs that are blanked in inference
    batch_size: int = 1  # chunks that are answered together
    answers: str = DISTRIBUTION  # or TEXT, which is decoded greedily and parsed
    negative_fraction: float = 1.0  # share of the (chunk, action) pairs without event to train on
    prompt: PromptSettings = field(default_factory=PromptSettings)
    lora: LoraSettings = field(default_factory=LoraSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        """Raise ValueError for unknown `answers` or `attention`, and for a blanked input that prompts lack."""
        if self.answers not in (DISTRIBUTION, TEXT):
            raise ValueError(f"answers is '{self.answers}'; it may be {DISTRIBUTION} or {TEXT}")
        if self.attention not in ATTENTIONS:
            known = ", ".join(ATTENTIONS)
            raise ValueError(f"attention is '{self.attention}'; it may be {known}")
        object.__setattr__(self, "ablate", tuple(self.ablate))
        if not set(self.ablate) <= set(self.prompt.inputs):
            raise ValueError(
                f"ablate {list(self.ablate)}: the prompts have {list(self.prompt.inputs)} alone"
            )


def parse_settings(entry: dict) -> LanguageModelSettings:
    """Return a model's entry in the configuration as settings; raise `InputError` if invalid."""
    return build_settings(
        LanguageModelSettings,
        entry,
        {"prompt": PromptSettings, "lora": LoraSettings, "training": TrainingSettings},
    )


def video_sources(settings: LanguageModelSettings) -> tuple[str, ...]:
    """Return the video sources of a chunk that its prompts contain."""
    if "video" not in settings.prompt.inputs:
        return ()
    return ("broadcast", "score_bug") if settings.prompt.score_bug else ("broadcast",)


def with_frames(chunk: Chunk, videos: ChunkStore, settings: LanguageModelSettings) -> Chunk:
    """Return the chunk with its frames; raise `VideoError` where they cannot be read."""
    sources = video_sources(settings)
    if not sources:
        return chunk
    frames, frame_s = videos.read_frames(chunk.half, chunk.chunk, sources, settings.fps)
    return replace(chunk, frames=frames, frame_s=frame_s)


def ablated(chunk: Chunk, inputs: Collection[str]) -> Chunk:
    """Return the chunk with these inputs blanked: black frames, no commentary lines."""
    if "video" in inputs:
        black = {source: np.zeros_like(frames) for source, frames in chunk.frames.items()}
        chunk = replace(chunk, frames=black)
    return replace(chunk, lines=()) if "commentary" in inputs else chunk

"""Tokenisation of a chunk's prompts by the model's own chat template and processor.

The processor gets all frames with their true times, and samples none of them again. Prefix and
questions are tokenised separately, in training as in inference.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin, Qwen3VLProcessor
from transformers.video_utils import VideoMetadata

from touchline.core import clock
from touchline.models.lm.shared_prefix import Prefix, encode_prefix
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings


@dataclass(frozen=True)
class Chunk:
    """A chunk of a half with the inputs of its prompts.

    `lines` are commentary lines (`schema.LINE`). `frames` has the frames of each video source
    (`broadcast`, `score_bug`), uint8 (T, height, width, 3), and `frame_s` their times in the half.
    """

    match: str
    half: int
    chunk: int
    start_s: float
    end_s: float
    lines: Sequence[dict] = ()
    frames: dict[str, np.ndarray] = field(default_factory=dict)
    frame_s: Sequence[float] = ()


def to_chunk(match: str, row: dict) -> Chunk:
    """Return a row of `chunk_store.group_by_chunk` as a chunk without frames."""
    return Chunk(match, row["half"], row["chunk"], row["start_s"], row["end_s"], row["lines"])


class Encoder:
    """Tokenises the prompts of one model.

    `processor` is the model's processor, or the tokenizer of a text model; `actions` are those that
    the instructions list.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        processor: ProcessorMixin | PreTrainedTokenizerBase,
        actions: Sequence[str],
        settings: PromptSettings,
    ) -> None:
        self.model, self.processor = model, processor
        self.actions, self.settings = actions, settings
        self.is_multimodal = isinstance(processor, ProcessorMixin)
        self.tokenizer: PreTrainedTokenizerBase = (
            processor.tokenizer if isinstance(processor, ProcessorMixin) else processor
        )
        self._has_system_role = True

    def encode_prompt(self, chunk: Chunk, actions: Sequence[str]) -> tuple[Prefix, list[list[int]]]:
        """Return the prefix of a chunk and the token ids of the question on each action.

        Raises ValueError for a chat template that writes the prefix differently per question.
        """
        messages = prompt_text.build_prefix(
            chunk.half,
            chunk.start_s,
            chunk.end_s,
            chunk.lines,
            self.actions,
            self.settings,
            chunk.frame_s,
        )
        heads, tails = zip(*(self._split(messages, action) for action in actions), strict=True)
        if len(set(heads)) > 1:
            raise ValueError("the chat template writes a chunk's prefix differently per question")
        return self._prefix(heads[0], messages, chunk), [self.tokenize(tail) for tail in tails]

    def answer_ids(self, text: str) -> list[int]:
        """Return the token ids of an answer, with the stop token."""
        return [*self.tokenize(text), self.tokenizer.eos_token_id]

    def _split(self, messages: list[dict], action: str) -> tuple[str, str]:
        """Return a rendered prompt in two parts: before the question, and from it on."""
        rendered = self._render(prompt_text.add_question(messages, action))
        head, question, rest = rendered.rpartition(prompt_text.format_question(action))
        return head, question + rest

    def _render(self, chat: list[dict]) -> str:
        """Return the prompt as text, rendered by the model's chat template.

        Templates without a system role (Mistral's first ones, Gemma's) raise an error or omit the
        system message; then the instructions are at the start of the user's message.
        """

        def render(chat: list[dict]) -> str:
            messages = chat if self.is_multimodal else prompt_text.as_text(chat)
            return str(
                self.processor.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=True
                )
            )

        if self._has_system_role:
            with suppress(TemplateError):
                rendered = render(chat)
                if chat[0]["content"][0]["text"].strip() in rendered:
                    return rendered
            self._has_system_role = False
        return render(prompt_text.without_system(chat))

    def tokenize(self, text: str) -> list[int]:
        """Return the token ids of a text after the prefix."""
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def _prefix(self, head: str, messages: list[dict], chunk: Chunk) -> Prefix:
        """Return the tokenised prefix: its rendered text `head`, with the chunk's frames."""
        # The chat template has already written the special tokens.
        options = {"add_special_tokens": False, "return_tensors": "pt"}
        parts = [part for part in messages[-1]["content"] if part["type"] == "video"]
        if not parts:
            return encode_prefix(self.processor(text=[head], **options), self.model)
        if isinstance(self.processor, Qwen3VLProcessor):
            # It brackets each pair of frames itself; as in Qwen's code, the outer pair is dropped.
            video = self.processor.video_token
            start, end = self.processor.vision_start_token, self.processor.vision_end_token
            head = head.replace(f"{start}{video}{end}", video)
        videos, metadata = zip(*(self._video(part, chunk) for part in parts), strict=True)
        encoded = self.processor(
            text=[head],
            videos=list(videos),
            video_metadata=list(metadata),
            do_sample_frames=False,
            **options,
        )
        return encode_prefix(encoded, self.model)

    def _video(self, part: dict, chunk: Chunk) -> tuple[np.ndarray, VideoMetadata]:
        """Return the frames of a video part (T, 3, height, width) and their times as metadata."""
        first, end = part.get("frames", [0, len(chunk.frame_s)])
        # A single frame is repeated, since processors merge frames in pairs.
        indices = [first, first] if end - first == 1 else list(range(first, end))
        zero_s = clock.zero_s(self.settings.clock, chunk.half, chunk.start_s)
        rate = frame_rate(chunk.frame_s)
        # Qwen3-VL writes index / fps into the prompt, so fractional indices give the time on the
        # prompt's clock.
        frame_indices: list[Any] = [(chunk.frame_s[index] - zero_s) * rate for index in indices]
        return chunk.frames[part["source"]][indices].transpose(0, 3, 1, 2), VideoMetadata(
            total_num_frames=len(indices), fps=rate, frames_indices=frame_indices
        )


def frame_rate(times_s: Sequence[float]) -> float:
    """Return the frames per second of a chunk; 1 where it has a single frame."""
    if len(times_s) < 2:
        return 1.0
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])

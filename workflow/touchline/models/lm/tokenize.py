"""From a chunk to token ids: the prompt rendered by the model's own chat template and processor.

Frames reach the processor with their true times and are never sampled again. Prefix and question
are tokenised apart, in training as in inference.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin, Qwen3VLProcessor
from transformers.video_utils import VideoMetadata

from touchline.core import clock
from touchline.models.lm.shared_prefix import Prefix, prefix_of
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings


@dataclass(frozen=True)
class Chunk:
    """A chunk of a half as a prompt shows it.

    `lines` are commentary lines (`schema.LINE`). `frames` holds the frames of each video source
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


class Encoder:
    """Encodes chunks for one model.

    `processor` is the model's processor, or its tokenizer where it reads text alone; `actions` is
    the closed list that the instructions name.
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
        self.tokenizer = processor.tokenizer if self.is_multimodal else processor
        self._has_system_role = True

    def prompt(self, chunk: Chunk, asked: Sequence[str]) -> tuple[Prefix, list[list[int]]]:
        """Return the prefix of a chunk and the token ids of the question on each asked action."""
        messages = prompt_text.messages(
            chunk.half,
            chunk.start_s,
            chunk.end_s,
            chunk.lines,
            self.actions,
            self.settings,
            chunk.frame_s,
        )
        heads, tails = zip(*(self._split(messages, action) for action in asked), strict=True)
        if len(set(heads)) > 1:
            raise ValueError("the chat template writes a chunk's prefix differently per question")
        return self._prefix(heads[0], messages, chunk), [self.ids(tail) for tail in tails]

    def answer_ids(self, text: str) -> list[int]:
        """Return the token ids of an answer, with the token that ends it."""
        return [*self.ids(text), self.tokenizer.eos_token_id]

    def _split(self, messages: list[dict], action: str) -> tuple[str, str]:
        """Render a prompt and cut it before the question."""
        rendered = self._render(prompt_text.ask(messages, action))
        head, question, rest = rendered.rpartition(prompt_text.question(action))
        return head, question + rest

    def _render(self, chat: list[dict]) -> str:
        """Return the prompt's text by the model's chat template.

        Templates without a system role (Mistral's first ones, Gemma's) raise an error or leave the
        message out; then the instructions open the user's message.
        """

        def render(chat: list[dict]) -> str:
            return self.processor.apply_chat_template(
                chat if self.is_multimodal else prompt_text.as_text(chat),
                tokenize=False,
                add_generation_prompt=True,
            )

        if self._has_system_role:
            with suppress(TemplateError):
                rendered = render(chat)
                if chat[0]["content"][0]["text"].strip() in rendered:
                    return rendered
            self._has_system_role = False
        return render(prompt_text.without_system(chat))

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text that comes after the prefix."""
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def _prefix(self, head: str, messages: list[dict], chunk: Chunk) -> Prefix:
        # The chat template has written what the model needs before its first token.
        options = {"add_special_tokens": False, "return_tensors": "pt"}
        parts = [part for part in messages[-1]["content"] if part["type"] == "video"]
        if not parts:
            return prefix_of(self.processor(text=[head], **options), self.model)
        if isinstance(self.processor, Qwen3VLProcessor):
            # It brackets each pair of frames itself; Qwen's own code drops the outer pair.
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
        return prefix_of(encoded, self.model)

    def _video(self, part: dict, chunk: Chunk) -> tuple[np.ndarray, VideoMetadata]:
        """Return a video part's frames (T, 3, height, width) and when each was."""
        first, end = part.get("frames", [0, len(chunk.frame_s)])
        # A single frame is shown twice: processors merge frames by pairs.
        places = [first, first] if end - first == 1 else range(first, end)
        zero_s = clock.zero_s(self.settings.clock, chunk.half, chunk.start_s)
        rate = frame_rate(chunk.frame_s)
        return chunk.frames[part["source"]][list(places)].transpose(0, 3, 1, 2), VideoMetadata(
            total_num_frames=len(places),
            fps=rate,
            # Qwen3-VL writes index / fps into the prompt: the time on the prompt's clock.
            frames_indices=[(chunk.frame_s[place] - zero_s) * rate for place in places],
        )


def frame_rate(times_s: Sequence[float]) -> float:
    """Return the frames per second of a chunk, 1 where it has a single frame."""
    if len(times_s) < 2:
        return 1.0
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])

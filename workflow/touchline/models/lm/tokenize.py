"""Tokenisation of a chunk's prompts by the model's own chat template and processor.

The processor gets all frames with their true times, and samples none of them again. Prefix and
questions are tokenised separately, in training as in inference.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin, Qwen3VLProcessor
from transformers.video_utils import VideoMetadata

from touchline.core import clock
from touchline.core.problems import InputError
from touchline.models.lm.shared_prefix import Prefix, encode_prefix
from touchline.prompts import prompt_text
from touchline.prompts.prompt_text import PromptSettings

# The chat template of a base without one (pretrained, not instruct): the messages, each with a
# blank line after it, then "Answer:" and a line end. A video stands as in Qwen's prompts.
PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}"
    "{% else %}<|vision_start|><|{{ part.type }}_pad|><|vision_end|>{% endif %}"
    "{% endfor %}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Answer:\n{% endif %}"
)
RENDERING_S = 10  # longest time in which a chat template writes one prompt
LONGEST_TEMPLATE_TEXT = 100_000  # characters that a template adds to the messages


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


@dataclass(frozen=True)
class RenderedPrompt:
    """The prompts of a chunk as text: their common `head`, and the question and end of each."""

    head: str
    tails: list[str]
    messages: list[dict]


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
        self._template = None if processor.chat_template else self._default_template()

    def check_template(self) -> None:
        """Raise `InputError` for a chat template that no prompt can be written with.

        Called before the work, since data loaders hide an error's sentence in a traceback.
        """
        chunk = Chunk("", 1, 0, 0.0, 60.0)
        self._split(self._messages(chunk, frame_s=(0.0, 1.0)), "goal")

    def encode_prompt(self, chunk: Chunk, actions: Sequence[str]) -> tuple[Prefix, list[list[int]]]:
        """Return the prefix of a chunk and the token ids of the question on each action.

        Raises `InputError` for a chat template that writes the prefix differently per question,
        leaves out a part of the prompt, fails or does not end.
        """
        return self.tokenize_prompt(chunk, self.render_prompt(chunk, actions))

    def render_prompt(self, chunk: Chunk, actions: Sequence[str]) -> RenderedPrompt:
        """Return the prompts as text. The time of a template is limited in the main thread alone.

        Raises `InputError` as `encode_prompt` does.
        """
        messages = self._messages(chunk, chunk.frame_s)
        heads, tails = zip(*(self._split(messages, action) for action in actions), strict=True)
        if len(set(heads)) > 1:
            raise self._template_error("writes a chunk's prefix differently per question")
        return RenderedPrompt(heads[0], list(tails), messages)

    def tokenize_prompt(
        self, chunk: Chunk, prompt: RenderedPrompt
    ) -> tuple[Prefix, list[list[int]]]:
        """Return the prefix and the questions of rendered prompts, as `encode_prompt` does."""
        prefix = self._prefix(prompt.head, prompt.messages, chunk)
        return prefix, [self.tokenize(tail) for tail in prompt.tails]

    def answer_ids(self, text: str) -> list[int]:
        """Return the token ids of an answer, with the stop token."""
        return [*self.tokenize(text), self.tokenizer.eos_token_id]

    def _messages(self, chunk: Chunk, frame_s: Sequence[float]) -> list[dict]:
        """Return the prefix of a chunk's prompts as chat messages."""
        return prompt_text.build_prefix(
            chunk.half,
            chunk.start_s,
            chunk.end_s,
            chunk.lines,
            self.actions,
            self.settings,
            frame_s,
        )

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
        if self._has_system_role:
            with suppress(_TemplateFailure):
                rendered = self._apply_template(chat)
                if not self._left_out(chat, rendered):
                    return rendered
            self._has_system_role = False
        chat = prompt_text.without_system(chat)
        try:
            rendered = self._apply_template(chat)
        except _TemplateFailure as error:
            raise self._template_error(f"fails ({error})") from error
        if left_out := self._left_out(chat, rendered):
            raise self._template_error(f"leaves out {left_out}")
        return rendered

    def _apply_template(self, chat: list[dict]) -> str:
        """Return chat messages as the template writes them, within bounds of time and length.

        Raises `_TemplateFailure` where the template raises an error, `InputError` out of bounds.
        """
        messages = chat if self.is_multimodal else prompt_text.as_text(chat)
        given = sum(len(part.get("text", "")) for message in chat for part in message["content"])
        try:
            with _time_limit(RENDERING_S):
                rendered = str(
                    self.processor.apply_chat_template(
                        messages,
                        chat_template=self._template,
                        tokenize=False,
                        add_generation_prompt=True,
                    )
                )
        except _TimeLimitError as error:
            raise self._template_error(f"does not end within {RENDERING_S} s") from error
        except Exception as error:  # whatever a stranger's program in Jinja raises
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise _TemplateFailure(lines[0][:200].rstrip(".")) from error
        if len(rendered) > 2 * given + LONGEST_TEMPLATE_TEXT:
            raise self._template_error(f"writes {len(rendered)} characters for {given}")
        return rendered

    def _left_out(self, chat: list[dict], rendered: str) -> str:
        """Return what of the messages is not in the rendered prompt, in words; empty if all is."""
        *before, question = [part for message in chat for part in message["content"]]
        if question["text"].strip() not in rendered:
            return "the question"
        if before[0]["text"].strip() not in rendered:
            return "the instructions"
        if any(part.get("text", "").strip() not in rendered for part in before):
            return "the commentary or the times"
        videos = sum(part["type"] == "video" for part in before)
        token = getattr(self.processor, "video_token", None)  # of the Qwen-VL processors
        if token and rendered.count(token) != videos:
            return "the video"
        return ""

    def _template_error(self, problem: str) -> InputError:
        base = self.model.config.name_or_path
        return InputError(
            f"base {base}: its chat template {problem}. Correct or delete it (chat_template.jinja, "
            "or chat_template in tokenizer_config.json); without one a plain template is used."
        )

    def _default_template(self) -> str:
        """Return the tokenizer's template, or a plain one that begins as the tokenizer does."""
        if isinstance(self.tokenizer.chat_template, str):
            return self.tokenizer.chat_template
        begin = self.tokenizer.bos_token_id
        begins = begin is not None and self.tokenizer("A").input_ids[:1] == [begin]
        return ("{{ bos_token }}" if begins else "") + PLAIN_TEMPLATE

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


class _TemplateFailure(Exception):  # noqa: N818
    """A chat template raised an error, which the text says."""


class _TimeLimitError(BaseException):
    """The time is over. No `Exception`, which the code that is interrupted might handle."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `_TimeLimitError` in the block after so many seconds; in the main thread alone."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TimeLimitError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

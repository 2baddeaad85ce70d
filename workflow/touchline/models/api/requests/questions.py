"""The requests of a match: one for each chunk, or for each chunk and action, by `questions`.

A question is a request and the samples that its answer is about. All that follows (journal, budget,
batches, retries) sees requests alone, so both kinds of questions have the same guarantees.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from touchline.models.api.requests import frames
from touchline.models.api.requests.frames import EncodedFrames
from touchline.models.api.requests.request import (
    MIN_CACHED_TOKENS,
    Request,
    count_bytes,
    estimate_tokens,
    flatten,
    make_request,
)
from touchline.models.api.server import CHUNK, ApiSettings
from touchline.models.backend import Match
from touchline.prompts import chunk_questions, prompt_text
from touchline.video.chunk_store import ChunkStore, UnreadChunk
from touchline.video.frame_reader import VideoError

# OpenAI's models with paid cache writes write the whole prompt by default, of which no other request
# has more than the start. With this mode they write up to the parts with a breakpoint, else nothing.
_EXPLICIT = {"mode": "explicit"}


class Question(NamedTuple):
    """A request, and the samples that its answer is about (rows of `schema.SAMPLES`)."""

    request: Request
    samples: tuple[dict, ...]


@dataclass
class Questions:
    """What a match is asked, in the order of its samples, and which of its samples are not asked.

    `silent` are the samples of chunks without commentary, `unread` the chunks whose video cannot be
    read.
    """

    asked: list[Question] = field(default_factory=list)
    silent: list[dict] = field(default_factory=list)
    unread: list[UnreadChunk] = field(default_factory=list)

    @property
    def requests(self) -> list[Request]:
        """Return the request of each question."""
        return [question.request for question in self.asked]


def build_questions(match: Match, settings: ApiSettings) -> Questions:
    """Return the questions on a match.

    The prefix of a chunk's prompts is built once for its questions, and all requests share the
    system message.
    """
    actions = match.samples["action"].unique(maintain_order=True).to_list()
    builder = _Builder(match, actions, settings)
    videos = ChunkStore(match.manifests) if settings.reads_video else None
    questions = Questions()
    rows = match.samples.iter_rows(named=True)
    for (half, chunk), samples in groupby(rows, key=lambda row: (row["half"], row["chunk"])):
        of_chunk = list(samples)
        encoded = None
        if videos is not None:
            try:
                read, times_s = videos.read_frames(
                    half, chunk, settings.video_sources, settings.fps
                )
                encoded = frames.encode(read, times_s, settings.video.quality)
            except VideoError as error:
                unread = UnreadChunk(match.name, half, chunk, error.problem, error.remedy)
                questions.unread.append(unread)
                continue
        elif not of_chunk[0]["lines"] and not settings.ask_silent:
            questions.silent += of_chunk
            continue
        questions.asked += builder.ask(of_chunk, encoded)
    return questions


class _Head(NamedTuple):
    """What all requests of a kind start with: their body but for the messages, the system message.

    `cached_tokens` are those of it that a server can have in its cache; `is_explicit` says that it
    caches nothing without a breakpoint.
    """

    body: dict
    system: dict
    cached_tokens: int
    is_explicit: bool


class _Builder:
    """Builds the questions on the chunks of a match."""

    def __init__(self, match: Match, actions: list[str], settings: ApiSettings) -> None:
        self.match, self.actions, self.settings = match, actions, settings
        self._heads: dict[bool, _Head] = {}  # of each kind of question

    def ask(self, samples: list[dict], encoded: EncodedFrames | None) -> Iterator[Question]:
        """Yield the questions on one chunk: on all its samples, or on each of them."""
        first, settings = samples[0], self.settings
        system, user = prompt_text.build_prefix(
            first["half"],
            first["start_s"],
            first["end_s"],
            first["lines"],
            self.actions,
            settings.prompt,
            encoded.times_s if encoded else None,
        )
        where = f"{self.match.name} {first['half']} {first['chunk']}"
        images = sum(map(len, encoded.images.values())) if encoded else 0
        start = self._parts(user["content"], encoded)
        # A question about one action is the same in both kinds.
        by_chunk = settings.questions == CHUNK and len(samples) > 1
        if by_chunk:
            prompts = [(where, chunk_questions.QUESTION, tuple(samples))]
        else:
            prompts = [
                (f"{where} {row['action']}", prompt_text.format_question(row["action"]), (row,))
                for row in samples
            ]
        head = self._head(by_chunk, system)
        image_tokens = images * (settings.video.tokens_per_frame or 0)
        shared = ("", head.cached_tokens)  # the start that other prompts have, too
        if not by_chunk and not head.is_explicit:
            tokens = head.cached_tokens + estimate_tokens(count_bytes(start)) + image_tokens
            shared = (where, tokens)
        for name, question, asked in prompts:
            content = [*start, {"type": "text", "text": question}]
            message = {"role": user["role"], "content": content if encoded else _text(content)}
            request = make_request(
                settings.base_url,
                name,
                {**head.body, "messages": [head.system, message]},
                images=images,
                image_tokens=image_tokens,
                start=shared,
            )
            yield Question(request, asked)

    def _head(self, by_chunk: bool, single: dict) -> "_Head":
        """Return what all requests of a kind start with, the same objects for all chunks."""
        if by_chunk not in self._heads:
            settings = self.settings
            text = _text(single["content"])
            body = {**settings.parameters, "model": settings.model}
            if by_chunk:
                text = chunk_questions.format_instructions(
                    self.actions, settings.prompt, settings.as_json
                )
            if by_chunk and settings.as_json:
                body["response_format"] = chunk_questions.response_format(self.actions)
            content: str | list[dict] = text
            tokens = estimate_tokens(count_bytes(text) + count_bytes(body.get("response_format")))
            known = settings.known
            is_explicit = known is not None and known.has_paid_cache_writes
            if is_explicit and "prompt_cache_options" not in flatten(settings.parameters):
                body["prompt_cache_options"] = _EXPLICIT
                if by_chunk and tokens >= MIN_CACHED_TOKENS:
                    part = {"type": "text", "text": text, "prompt_cache_breakpoint": _EXPLICIT}
                    content = [part]
                else:
                    tokens = 0
            system = {"role": single["role"], "content": content}
            self._heads[by_chunk] = _Head(body, system, tokens, is_explicit)
        return self._heads[by_chunk]

    def _parts(self, parts: list[dict], encoded: EncodedFrames | None) -> list[dict]:
        """Return the parts of a message with the frames for its parts of type `video`."""
        content = []
        for part in parts:
            if part["type"] != "video":
                content.append(part)
            else:
                assert encoded is not None  # prompts with video are built with frames
                content += frames.to_parts(part, encoded, self.settings.video.form)
        return content


def _text(parts: list[dict]) -> str:
    """Return text parts as one text: not every server takes a message in parts."""
    return "".join(part["text"] for part in parts)

"""Cost estimate of requests to a paid model, before any is sent."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from touchline.models.api import journal_tables as journal_db
from touchline.models.api.journal import Journal
from touchline.models.api.requests.questions import Questions
from touchline.models.api.requests.request import MIN_CACHED_TOKENS, Request
from touchline.models.api.server import CHUNK, ApiSettings
from touchline.models.backend import Match, Model

# Tokens of the shortest answers: "No Corner occurs.", and an empty list of events.
SHORTEST_ANSWER, SHORTEST_LIST = 6, 6


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of the requests for some samples.

    `not_asked` are samples of chunks without commentary. `tokens` are those of the prompts, of which
    a server that caches prompts has seen `cached_tokens` before, at most. `short_usd` assumes four
    characters per token, no cached tokens, and the shortest answers without reasoning; `cached_usd`
    assumes that all of `cached_tokens` are cached; `most_usd` is an upper bound of prompts and answers.
    All are None without prices or, for prompts with frames, without the tokens of a frame; the last
    also without a limit on the answers. `mean_usd` is the mean cost of this model's requests so far.
    """

    samples: int
    requests: int
    tokens: int
    not_asked: int = 0
    cached_tokens: int = 0
    frames: int = 0
    frames_mib: float = 0.0  # of the frames, as they are sent
    short_usd: float | None = None
    cached_usd: float | None = None
    most_usd: float | None = None
    mean_usd: float | None = None

    def __str__(self) -> str:
        text = f"{self.samples:,} samples"
        if self.not_asked:
            text += f" ({self.not_asked:,} of chunks without commentary are not asked)"
        text += f", {self.requests:,} requests still to be made: about {self.tokens:,} tokens of prompts"
        if self.cached_tokens:
            text += (
                f" (at most {self.cached_tokens / self.tokens:.0%} of them from the server's cache)"
            )
        elif self.requests:
            text += (
                f" (no prompts share a start of the {MIN_CACHED_TOKENS:,} tokens that are cached)"
            )
        if self.frames:
            text += f" with {self.frames:,} frames of {self.frames_mib:,.1f} MiB"
        if self.short_usd is not None:
            text += f", about {self.short_usd:.2f} USD with the shortest answers"
        if self.cached_usd is not None and self.cached_usd != self.short_usd:
            text += f" ({self.cached_usd:.2f} if cached)"
        if self.most_usd is not None:
            text += f", never above {self.most_usd:.2f} USD"
        if self.mean_usd is not None and self.requests:
            text += f", {self.mean_usd * self.requests:.2f} USD at the mean cost so far"
        return text


class PaidModel(Model, Protocol):
    """A model whose requests cost money."""

    def estimate(self, match: Match, seen: dict[str, set[str]]) -> dict[str, Estimate]:
        """Return the cost of a match's requests not in `seen`, and add their keys to it.

        There is an estimate, and a set of keys, for each kind of questions, that of the settings
        first.
        """
        ...

    def notes(self) -> list[str]:
        """Return what a user should know of the model before it is asked."""
        ...


def estimate_cost(
    questions: Questions, journal: Journal, settings: ApiSettings, seen: set[str]
) -> Estimate:
    """Return the cost of the requests that have no answer yet, and add the keys of all to `seen`.

    Requests whose keys were in `seen` before count as samples, but cost nothing. The names of the
    prompts' starts are added to `seen` too.
    """
    new = []
    for request in questions.requests:
        if request.key not in seen and not journal.apply(
            partial(journal_db.is_known, key=request.key)
        ):
            new.append(request)
        seen.add(request.key)
    tokens = sum(request.estimated_tokens() for request in new)
    cached = sum(_cached_tokens(request, seen) for request in new)
    total = sum(len(one.samples) for one in questions.asked) + len(questions.silent)
    counted = Estimate(
        samples=total,
        not_asked=len(questions.silent),
        requests=len(new),
        tokens=tokens,
        cached_tokens=cached,
        frames=sum(request.images for request in new),
        frames_mib=sum(request.upload_bytes() for request in new) / 2**20,
    )
    prices, so_far = settings.prices, journal.apply(journal_db.read_spending)
    has_unknown = settings.reads_video and settings.video.tokens_per_frame is None
    if prices is None or has_unknown:
        return counted
    factor = prices.batch if settings.batch else 1.0
    shortest = len(new) * (SHORTEST_LIST if settings.questions == CHUNK else SHORTEST_ANSWER)
    limit = settings.answer_limit()
    most = sum(request.max_tokens() for request in new)
    return replace(
        counted,
        short_usd=factor * prices.usd(tokens, shortest),
        cached_usd=factor * prices.usd(tokens, shortest, cached),
        most_usd=None if limit is None else factor * prices.max_usd(most, len(new) * limit),
        mean_usd=so_far.usd / so_far.requests if so_far.requests and so_far.usd else None,
    )


def _cached_tokens(request: Request, seen: set[str]) -> int:
    """Return the tokens of a prompt's start that an earlier request had; add the start to `seen`.

    Servers cache a start from a length on; a shorter one is never read from the cache.
    """
    name, tokens = request.start
    key = f"start {name}"
    if tokens < MIN_CACHED_TOKENS:
        return 0
    if key in seen:
        return tokens
    seen.add(key)
    return 0

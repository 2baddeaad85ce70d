"""Cost estimate of requests to a paid model, before any is sent."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from touchline.models.api import journal_tables as journal_db
from touchline.models.api.completions import cost_usd
from touchline.models.api.journal import Journal
from touchline.models.api.requests.questions import Questions
from touchline.models.api.requests.request import MIN_CACHED_TOKENS, Request
from touchline.models.api.server import CHUNK, OPENAI, ApiSettings
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
    also without a limit on the answers. `answered` requests have an answer whose cost is known,
    `answered_usd` together, at today's prices.
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
    answered: int = 0
    answered_usd: float = 0.0

    def __str__(self) -> str:
        text = f"{self.samples:,} samples"
        if self.not_asked:
            text += f" ({self.not_asked:,} of chunks without commentary are not asked)"
        text += f", {self.requests:,} requests still to be made"
        if not self.requests:
            return text
        text += f": about {self.tokens:,} tokens of prompts"
        if self.cached_tokens:
            text += (
                f" (at most {self.cached_tokens / self.tokens:.0%} of them from the server's cache)"
            )
        else:
            text += " (none of them from the server's cache)"
        if self.frames:
            text += f" with {self.frames:,} frames of {self.frames_mib:,.1f} MiB"
        if self.short_usd is not None:
            text += f", about {_show(self.short_usd)} USD with the shortest answers"
        if self.cached_usd is not None and self.cached_usd != self.short_usd:
            text += f" ({_show(self.cached_usd)} if cached)"
        if self.most_usd is not None:
            text += f", never above {_show(self.most_usd, rounding=math.ceil)} USD"
        if self.answered:
            mean_usd = self.answered_usd / self.answered
            text += (
                f", {_show(mean_usd * self.requests)} USD at the mean cost of the "
                f"{self.answered:,} that are answered"
            )
        return text


def _show(usd: float, rounding: Callable[[float], int] = round) -> str:
    """Return an amount as text, to the cent or, below ten cents, to two digits."""
    digits = 2 if usd == 0 or usd >= 0.1 else 1 - math.floor(math.log10(usd))
    return f"{rounding(round(usd * 10**digits, 6)) / 10**digits:,.{digits}f}"


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
    journal.apply(journal_db.read_spending)  # a damaged sum stops the job before it asks
    new, costs = [], []
    for request in questions.requests:
        if request.key not in seen:
            answer = journal.apply(partial(journal_db.find_answer, key=request.key))
            if answer:
                as_now = answer.record | {"batch": settings.batch}
                costs.append(cost_usd(as_now, settings.prices))
            elif not journal.apply(partial(journal_db.is_known, key=request.key)):
                new.append(request)
        seen.add(request.key)
    known = [usd for usd in costs if usd is not None]
    # OpenAI caches starts from a length on; other servers may cache any.
    is_openai = settings.base is None and settings.base_url == OPENAI
    least = MIN_CACHED_TOKENS if is_openai else 1
    tokens = [request.estimated_tokens() for request in new]
    cached = [_cached_tokens(request, seen, least) for request in new]
    total = sum(len(one.samples) for one in questions.asked) + len(questions.silent)
    counted = Estimate(
        samples=total,
        not_asked=len(questions.silent),
        requests=len(new),
        tokens=sum(tokens),
        cached_tokens=sum(cached),
        frames=sum(request.images for request in new),
        frames_mib=sum(request.upload_bytes() for request in new) / 2**20,
        answered=len(known),
        answered_usd=sum(known),
    )
    prices = settings.prices
    has_unknown = settings.reads_video and settings.video.tokens_per_frame is None
    if prices is None or has_unknown:
        return counted
    factor = prices.batch if settings.batch else 1.0
    shortest = SHORTEST_LIST if settings.questions == CHUNK else SHORTEST_ANSWER
    limit = settings.answer_limit()
    # Of each request by itself: long prompts have other prices.
    most = [] if limit is None else [prices.max_usd(one.max_tokens(), limit) for one in new]
    return replace(
        counted,
        short_usd=factor * sum(prices.usd(count, shortest) for count in tokens),
        cached_usd=factor
        * sum(
            prices.usd(count, shortest, start) for count, start in zip(tokens, cached, strict=True)
        ),
        most_usd=None if limit is None else factor * sum(most),
    )


def _cached_tokens(request: Request, seen: set[str], least: int) -> int:
    """Return the tokens of a prompt's start that an earlier request had; add the start to `seen`.

    Starts of fewer than `least` tokens are never read from the server's cache.
    """
    name, tokens = request.start
    key = f"start {name}"
    if tokens < least:
        return 0
    if key in seen:
        return tokens
    seen.add(key)
    return 0

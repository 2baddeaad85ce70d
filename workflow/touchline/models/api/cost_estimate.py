"""What asking a paid model would cost, before anything is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from touchline.models.api import journal as book
from touchline.models.api.completions import Request
from touchline.models.api.journal import Journal
from touchline.models.api.server import Settings
from touchline.models.backend import Match, Model

# Tokens of the shortest answers, "No Corner occurs."
LEAST_ANSWER = 6


@dataclass(frozen=True)
class Estimate:
    """What asking for some samples would cost.

    `short_usd` reckons with prompts of four letters a token, none of it cached, and the shortest
    answers, without any reasoning; `most_usd` with the longest prompts and answers that there can
    be. Either is None without prices; the latter also without a limit on the answers. `mean_usd` is
    what a request of this model has cost so far.
    """

    samples: int
    requests: int
    tokens: int
    short_usd: float | None = None
    most_usd: float | None = None
    mean_usd: float | None = None

    def __str__(self) -> str:
        text = (
            f"{self.samples} samples, {self.requests} still to be asked: "
            f"about {self.tokens:,} tokens of prompts"
        )
        if self.short_usd is not None:
            text += f", about {self.short_usd:.2f} USD with the shortest answers"
        if self.most_usd is not None:
            text += f", never above {self.most_usd:.2f} USD"
        if self.mean_usd is not None and self.requests:
            text += f", {self.mean_usd * self.requests:.2f} USD at the mean cost so far"
        return text


class PaidModel(Model, Protocol):
    """A model whose answers cost money."""

    def estimate(self, match: Match, seen: set[str]) -> Estimate:
        """Return what asking about a match would cost; `seen` gets its requests, and those in it are free."""
        ...


def estimate(
    requests: Iterable[Request], journal: Journal, settings: Settings, seen: set[str]
) -> Estimate:
    """Return what these requests would cost, and add their keys to `seen`, which are not counted."""
    samples = count = tokens = most_tokens = 0
    for request in requests:
        samples += 1
        if request.key not in seen and not journal.do(partial(book.is_pending, key=request.key)):
            count += 1
            tokens += request.least_tokens()
            most_tokens += request.most_tokens()
        seen.add(request.key)
    prices, so_far = settings.prices, journal.do(book.spent)
    if prices is None:
        return Estimate(samples, count, tokens)
    share = prices.batch if settings.batch else 1.0
    limit = settings.answer_limit()
    return Estimate(
        samples,
        count,
        tokens,
        share * prices.of(tokens, count * LEAST_ANSWER),
        None if limit is None else share * prices.of(most_tokens, count * limit),
        so_far.usd / so_far.requests if so_far.requests and so_far.usd else None,
    )

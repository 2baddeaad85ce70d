"""Cost estimate of requests to a paid model, before any is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from touchline.models.api import journal_tables as journal_db
from touchline.models.api.completions import Request
from touchline.models.api.journal import Journal
from touchline.models.api.server import ApiSettings
from touchline.models.backend import Match, Model

# Tokens of the shortest answers, "No Corner occurs."
SHORTEST_ANSWER = 6


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of the requests for some samples.

    `short_usd` assumes four characters per token, no cached tokens, and the shortest answers
    without reasoning; `most_usd` is an upper bound of prompts and answers. Both are None without
    prices, the latter also without a limit on the answers. `mean_usd` is the mean cost of this
    model's requests so far.
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
    """A model whose requests cost money."""

    def estimate(self, match: Match, seen: set[str]) -> Estimate:
        """Return the cost of a match's requests not in `seen`, and add their keys to it."""
        ...


def estimate_cost(
    requests: Iterable[Request], journal: Journal, settings: ApiSettings, seen: set[str]
) -> Estimate:
    """Return the cost of the requests that have no answer yet, and add the keys of all to `seen`.

    Requests whose keys were in `seen` before count as samples, but cost nothing.
    """
    samples = count = tokens = max_tokens = 0
    for request in requests:
        samples += 1
        if request.key not in seen and not journal.apply(
            partial(journal_db.is_known, key=request.key)
        ):
            count += 1
            tokens += request.estimated_tokens()
            max_tokens += request.max_tokens()
        seen.add(request.key)
    prices, so_far = settings.prices, journal.apply(journal_db.read_spending)
    if prices is None:
        return Estimate(samples, count, tokens)
    factor = prices.batch if settings.batch else 1.0
    limit = settings.answer_limit()
    return Estimate(
        samples,
        count,
        tokens,
        factor * prices.usd(tokens, count * SHORTEST_ANSWER),
        None if limit is None else factor * prices.usd(max_tokens, count * limit),
        so_far.usd / so_far.requests if so_far.requests and so_far.usd else None,
    )

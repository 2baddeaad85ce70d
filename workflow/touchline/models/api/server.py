"""A server with OpenAI's API: how it is configured, reached, and what its errors mean.

The key comes from the environment, goes to the client, and is struck out of every text that this
module hands on.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import openai

from touchline.core.problems import InputError
from touchline.models.api.completions import Prices, Request
from touchline.models.check_settings import read_entry
from touchline.prompts.prompt_text import PromptSettings

OPENAI = "https://api.openai.com/v1"
JOURNALS = Path("results/journal")
LONGEST_MESSAGE = 300
# The parameters that limit the length of an answer: of reasoning models, and of older servers.
LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class Budget:
    """What all matches together may cost; None is without limit."""

    max_usd: float | None = None
    max_requests: int | None = None


@dataclass(frozen=True)
class Settings:
    """A model's entry in the configuration."""

    model: str | None = None  # the server's name of it
    base: str | None = None  # a base that `transformers serve` serves for the job, instead
    base_url: str = OPENAI
    api_key_variable: str | None = "OPENAI_API_KEY"
    parameters: dict = field(default_factory=dict)  # of every request, as the server takes them
    prompt: PromptSettings = field(default_factory=lambda: PromptSettings(inputs=("commentary",)))
    prices: Prices | None = None
    budget: Budget = field(default_factory=Budget)
    batch: bool = False
    concurrency: int = 64  # requests under way at once
    timeout_s: float = 600.0  # of one request
    retries: int = 6  # after the first try

    def answer_limit(self) -> int | None:
        """Return how many tokens an answer can have, None where the parameters do not say it."""
        given = (self.parameters.get(name) for name in LIMITS)
        return next((limit for limit in given if limit is not None), None)

    def most_usd(self, request: Request) -> float:
        """Return what a request is reckoned with before its cost is known; 0 without a budget."""
        if self.budget.max_usd is None:
            return 0.0
        usd = self.prices.of(request.most_tokens(), self.answer_limit())
        return usd * (self.prices.batch if self.batch else 1)


def read_settings(entry: dict) -> Settings:
    """Return a model's entry as settings; raise `InputError` for a bad one."""
    prompt = {"inputs": ["commentary"], **entry.get("prompt", {})}
    parts = {"prompt": PromptSettings, "prices": Prices, "budget": Budget}
    settings = read_entry(Settings, {**entry, "prompt": prompt}, parts)
    settings = replace(settings, base_url=settings.base_url.rstrip("/"))
    if prompt["inputs"] != ["commentary"]:
        raise InputError("the settings of the model: this backend reads the commentary alone.")
    if (settings.model is None) == (settings.base is None):
        raise InputError("the settings of the model: give either a model or a base, and not both.")
    if settings.batch and settings.base:
        raise InputError("the settings of the model: a base that is served has no batches.")
    if settings.budget.max_usd is not None:
        if settings.prices is None:
            raise InputError("budget.max_usd needs prices, to know what a request costs.")
        if settings.answer_limit() is None:
            raise InputError(
                f"budget.max_usd needs {LIMITS[0]} among the parameters, to know what a request "
                "can cost at most."
            )
    return settings


def journal_path(settings: Settings) -> Path:
    """Return the journal of a model on a server, whatever is asked of it."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", settings.model)[:60]
    digest = hashlib.sha256(f"{settings.base_url}\n{settings.model}".encode()).hexdigest()
    return JOURNALS / f"{name}-{digest[:8]}.sqlite"


class Server:
    """The connection to a server, and its errors in sentences."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._key = _read_key(settings.api_key_variable)

    def connect(self, retries: int = 0) -> openai.AsyncOpenAI:
        """Return a client."""
        settings = self.settings
        return openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=settings.base_url,
            timeout=settings.timeout_s,
            max_retries=retries,
            # A server of this job is not behind a proxy.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if settings.base else None,
        )

    def name(self, error: Exception) -> str:
        """Return an error in a few words, on one line, without the key."""
        if isinstance(error, openai.APIStatusError):
            text = f"{error.status_code} {error.response.reason_phrase}: {_message(error)}"
        elif isinstance(error, TimeoutError | openai.APITimeoutError):
            text = f"no answer within {self.settings.timeout_s:g} s"
        elif isinstance(error, openai.APIConnectionError):
            text = f"the connection failed ({error.__cause__ or error})"
        else:
            text = str(error)
        return self.strike(text)

    def strike(self, text: str) -> str:
        """Return a text from the server on one line, cut, and without the key."""
        if self._key:
            text = text.replace(self._key, "***")
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + " …"

    def refusal(self, error: openai.APIStatusError) -> str:
        """Return the sentence for an error that no other try would change."""
        where, variable = self.settings.base_url, self.settings.api_key_variable
        said = self.name(error)
        if error.status_code == 401:
            source = (
                f"the key in the environment variable {variable}"
                if variable
                else "a request without a key: name its variable in api_key_variable"
            )
            return f"{where} does not accept {source} ({said})."
        return (
            f"{where} does not answer for the model {self.settings.model} ({said}). "
            "Correct the model's entry in the configuration or the account, and run again."
        )


def _read_key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(
            f"the environment variable {variable} is not set: put the server's key there, or "
            "set api_key_variable to null for a server that needs none."
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(
            f"the environment variable {variable} holds what cannot be a key: letters that are "
            "not ASCII, or several lines."
        )
    return key


def _message(error: openai.APIStatusError) -> str:
    """Return the server's own words."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return body["message"]
    return str(body or "no explanation")[: 2 * LONGEST_MESSAGE]

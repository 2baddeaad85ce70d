"""A server with OpenAI's API: its settings, the client, and its errors as messages for the user.

The API key is read from the environment, passed to the client, and redacted from every text that
this module returns.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import openai

from touchline.core.problems import InputError
from touchline.models.api.completions import Prices, Request
from touchline.models.check_settings import build_settings
from touchline.prompts.prompt_text import PromptSettings

OPENAI = "https://api.openai.com/v1"
JOURNALS = Path("results/journal")
MAX_MESSAGE = 300  # characters
# Parameters that limit the length of an answer, for reasoning models and for older servers.
LIMIT_PARAMETERS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class Budget:
    """Limits on the cost and the requests of all matches together; None is no limit."""

    max_usd: float | None = None
    max_requests: int | None = None


@dataclass(frozen=True)
class ApiSettings:
    """The settings of a model behind an API: its entry in the configuration."""

    model: str | None = None  # its name on the server
    base: str | None = None  # instead: a base model that `transformers serve` serves for the job
    base_url: str = OPENAI
    api_key_variable: str | None = "OPENAI_API_KEY"
    parameters: dict = field(default_factory=dict)  # request parameters in the server's format
    prompt: PromptSettings = field(default_factory=lambda: PromptSettings(inputs=("commentary",)))
    prices: Prices | None = None
    budget: Budget = field(default_factory=Budget)
    batch: bool = False
    concurrency: int = 64  # requests in flight
    timeout_s: float = 600.0  # of a request
    retries: int = 6  # after the first try

    def answer_limit(self) -> int | None:
        """Return the maximum number of tokens of an answer; None where the parameters set none."""
        given = (self.parameters.get(name) for name in LIMIT_PARAMETERS)
        return next((limit for limit in given if limit is not None), None)

    def max_usd(self, request: Request) -> float:
        """Return the upper bound of a request's cost, to reserve of the budget; 0 without one.

        `parse_settings` makes sure that a budget comes with prices and a limit on the answers.
        """
        limit = self.answer_limit()
        if self.budget.max_usd is None or self.prices is None or limit is None:
            return 0.0
        usd = self.prices.usd(request.max_tokens(), limit)
        return usd * (self.prices.batch if self.batch else 1)


def parse_settings(entry: dict) -> ApiSettings:
    """Return a model's entry in the configuration as settings; raise `InputError` if invalid."""
    prompt = {"inputs": ["commentary"], **entry.get("prompt", {})}
    settings = build_settings(
        ApiSettings,
        {**entry, "prompt": prompt},
        {"prompt": PromptSettings, "prices": Prices, "budget": Budget},
    )
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
                f"budget.max_usd needs {LIMIT_PARAMETERS[0]} among the parameters, to know what a request "
                "can cost at most."
            )
    return settings


def journal_path(settings: ApiSettings) -> Path:
    """Return the path of the journal of a model on a server, for all prompts and parameters."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", settings.model or "")[:60]
    digest = hashlib.sha256(f"{settings.base_url}\n{settings.model}".encode()).hexdigest()
    return JOURNALS / f"{name}-{digest[:8]}.sqlite"


class Server:
    """A server of one model: creates clients, and describes errors without the API key."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self._key = _read_key(settings.api_key_variable)

    def connect(self, retries: int = 0) -> openai.AsyncOpenAI:
        """Return a client, a context manager that closes its connections."""
        settings = self.settings
        return openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=settings.base_url,
            timeout=settings.timeout_s,
            max_retries=retries,
            # A server on this machine is not behind a proxy.
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if settings.base else None,
        )

    def describe_error(self, error: Exception) -> str:
        """Return an error as one short line without the API key."""
        if isinstance(error, openai.APIStatusError):
            text = f"{error.status_code} {error.response.reason_phrase}: {_message(error)}"
        elif isinstance(error, TimeoutError | openai.APITimeoutError):
            text = f"no answer within {self.settings.timeout_s:g} s"
        elif isinstance(error, openai.APIConnectionError):
            text = f"the connection failed ({error.__cause__ or error})"
        else:
            text = str(error)
        return self.redact(text)

    def redact(self, text: str) -> str:
        """Return a text of the server as one line, truncated, without the API key."""
        if self._key:
            text = text.replace(self._key, "***")
        printable = (character if character.isprintable() else " " for character in text)
        text = " ".join("".join(printable).split())
        return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + " …"

    def final_error(self, error: openai.APIStatusError) -> str:
        """Return the message for an error that a retry would not change, with what to do."""
        url, variable = self.settings.base_url, self.settings.api_key_variable
        description = self.describe_error(error)
        if error.status_code == 401:
            source = (
                f"the key in the environment variable {variable}"
                if variable
                else "a request without a key: name its variable in api_key_variable"
            )
            return f"{url} does not accept {source} ({description})."
        return (
            f"{url} does not answer for the model {self.settings.model} ({description}). "
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
            f"the environment variable {variable} holds what cannot be a key: characters that are "
            "not ASCII, or several lines."
        )
    return key


def _message(error: openai.APIStatusError) -> str:
    """Return the server's error message."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return body["message"]
    return str(body or "no explanation")[: 2 * MAX_MESSAGE]

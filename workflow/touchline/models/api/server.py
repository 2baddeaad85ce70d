"""A server with OpenAI's API: its settings, the client, and its errors as messages for the user.

The API key is passed to the client, and struck out of every text that this module returns.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import openai

from touchline.core.problems import InputError
from touchline.models.api.api_key import MIN_PART, STRUCK, read_key, strike_key
from touchline.models.api.completions import MAX_TOKENS, Prices, Request, check_amount, flatten
from touchline.models.api.http_client import (
    MAX_RESPONSE,
    REFUSED_REDIRECT,
    ResponseError,
    is_local,
    open_http_client,
)
from touchline.models.check_settings import build_settings
from touchline.prompts.prompt_text import PromptSettings

OPENAI = "https://api.openai.com/v1"
JOURNALS = Path("results/journal")
MAX_MESSAGE = 300  # characters
# Parameters that limit the length of an answer, for reasoning models and for older servers.
LIMIT_PARAMETERS = ("max_completion_tokens", "max_tokens")
# Parameters that Touchline sets, that give more than one answer or another model's, and options of
# OpenAI's client that are no parameters.
REFUSED_PARAMETERS = (
    *("model", "models", "messages", "stream", "stream_options", "n", "best_of"),
    *("tools", "functions", "extra_headers", "extra_query", "timeout"),
)


@dataclass(frozen=True)
class Budget:
    """Limits on the cost and the requests of all matches together; None is no limit."""

    max_usd: float | None = None
    max_requests: int | None = None

    def __post_init__(self) -> None:
        if self.max_usd is not None:
            check_amount("budget.max_usd", self.max_usd)
        if self.max_requests is not None and not _is_count(self.max_requests, 0):
            raise ValueError(
                f"budget.max_requests is {self.max_requests!r:.50}: give a whole number."
            )


@dataclass(frozen=True)
class ApiSettings:
    """The settings of a model behind an API: its entry in the configuration."""

    model: str | None = None  # its name on the server
    base: str | None = None  # instead: a base model that `transformers serve` serves for the job
    base_url: str = OPENAI
    api_key_variable: str | None = "OPENAI_API_KEY"
    allow_http: bool = False  # also to other machines, where anyone on the way can read the key
    parameters: dict = field(default_factory=dict)  # request parameters in the server's format
    prompt: PromptSettings = field(default_factory=lambda: PromptSettings(inputs=("commentary",)))
    prices: Prices | None = None
    budget: Budget = field(default_factory=Budget)
    batch: bool = False
    concurrency: int = 64  # requests in flight
    timeout_s: float = 600.0  # of a request
    retries: int = 6  # after the first try

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s < math.inf:
            raise ValueError(f"timeout_s is {self.timeout_s}: give a number above 0.")
        if not _is_count(self.concurrency, 1) or not _is_count(self.retries, 0):
            raise ValueError("concurrency and retries are whole numbers, the former at least 1.")
        extra = self.parameters.get("extra_body") or {}
        if not isinstance(extra, dict):
            raise ValueError(
                "parameters.extra_body is not a mapping of names to values: correct it."
            )
        sent = flatten(self.parameters)
        twice = self.parameters.keys() & extra.keys()
        if twice:
            raise ValueError(
                f"the parameter {min(twice)} is also in extra_body: remove one of them."
            )
        if refused := [name for name in REFUSED_PARAMETERS if name in sent]:
            raise ValueError(
                f"{refused[0]} cannot be among the parameters: Touchline sets it itself, or needs "
                "one answer of one model to each prompt. Remove it."
            )
        for name in LIMIT_PARAMETERS:
            if sent.get(name) is not None and not _is_count(sent[name], 1):
                raise ValueError(
                    f"the parameter {name} is {sent[name]!r:.50}: give a whole number."
                )
        try:
            json.dumps(sent, allow_nan=False)
        except ValueError as error:
            raise ValueError(
                f"the parameters hold a number that is infinite or none ({error})."
            ) from None

    def answer_limit(self) -> int | None:
        """Return the maximum number of tokens of an answer; None where the parameters set none."""
        sent = flatten(self.parameters)
        return max((sent[name] for name in LIMIT_PARAMETERS if sent.get(name)), default=None)

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
    _check_address(settings)
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


def _check_address(settings: ApiSettings) -> None:
    """Raise `InputError` for an address that cannot be used, or would show the key to others."""
    url = settings.base_url
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise InputError(
            f"base_url is not the address of a server ({error}): correct it."
        ) from None
    port_exists = address.port is None or 0 < address.port < 2**16
    if address.scheme not in ("http", "https") or not address.host or not port_exists:
        raise InputError(f"base_url {url} is not an http or https address: correct it.")
    if address.userinfo:
        raise InputError(
            "base_url contains a user name or a password: put the server's key into an environment "
            "variable, and name that in api_key_variable."
        )
    if address.scheme == "http" and not settings.allow_http and not is_local(address.host):
        raise InputError(
            f"base_url {url} is not encrypted and leads to another machine, so that the key and the "
            "prompts can be read on the way: use https, or set allow_http to true for a network "
            "that you trust."
        )


def _is_count(value: object, minimum: int) -> bool:
    return type(value) is int and minimum <= value <= MAX_TOKENS


def journal_path(settings: ApiSettings) -> Path:
    """Return the path of the journal of a model on a server, for all prompts and parameters."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", settings.model or "")[:60]
    digest = hashlib.sha256(f"{settings.base_url}\n{settings.model}".encode()).hexdigest()
    return JOURNALS / f"{name}-{digest[:8]}.sqlite"


class Server:
    """A server of one model: creates clients, and describes errors without the API key."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self._key = read_key(settings.api_key_variable)

    def connect(self, retries: int = 0, max_response: int = MAX_RESPONSE) -> openai.AsyncOpenAI:
        """Return a client, a context manager that closes its connections.

        Responses have at most `max_response` bytes.
        """
        return openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self.settings.base_url,
            timeout=self.settings.timeout_s,
            max_retries=retries,
            http_client=open_http_client(self.settings.base_url, max_response),
        )

    def strike(self, text: str) -> str:
        """Return a text of the server without the API key and its parts."""
        return strike_key(text, self._key)

    def strike_record(self, record: dict) -> dict:
        """Return the record of an answer without the API key, as it may be stored."""
        text, reason = self.strike(record["text"]), record["finish_reason"]
        struck = {**record, "text": text, "finish_reason": reason and self.strike(reason)}
        if text != record["text"]:  # the tokens spell the other text
            struck.pop("tokens", None)
            struck.pop("alternatives", None)
        if alternatives := struck.get("alternatives"):
            struck["alternatives"] = [
                [[self.strike(other), logprob] for other, logprob in others]
                for others in alternatives
            ]
        return struck

    def describe_error(self, error: Exception) -> str:
        """Return an error as one short line without the API key."""
        if isinstance(error, openai.APIStatusError):
            text = f"{error.status_code} {error.response.reason_phrase}: {_message(error)}"
        elif isinstance(error, TimeoutError | openai.APITimeoutError):
            text = f"no answer within {self.settings.timeout_s:g} s"
        elif isinstance(error.__cause__, ResponseError):
            text = str(error.__cause__)
        elif isinstance(error, openai.APIConnectionError):
            text = f"the connection failed ({error.__cause__ or error})"
        else:
            text = str(error)
        return self.redact(text)

    def redact(self, text: str) -> str:
        """Return a text of the server as one line, truncated, without the API key."""
        text = self.strike(text)
        if self._key and len(self._key) < MIN_PART:
            text = text.replace(self._key, STRUCK)
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
        if (target := error.response.extensions.get(REFUSED_REDIRECT)) is not None:
            return (
                f"{url} redirects to another server, {self.redact(target)}, which gets neither the "
                "key nor the prompts: write the address that is meant into base_url."
            )
        return (
            f"{url} does not answer for the model {self.settings.model} ({description}). "
            "Correct the model's entry in the configuration or the account, and run again."
        )


def _message(error: openai.APIStatusError) -> str:
    """Return the server's error message."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return body["message"]
    return str(body or "no explanation")

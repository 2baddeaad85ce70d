"""A server with OpenAI's API: its settings, the client, and its errors as messages for the user.

The API key is passed to the client, and struck out of every text that this module returns.
"""

import hashlib
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import openai

from touchline.core.problems import InputError
from touchline.models.api import known_models
from touchline.models.api.api_key import MIN_PART, STRUCK, read_key, strike_key
from touchline.models.api.completions import Budget, Prices, is_count
from touchline.models.api.http_client import (
    MAX_RESPONSE,
    REFUSED_REDIRECT,
    ResponseError,
    check_address,
    open_http_client,
)
from touchline.models.api.requests.frames import VideoOptions
from touchline.models.api.requests.request import (
    LIMIT_PARAMETERS,
    Request,
    check_parameters,
    flatten,
)
from touchline.models.check_settings import build_settings, check_types
from touchline.prompts.prompt_text import PromptSettings

OPENAI = "https://api.openai.com/v1"
JOURNALS = Path("results/journal")
MAX_MESSAGE = 300  # characters
# One request for all actions of a chunk, or one for each action, as in the reference paper.
CHUNK, ACTION = "chunk", "action"
# Forms of an answer about a chunk; `auto` is resolved by the table of known models.
AUTO, JSON, SENTENCES = "auto", "json_schema", "sentences"

_TYPES = {
    str | None: ("a text, or null", ("model", "base", "api_key_variable")),
    str: ("the address of a server", ("base_url",)),
    bool: ("true or false", ("allow_http", "ask_silent", "batch")),
    dict: ("a mapping of names to values", ("parameters",)),
    int | float: ("a number of seconds", ("timeout_s",)),
    int | float | None: ("a number, or null", ("fps",)),
}


@dataclass(frozen=True)
class ApiSettings:
    """The settings of a model behind an API: its entry in the configuration."""

    model: str | None = None  # its name on the server
    base: str | None = None  # instead: a base model that `transformers serve` serves for the job
    base_url: str = OPENAI
    api_key_variable: str | None = "OPENAI_API_KEY"
    allow_http: bool = False  # also to other machines, where anyone on the way can read the key
    questions: str = CHUNK
    answer_format: str = AUTO
    ask_silent: bool = False  # also about chunks without commentary, where there is no video
    video: VideoOptions = field(default_factory=VideoOptions)
    fps: float | None = None  # frames per second; None takes all frames of the chunk's file
    parameters: dict = field(default_factory=dict)  # request parameters in the server's format
    prompt: PromptSettings = field(default_factory=lambda: PromptSettings(inputs=("commentary",)))
    prices: Prices | None = None
    budget: Budget = field(default_factory=Budget)
    batch: bool = False
    concurrency: int = 64  # requests in flight
    timeout_s: float = 600.0  # of a request
    retries: int = 6  # after the first try

    def __post_init__(self) -> None:
        check_types(self, _TYPES)
        for name, values in (
            ("questions", (CHUNK, ACTION)),
            ("answer_format", (AUTO, JSON, SENTENCES)),
        ):
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r:.50}: give {', '.join(values)}."
                )
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"fps is {self.fps}: give a number above 0.")
        if not 0 < self.timeout_s < math.inf:
            raise ValueError(f"timeout_s is {self.timeout_s}: give a number above 0.")
        if not is_count(self.concurrency, 1) or not is_count(self.retries, 0):
            raise ValueError("concurrency and retries are whole numbers, the former at least 1.")
        check_parameters(self.parameters)

    @property
    def known(self) -> known_models.KnownModel | None:
        """Return the model in the table of OpenAI's models, where it is one of them."""
        return known_models.find(self.base_url, self.model)

    @property
    def as_json(self) -> bool:
        """Return whether answers about a chunk are JSON that the server holds to a schema."""
        if self.answer_format == AUTO:
            return self.known is not None and bool(self.known.structured_outputs)
        return self.answer_format == JSON

    @property
    def asks_for_json(self) -> bool:
        """Return whether requests have a JSON schema: those about whole chunks may."""
        return self.questions == CHUNK and self.as_json

    @property
    def reads_video(self) -> bool:
        """Return whether the prompts have the frames of the chunk."""
        return "video" in self.prompt.inputs

    @property
    def video_sources(self) -> tuple[str, ...]:
        """Return the video sources of a chunk that the prompts have."""
        return ("broadcast", "score_bug") if self.prompt.score_bug else ("broadcast",)

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
        usd = self.prices.max_usd(request.max_tokens(), limit)
        return usd * (self.prices.batch if self.batch else 1)


def parse_settings(entry: dict) -> ApiSettings:
    """Return a model's entry in the configuration as settings; raise `InputError` if invalid."""
    prompt = entry.get("prompt", {})
    if isinstance(prompt, dict):
        prompt = {"inputs": ["commentary"]} | prompt
    settings = build_settings(
        ApiSettings,
        {**entry, "prompt": prompt},
        {"prompt": PromptSettings, "prices": Prices, "budget": Budget, "video": VideoOptions},
    )
    settings = replace(settings, base_url=settings.base_url.rstrip("/"))
    check_address(settings.base_url, settings.allow_http)
    if (settings.model is None) == (settings.base is None):
        raise InputError("the settings of the model: give either a model or a base, and not both.")
    if settings.batch and settings.base:
        raise InputError("the settings of the model: a base that is served has no batches.")
    sent, known = flatten(settings.parameters), settings.known
    if settings.asks_for_json and "response_format" in sent:
        raise InputError(
            "the parameter response_format is set by answer_format: remove one of the two."
        )
    if known is not None:
        known_models.check(
            known, sent, settings.batch, settings.asks_for_json, settings.reads_video
        )
        if "prices" not in entry:
            settings = replace(settings, prices=Prices(**known.prices))
    if settings.budget.max_usd is not None:
        _check_budget(settings)
    return settings


def _check_budget(settings: ApiSettings) -> None:
    """Raise `InputError` where it is not known what a request can cost at most."""
    if settings.prices is None:
        missing = ""
        if settings.base_url == OPENAI:
            known = ", ".join(known_models.names())
            missing = f" {settings.model} is not among the models with known prices ({known})."
        raise InputError(f"budget.max_usd needs prices, to know what a request costs.{missing}")
    if settings.answer_limit() is None:
        raise InputError(
            f"budget.max_usd needs {LIMIT_PARAMETERS[0]} among the parameters, to know what a request "
            "can cost at most."
        )
    if settings.reads_video and settings.video.tokens_per_frame is None:
        raise InputError(
            "budget.max_usd needs video.tokens_per_frame, to know what the frames of a request cost: "
            "send one chunk without a budget in USD (budget.max_requests), or see what the server "
            "says of images."
        )


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
        remedy = "Correct the model's entry in the configuration or the account, and run again."
        if error.status_code == 404:
            remedy = (
                f"See whether {url} is the address of the API, which mostly ends in /v1, and whether "
                "the server has a model of this name."
            )
        if error.status_code in (400, 422) and self.settings.asks_for_json:
            remedy += " For a server without structured outputs set answer_format to sentences."
        return (
            f"{url} does not answer for the model {self.settings.model} ({description}). {remedy}"
        )


def _message(error: openai.APIStatusError) -> str:
    """Return the server's error message."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return body["message"]
    return str(body or "no explanation")

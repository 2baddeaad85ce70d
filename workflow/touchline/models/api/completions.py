"""OpenAI's chat-completions format: records of completions, prices and error codes.

Nothing here sends a request.
"""

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai

from touchline.prompts.token_alignment import align_alternatives, align_tokens

# A server's count of tokens above this is none, and so is a price or a budget: no answer has them.
MAX_TOKENS = 10**9
MAX_USD = 1e12


@dataclass(frozen=True)
class Prices:
    """US dollars per million input, output and cached input tokens.

    Tokens that are read from the server's cache cost as much as other input where `cached` is None,
    and so do those that are written into it where `cache_write` is None. `batch` is the factor by
    which the Batch API multiplies these prices. Prompts of more than `long_prompt` tokens cost twice
    as much and their answers 1.5 times, as at OpenAI; None where length does not matter.
    """

    input: float
    output: float
    cached: float | None = None
    batch: float = 0.5
    cache_write: float | None = None
    long_prompt: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None or name not in ("cached", "cache_write", "long_prompt"):
                check_amount(f"prices.{name}", value)

    def usd(
        self,
        prompt_tokens: int,
        answer_tokens: int,
        cached_tokens: int = 0,
        written_tokens: int = 0,
    ) -> float:
        """Return the price of a request in US dollars."""
        cached = self.input if self.cached is None else self.cached
        write = self.input if self.cache_write is None else self.cache_write
        other_tokens = prompt_tokens - cached_tokens - written_tokens
        prompt = other_tokens * self.input + cached_tokens * cached + written_tokens * write
        answer = answer_tokens * self.output
        if self.long_prompt is not None and prompt_tokens > self.long_prompt:
            prompt, answer = 2 * prompt, 1.5 * answer
        return (prompt + answer) / 1e6

    def max_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return the highest price of a request in US dollars, whatever the server caches of it."""
        return max(
            self.usd(prompt_tokens, answer_tokens),
            self.usd(prompt_tokens, answer_tokens, 0, prompt_tokens),
        )


@dataclass(frozen=True)
class Budget:
    """Limits on the cost and the requests of all matches together; None is no limit."""

    max_usd: float | None = None
    max_requests: int | None = None

    def __post_init__(self) -> None:
        if self.max_usd is not None:
            check_amount("budget.max_usd", self.max_usd)
        if self.max_requests is not None and not is_count(self.max_requests, 0):
            raise ValueError(
                f"budget.max_requests is {self.max_requests!r:.50}: give a whole number."
            )


def check_amount(name: str, value: Any) -> None:
    """Raise `ValueError` where a price or a budget in US dollars is none, as NaN is."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= MAX_USD):
        raise ValueError(f"{name} is {value!r:.50}: give a number from 0 to {MAX_USD:g}.")


def is_count(value: object, minimum: int) -> bool:
    """Return whether a value is a whole number that a count of tokens can be."""
    return type(value) is int and minimum <= value <= MAX_TOKENS


def cost_usd(record: dict, prices: Prices | None) -> float | None:
    """Return the cost of an answer; None without prices or the server's count of tokens."""
    if prices is None or record["prompt_tokens"] is None or record["answer_tokens"] is None:
        return None
    cached, written = (record.get(name) or 0 for name in ("cached_tokens", "written_tokens"))
    if cached + written > record["prompt_tokens"]:  # nonsense, so the highest price counts
        usd = prices.max_usd(record["prompt_tokens"], record["answer_tokens"])
    else:
        usd = prices.usd(record["prompt_tokens"], record["answer_tokens"], cached, written)
    return usd * (prices.batch if record.get("batch") else 1)


# Types of the parts of a message that are its answer.
TEXT_PARTS = ("text", "output_text")
TOKEN_COUNTS = ("prompt_tokens", "cached_tokens", "written_tokens", "answer_tokens")


class CompletionError(Exception):
    """The server's response is not a chat completion."""


def read_body(content: bytes) -> Any:
    """Return the JSON of a response; raise `CompletionError` for another text, such as a web page."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        start = content[:100].decode(errors="replace")
        raise CompletionError(
            f"the response is not JSON, it starts with {start!r}: see whether base_url is the address "
            "of an API, which mostly ends in /v1"
        ) from error


def parse_completion(body: Any, seconds: float | None = None) -> dict:
    """Return the record of a completion; raise `CompletionError` for other JSON.

    An answer is paid for, so it is a completion where it has a text, whatever else is odd. `tokens`
    has the [length in characters, log-probability] of each token, where the server returns them
    and they spell the text, and `alternatives` the [text, log-probability] of each one's
    alternatives, where it returns those too.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text, refusal = _read_content(message.get("content"))
        refusal = message.get("refusal") or refusal
        text = _text(text or refusal or "")
        reason = choice.get("finish_reason")
        usage = body.get("usage")
    except (LookupError, TypeError, AttributeError) as error:
        raise CompletionError(f"no chat completion: {body}") from error
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    record = {
        "text": text,
        "finish_reason": "refusal"
        if refusal
        else _text(reason)
        if isinstance(reason, str)
        else None,
        "prompt_tokens": _count(usage.get("prompt_tokens")),
        "cached_tokens": _count(details.get("cached_tokens")),
        "written_tokens": _count(details.get("cache_write_tokens")),
        "answer_tokens": _count(usage.get("completion_tokens")),
        "seconds": seconds,
    }
    tokens = align_tokens(choice.get("logprobs"), text)
    if tokens is None:
        return record
    alternatives = align_alternatives(choice.get("logprobs"), text)
    return record | {"tokens": tokens} | ({"alternatives": alternatives} if alternatives else {})


def _read_content(content: Any) -> tuple[Any, ...]:
    """Return the (text, refusal) of a message's content: a text, or a list of parts.

    Parts that are not the answer, such as a model's thoughts, are left out.
    """
    if not isinstance(content, list):
        return content, None
    parts = [part for part in content if isinstance(part, dict)]
    texts = [part.get("text") for part in parts if part.get("type") in TEXT_PARTS]
    refusals = [part.get("refusal") for part in parts if part.get("type") == "refusal"]
    return tuple(
        "".join(text for text in group if isinstance(text, str)) for group in (texts, refusals)
    )


def check_record(record: Any) -> dict:
    """Return the record of an answer that was stored; raise `ValueError` where it is none.

    Counts of tokens that no answer can have are left out, and so are tokens that do not spell the
    text: earlier versions stored both.
    """
    try:
        text, reason, seconds = record["text"], record["finish_reason"], record["seconds"]
        tokens = record.get("tokens") or []
        counts = {name: _count(record.get(name)) for name in TOKEN_COUNTS}
        lengths = [length for length, _ in tokens]
        logprobs = [logprob for _, logprob in tokens]
        is_valid = (
            isinstance(text, str)
            and (reason is None or isinstance(reason, str))
            and (seconds is None or (isinstance(seconds, int | float) and 0 <= seconds < 1e9))
            and all(isinstance(length, int) and length >= 0 for length in lengths)
            and all(isinstance(logprob, float) and logprob <= 0 for logprob in logprobs)
        )
        text.encode()
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("no record of an answer") from error
    if not is_valid:
        raise ValueError("no record of an answer")
    spells = sum(lengths) == len(text)
    alternatives = _check_alternatives(record.get("alternatives"), len(tokens)) if spells else []
    return record | counts | {"tokens": tokens if spells else [], "alternatives": alternatives}


def _check_alternatives(alternatives: Any, tokens: int) -> list[list[list]]:
    """Return the stored alternatives of an answer's tokens; none where any of them is odd."""
    try:
        is_valid = len(alternatives) == tokens and all(
            isinstance(text, str) and isinstance(logprob, float) and logprob <= 0
            for others in alternatives
            for text, logprob in others
        )
    except (TypeError, ValueError):
        is_valid = False
    return alternatives if is_valid else []


def _text(text: object) -> str:
    """Return a text that UTF-8 can encode: JSON may contain half of a surrogate pair."""
    if not isinstance(text, str):
        raise TypeError("a text was expected")
    return text.encode("utf-8", "replace").decode()


def _count(number: Any) -> int | None:
    """Return a count of tokens; None for what can be none, such as 1e400, NaN or -1."""
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return int(number) if is_number and 0 <= number <= MAX_TOKENS else None


def refusal_record(text: str) -> dict:
    """Return the record of a prompt that the server's content filter rejected."""
    counts = dict.fromkeys(TOKEN_COUNTS)
    return {"text": _text(text), "finish_reason": "content_filter", **counts, "seconds": None}


# Error codes of a prompt that the server's content filter rejects: a refusal, not a user error.
REFUSAL_CODES = ("content_filter", "content_policy_violation", "invalid_prompt")
# Error codes of an exhausted account, which waiting does not change.
_FINAL_CODES = ("insufficient_quota", "billing_hard_limit_reached")
_TRANSIENT_STATUSES = (408, 409, 429)


def is_refusal(error: openai.APIStatusError) -> bool:
    """Return whether an error means that the content filter rejected this prompt."""
    return error.status_code == 400 and error.code in REFUSAL_CODES


def is_transient(error: openai.APIStatusError) -> bool:
    """Return whether a retry may succeed."""
    should_retry = error.response.headers.get("x-should-retry")
    if error.code in _FINAL_CODES or should_retry == "false":
        return False
    return (
        error.status_code in _TRANSIENT_STATUSES
        or error.status_code >= 500
        or should_retry == "true"
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait in s that the server asks for (Retry-After: seconds or a date), or None."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            wait_s = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if wait_s >= 0:  # not for a NaN
            return wait_s
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, date.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, OSError):
        return None

"""OpenAI's chat-completions format: requests, records of completions, prices and error codes.

Nothing here sends a request.
"""

import email.utils
import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai

# A token has at least one byte of text, except the special tokens around a message.
TOKENS_PER_MESSAGE = 16
BYTES_PER_TOKEN = 4.0  # of English text, for estimates


@dataclass(frozen=True)
class Request:
    """A chat-completions request: its body, the body's hash as `key`, and its sample's name."""

    key: str
    sample: str
    body: dict

    def estimated_tokens(self) -> int:
        """Return the approximate number of tokens of the prompt."""
        return math.ceil(self._bytes() / BYTES_PER_TOKEN)

    def max_tokens(self) -> int:
        """Return an upper bound of the number of tokens of the prompt."""
        return self._bytes() + TOKENS_PER_MESSAGE * len(self.body["messages"])

    def _bytes(self) -> int:
        return sum(len(message["content"].encode()) for message in self.body["messages"])


def make_request(address: str, sample: str, body: dict) -> Request:
    """Return a request to the server at `address`; its key hashes all that can change the answer."""
    content = json.dumps([address, body], sort_keys=True)
    return Request(hashlib.sha256(content.encode()).hexdigest(), sample, body)


@dataclass(frozen=True)
class Prices:
    """US dollars per million input, output and cached input tokens.

    Cached tokens cost as much as other input where `cached` is None. `batch` is the factor by which
    the Batch API multiplies these prices.
    """

    input: float
    output: float
    cached: float | None = None
    batch: float = 0.5

    def usd(self, prompt_tokens: int, answer_tokens: int, cached_tokens: int = 0) -> float:
        """Return the price of a request in US dollars."""
        cached = self.input if self.cached is None else self.cached
        uncached_tokens = prompt_tokens - cached_tokens
        total = uncached_tokens * self.input + cached_tokens * cached + answer_tokens * self.output
        return total / 1e6


def cost_usd(record: dict, prices: Prices | None) -> float | None:
    """Return the cost of an answer; None without prices or the server's count of tokens."""
    if prices is None or record["prompt_tokens"] is None or record["answer_tokens"] is None:
        return None
    usd = prices.usd(
        record["prompt_tokens"], record["answer_tokens"], record.get("cached_tokens") or 0
    )
    return usd * (prices.batch if record.get("batch") else 1)


class CompletionError(Exception):
    """The server's response is not a chat completion."""


def parse_completion(body: Any, seconds: float | None = None) -> dict:
    """Return the record of a completion; raise `CompletionError` for other JSON.

    `tokens` has the [length in characters, log-probability] of each token, where the server
    returns them.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        refused = message.get("refusal")
        text = message.get("content") or refused or ""
        usage = body.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        record = {
            "text": _text(text),
            "finish_reason": "refusal" if refused else choice.get("finish_reason"),
            "prompt_tokens": _count(usage.get("prompt_tokens")),
            "cached_tokens": _count(details.get("cached_tokens")),
            "answer_tokens": _count(usage.get("completion_tokens")),
            "seconds": seconds,
        }
        if logprobs := choice.get("logprobs"):
            record["tokens"] = [
                [len(_text(token["token"])), min(0.0, float(token["logprob"]))]
                for token in logprobs.get("content") or []
            ]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CompletionError(f"no chat completion: {str(body)[:100]}") from error
    return record


def _text(text: object) -> str:
    """Return a text that UTF-8 can encode: JSON may contain half of a surrogate pair."""
    if not isinstance(text, str):
        raise TypeError("a text was expected")
    return text.encode("utf-8", "replace").decode()


def _count(number: Any) -> int | None:
    return None if number is None else max(0, int(number))


def refusal_record(text: str) -> dict:
    """Return the record of a prompt that the server's content filter rejected."""
    counts = dict.fromkeys(("prompt_tokens", "cached_tokens", "answer_tokens", "seconds"))
    return {"text": _text(text), "finish_reason": "content_filter", **counts}


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
    except (TypeError, ValueError, OverflowError):
        return None

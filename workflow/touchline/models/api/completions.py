"""One chat completion: what is asked, what comes back, what it costs, and what became of an error.

Everything here is of OpenAI's chat-completions format and makes no request.
"""

import email.utils
import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import openai

# Nothing in a chat has fewer bytes than tokens but the marks around its messages.
TOKENS_PER_MESSAGE = 16
# Of English text; for estimates.
BYTES_PER_TOKEN = 4.0


@dataclass(frozen=True)
class Request:
    """A prompt that is to be sent: the body of the request, and the sample that it is for."""

    key: str
    sample: str
    body: dict

    def least_tokens(self) -> int:
        """Return about how many tokens the prompt has."""
        return math.ceil(self._bytes() / BYTES_PER_TOKEN)

    def most_tokens(self) -> int:
        """Return more tokens than the prompt can have."""
        return self._bytes() + TOKENS_PER_MESSAGE * len(self.body["messages"])

    def _bytes(self) -> int:
        return sum(len(message["content"].encode()) for message in self.body["messages"])


def make_request(address: str, sample: str, body: dict) -> Request:
    """Return a request to the server at `address`; its key is a hash of all that can change its answer."""
    content = json.dumps([address, body], sort_keys=True)
    return Request(hashlib.sha256(content.encode()).hexdigest(), sample, body)


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens; a prompt's cached tokens have a price of their own.

    `batch` is the share of these prices that the Batch API asks for.
    """

    input: float
    output: float
    cached: float | None = None
    batch: float = 0.5

    def of(self, prompt_tokens: int, answer_tokens: int, cached_tokens: int = 0) -> float:
        """Return the price of a request in US dollars."""
        cached = self.input if self.cached is None else self.cached
        fresh = prompt_tokens - cached_tokens
        total = fresh * self.input + cached_tokens * cached + answer_tokens * self.output
        return total / 1e6


def cost_usd(record: dict, prices: Prices | None) -> float | None:
    """Return what an answer cost; None without prices, or where the server did not count tokens."""
    if prices is None or record["prompt_tokens"] is None or record["answer_tokens"] is None:
        return None
    usd = prices.of(
        record["prompt_tokens"], record["answer_tokens"], record.get("cached_tokens") or 0
    )
    return usd * (prices.batch if record.get("batch") else 1)


class CompletionError(Exception):
    """A server's answer that is not a chat completion."""


def read_completion(body: object, seconds: float | None = None) -> dict:
    """Return what is written down of a completion; raise `CompletionError` when it is none.

    `tokens` has the [length in characters, log-probability] of each token, where the server gives
    them.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
        text = message.get("content") or refusal or ""
        usage = body.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        record = {
            "text": _text(text),
            "finish_reason": "refusal" if refusal else choice.get("finish_reason"),
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
    """Return a text without what UTF-8 cannot hold (JSON can have half of a surrogate pair)."""
    if not isinstance(text, str):
        raise TypeError("a text was expected")
    return text.encode("utf-8", "replace").decode()


def _count(number: object) -> int | None:
    return None if number is None else max(0, int(number))


def refusal(text: str) -> dict:
    """Return the record of a prompt that the server would not give to the model."""
    counts = dict.fromkeys(("prompt_tokens", "cached_tokens", "answer_tokens", "seconds"))
    return {"text": _text(text), "finish_reason": "content_filter", **counts}


# Error codes for a prompt that the server's filter turns down: the model's refusal, not our mistake.
REFUSED = ("content_filter", "content_policy_violation", "invalid_prompt")
# A full account does not become less full by waiting.
_FINAL = ("insufficient_quota", "billing_hard_limit_reached")
_RETRIED = (408, 409, 429)


def is_refusal(error: openai.APIStatusError) -> bool:
    """Say whether an error means that this one prompt was turned down."""
    return error.status_code == 400 and error.code in REFUSED


def is_passing(error: openai.APIStatusError) -> bool:
    """Say whether an error may be gone at the next try."""
    asked = error.response.headers.get("x-should-retry")
    if error.code in _FINAL or asked == "false":
        return False
    return error.status_code in _RETRIED or error.status_code >= 500 or asked == "true"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a server asks to wait (Retry-After: seconds or a date), or None."""
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

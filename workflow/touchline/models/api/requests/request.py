"""A chat-completions request: its body, its key, its size, and the user's parameters.

Nothing here sends a request.
"""

import hashlib
import json
import math
from dataclasses import dataclass

from touchline.models.api.completions import is_count

# Parameters that limit the length of an answer, for reasoning models and for older servers.
LIMIT_PARAMETERS = ("max_completion_tokens", "max_tokens")
# Parameters that Touchline sets, that give more than one answer or another model's, and options of
# OpenAI's client that are no parameters.
REFUSED_PARAMETERS = (
    *("model", "models", "messages", "stream", "stream_options", "n", "best_of"),
    *("tools", "functions", "extra_headers", "extra_query", "timeout"),
)
# A token has at least one byte of text, except the special tokens around a message.
TOKENS_PER_MESSAGE = 16
BYTES_PER_TOKEN = 4.0  # of English text, for estimates
# OpenAI's servers cache the start of a prompt from this length on.
MIN_CACHED_TOKENS = 1024


@dataclass(frozen=True)
class Request:
    """A chat-completions request: its body, the body's hash as `key`, and its sample's name.

    The sample of a question about a whole chunk is the chunk. `images` are the frames in the
    messages, and `image_tokens` what the server counts for them, where that is known. `start` is a
    name for the start of the prompt that other requests have too, and its length in tokens.
    """

    key: str
    sample: str
    body: dict
    images: int = 0
    image_tokens: int = 0
    start: tuple[str, int] = ("", 0)

    @property
    def sent_body(self) -> dict:
        """The JSON that is sent: the parameters in `extra_body` are parameters like the others."""
        return flatten(self.body)

    def estimated_tokens(self) -> int:
        """Return the approximate number of tokens of the prompt."""
        return estimate_tokens(self._bytes()) + self.image_tokens

    def max_tokens(self) -> int:
        """Return an upper bound of the number of tokens of the prompt."""
        return self._bytes() + TOKENS_PER_MESSAGE * len(self.body["messages"]) + self.image_tokens

    def upload_bytes(self) -> int:
        """Return the size of the images in the messages, as they are sent."""
        parts = [
            part
            for message in self.body["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
        ]
        return sum(len(part[part["type"]]["url"]) for part in parts if part["type"] != "text")

    def _bytes(self) -> int:
        """Return the bytes of the texts, and of the schema of the answer, which is prompted too."""
        contents = (message["content"] for message in self.body["messages"])
        return sum(map(count_bytes, contents)) + count_bytes(self.body.get("response_format"))


def count_bytes(content: str | list[dict] | dict | None) -> int:
    """Return the bytes of a text, of the text parts of a message's content, or of a JSON schema."""
    if content is None:
        return 0
    if isinstance(content, dict):
        return len(json.dumps(content))
    if isinstance(content, list):
        return sum(count_bytes(part["text"]) for part in content if part["type"] == "text")
    return len(content.encode())


def estimate_tokens(size: int) -> int:
    """Return the approximate number of tokens of a text of `size` bytes."""
    return math.ceil(size / BYTES_PER_TOKEN)


def flatten(parameters: dict) -> dict:
    """Return request parameters with those of `extra_body` among them, as OpenAI's client does."""
    rest = {name: value for name, value in parameters.items() if name != "extra_body"}
    return rest | (parameters.get("extra_body") or {})


def make_request(
    address: str,
    sample: str,
    body: dict,
    images: int = 0,
    image_tokens: int = 0,
    start: tuple[str, int] = ("", 0),
) -> Request:
    """Return a request to the server at `address`; its key hashes all that can change the answer."""
    content = json.dumps([address, body], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()
    return Request(key, sample, body, images, image_tokens, start)


def check_parameters(parameters: dict) -> None:
    """Raise `ValueError` for request parameters that are not the user's, or cannot be sent."""
    extra = parameters.get("extra_body") or {}
    if not isinstance(extra, dict):
        raise ValueError("parameters.extra_body is not a mapping of names to values: correct it.")
    sent = flatten(parameters)
    twice = parameters.keys() & extra.keys()
    if twice:
        raise ValueError(f"the parameter {min(twice)} is also in extra_body: remove one of them.")
    if refused := [name for name in REFUSED_PARAMETERS if name in sent]:
        raise ValueError(
            f"{refused[0]} cannot be among the parameters: Touchline sets it itself, or needs "
            "one answer of one model to each prompt. Remove it."
        )
    for name in LIMIT_PARAMETERS:
        if sent.get(name) is not None and not is_count(sent[name], 1):
            raise ValueError(f"the parameter {name} is {sent[name]!r:.50}: give a whole number.")
    try:
        json.dumps(sent, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            f"the parameters hold a number that is infinite or none ({error})."
        ) from None

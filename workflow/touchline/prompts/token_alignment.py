"""Log-probabilities of a server's tokens, aligned with the characters of its answer."""

import codecs
import re
from typing import Any

# A log-probability above 0 by more than a rounding error is none.
ROUNDING = 1e-3
LOWEST = -1e6  # for a probability of 0
# What may follow the answer among the tokens: blanks and special tokens, such as <|im_end|>.
_TRAILER = re.compile(rb"(?:\s|<[^<>\s]{1,40}>)*")


def align_tokens(logprobs: Any, text: str) -> list[list[float]] | None:
    """Return the [length in characters, log-probability] of each token of an answer.

    Servers also list tokens that are not in the text: those of the reasoning, and blanks around
    the answer. They are left out. Returns None where the tokens do not spell the text, or have no
    log-probabilities. A character whose bytes are in several tokens counts for the last of them.
    """
    try:
        return [[length, _logprob(entry["logprob"])] for entry, length in _aligned(logprobs, text)]
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def align_alternatives(logprobs: Any, text: str) -> list[list[list]] | None:
    """Return, for each token of `align_tokens`, the [text, log-probability] of its alternatives.

    These are the server's `top_logprobs` without the token itself. Returns None where there are
    none, or any of them is odd.
    """
    try:
        alternatives = []
        for entry, _ in _aligned(logprobs, text):
            others = [
                [_token_bytes(other).decode("utf-8", "replace"), _logprob(other["logprob"])]
                for other in entry.get("top_logprobs") or ()
                if _token_bytes(other) != _token_bytes(entry)
            ]
            alternatives.append(others)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return alternatives if any(alternatives) else None


def _aligned(logprobs: Any, text: str) -> list[tuple[dict, int]]:
    """Return the server's entry and the length in characters of each token in the text.

    Raises `ValueError` where the tokens do not spell the text, and others for what is no list of
    tokens.
    """
    entries = list(logprobs["content"])
    for entry in entries:
        _logprob(entry["logprob"])
    # Most servers give the bytes, since a token may be a part of a character.
    for spell in (_token_bytes, _token_text):
        lengths = _lengths([spell(entry) for entry in entries], text.encode())
        if lengths is not None:
            pairs = zip(entries, lengths, strict=True)
            return [(entry, length) for entry, length in pairs if length is not None]
    raise ValueError("the tokens do not spell the text")


def _lengths(tokens: list[bytes], text: bytes) -> list[int | None] | None:
    """Return the length in characters of each token in a text; None for those outside it.

    Returns None where the tokens do not spell the text.
    """
    spelled = b"".join(tokens)
    first = spelled.rfind(text)
    if not text or first < 0 or not _TRAILER.fullmatch(spelled, first + len(text)):
        return None
    lengths: list[int | None] = []
    decoder = codecs.getincrementaldecoder("utf-8")()
    start = -first  # of the token in the text
    for token in tokens:
        end = start + len(token)
        is_inside = end > 0 and start < len(text)
        lengths.append(len(decoder.decode(text[max(0, start) : end])) if is_inside else None)
        start = end
    return lengths


def _token_bytes(entry: Any) -> bytes:
    given = entry.get("bytes")
    return bytes(given) if isinstance(given, list) and given else _token_text(entry)


def _token_text(entry: Any) -> bytes:
    return entry["token"].encode("utf-8", "replace")


def _logprob(value: Any) -> float:
    """Return a log-probability; raise `ValueError` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= ROUNDING:
        raise ValueError("no log-probability")
    return float(min(0, max(value, LOWEST)))

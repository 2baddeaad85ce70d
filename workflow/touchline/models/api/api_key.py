"""The API key: read from the environment, and struck out of every text that a server returns."""

import os

from touchline.core.problems import InputError

# Shortest part of a key that is struck out. A shorter key ("EMPTY") is no secret: it is struck out
# of messages as a whole, and stays in answers, which may contain it as an ordinary word.
MIN_PART = 8
STRUCK = "***"


def read_key(variable: str | None) -> str | None:
    """Return the key in an environment variable; raise `InputError` for what cannot be a key."""
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


def strike_key(text: str, key: str | None) -> str:
    """Return a text with `***` for the key and for all its parts of `MIN_PART` characters or more.

    To be called before a text is cut, which could leave a shorter part.
    """
    if not key or min(len(key), len(text)) < MIN_PART:
        return text
    parts = {key[first : first + MIN_PART] for first in range(len(key) - MIN_PART + 1)}
    kept: list[str] = []
    end = 0  # `end` is the end of the last part that was struck out
    for first in range(len(text) - MIN_PART + 1):
        if text[first : first + MIN_PART] in parts:
            if first > end or not kept:
                kept += [text[end:first], STRUCK]
            end = first + MIN_PART
    return "".join(kept) + text[end:]

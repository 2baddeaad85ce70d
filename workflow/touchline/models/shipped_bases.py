"""The tiny base models that are part of the package, named `touchline:NAME` as a `base`."""

import hashlib
from functools import cache
from pathlib import Path

from touchline.core.files import checksum
from touchline.core.problems import InputError

PREFIX = "touchline:"
FOLDER = Path(__file__).parents[1] / "demo" / "bases"
_CARD = "README.md"  # says what a base is; nothing depends on it


def names() -> list[str]:
    """Return the names of the bases, as they stand after `PREFIX`."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def is_shipped(base: str) -> bool:
    """Return whether a model's `base` names one of the package."""
    return base.startswith(PREFIX)


def locate(base: str) -> str:
    """Return the folder of a base of the package, and every other base as it is.

    Raises `InputError` where the package has no base of that name.
    """
    if not is_shipped(base):
        return base
    name = base.removeprefix(PREFIX)
    if name not in names():
        known = ", ".join(PREFIX + other for other in names())
        raise InputError(f"base {base}: the package has no such base. It has {known}.")
    return str(FOLDER / name)


def files(base: str | None) -> list[Path]:
    """Return the files that a base of the package consists of; none for another base."""
    if base is None or not is_shipped(base):
        return []
    return sorted(path for path in Path(locate(base)).iterdir() if path.name != _CARD)


@cache
def content(base: str | None) -> str:
    """Return a checksum of a base of the package; empty for another base."""
    sums = "\n".join(f"{path.name} {checksum(path)}" for path in files(base))
    return hashlib.sha256(sums.encode()).hexdigest()[:12] if sums else ""

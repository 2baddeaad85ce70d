"""A model's entry in the configuration as dataclasses."""

from dataclasses import fields
from typing import Any

from touchline.core.problems import InputError


def read_entry(kind: type, entry: dict, parts: dict[str, type]) -> Any:
    """Return an entry as a `kind`, with nested `parts`; raise `InputError` for a bad one."""
    entry = dict(entry)
    try:
        nested = {
            name: _fill(part, given, name)
            for name, part in parts.items()
            if (given := entry.pop(name, None)) is not None
        }
        return _fill(kind, entry | nested, "the model")
    except (TypeError, ValueError) as error:
        raise InputError(f"the settings of the model: {error}") from error


def _fill(kind: type, given: dict, where: str) -> Any:
    known = {one.name for one in fields(kind)}
    if unknown := set(given) - known:
        raise InputError(
            f"{where} has no setting {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}."
        )
    return kind(**given)

"""Validation of a model's settings: unknown names and values are user errors."""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar

from touchline.core.problems import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Instance = TypeVar("Instance", bound="DataclassInstance")


def build_settings(
    kind: type[Instance], settings: dict, parts: dict[str, type["DataclassInstance"]]
) -> Instance:
    """Return settings as an instance of the dataclass `kind`, its nested `parts` by name.

    Raises `InputError` for an unknown name, a missing one, and a value that a dataclass refuses.
    """
    settings = dict(settings)
    try:
        nested = {
            name: _build(part, values, name)
            for name, part in parts.items()
            if (values := settings.pop(name, None)) is not None
        }
        return _build(kind, settings | nested, "the model")
    except (TypeError, ValueError) as error:
        raise InputError(f"the settings of the model: {error}") from error


def check_names(
    settings: Collection[str], known: Collection[str], owner: str = "the model"
) -> None:
    """Raise `InputError` where `settings` has a name that is not `known`."""
    if unknown := set(settings) - set(known):
        raise InputError(
            f"{owner} has no setting {', '.join(sorted(unknown))}; "
            f"it has {', '.join(sorted(known))}."
        )


def check_types(
    settings: "DataclassInstance", types: Mapping[type | UnionType, tuple[str, Collection[str]]]
) -> None:
    """Raise `ValueError` for a setting of another type: `types` has their names, after words for it."""
    for kind, (words, names) in types.items():
        for name in names:
            value = getattr(settings, name)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ValueError(f"{name} is {value!r:.50}: give {words}.")


def _build(kind: type[Instance], values: dict[str, Any], owner: str) -> Instance:
    if not isinstance(values, dict):
        raise ValueError(f"{owner} is {values!r:.50}: give a mapping of names to values.")
    check_names(values, [field.name for field in fields(kind)], owner)
    for field in fields(kind):
        is_needed = field.default is MISSING and field.default_factory is MISSING
        if is_needed and field.name not in values:
            raise ValueError(f"{owner} has no {field.name}, which is needed.")
    return kind(**values)

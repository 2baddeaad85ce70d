"""YAML files of settings: reading, validation against a schema, and renamed settings."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from touchline.core.problems import InputError
from touchline.core.text_files import UnreadableError, read_text

_LIBRARY = Path(__file__).parents[1]
# The folder with rules, schemas and templates: that of the checkout, else the package's own copy.
WORKFLOW = next(
    folder
    for folder in (_LIBRARY.parent, _LIBRARY / "project" / "workflow")
    if (folder / "schemas").is_dir()
)
SCHEMAS = WORKFLOW / "schemas"
# Settings of version 0.1 that have another name: where (* is any name) → old and new name.
RENAMED = {
    ("models", "*"): {
        "negatives": "negative_fraction",
        "width": "channels",
        "networks": "ensemble_size",
    },
    ("models", "*", "training"): {
        "chunks_per_step": "batch_size",
        "chunks_at_once": "micro_batch_size",
        "warmup": "warmup_ratio",
        "save_every": "save_steps",
        "log_every": "log_steps",
        "workers": "dataloader_workers",
    },
    ("metrics",): {"level": "confidence_level"},
    ("highlights",): {
        "synonyms": "synonyms, in the file that highlights.vocabulary names",
        "not_actions": "not_actions, in the file that highlights.vocabulary names",
    },
}
# Settings that went: where → name and what is there instead.
REMOVED = {
    ("models", "*"): {
        "candidates": "with `answers: distribution` every answer has its most probable intervals"
    },
}


def read_yaml(path: Path, schema: str) -> Any:
    """Return the content of a YAML file.

    Raises `InputError` where it cannot be read or is not valid. `schema` is the name of one of workflow/schemas/*.schema.yaml.
    """
    content = _load(path)
    _validate(content, schema, str(path))
    return content


def read_config(path: Path) -> dict:
    """Return the configuration of a YAML file, with config.yaml's value for what it lacks.

    Raises `InputError` where the file cannot be read or a setting is not valid.
    """
    content = _load(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no mapping of settings. Correct it.")
    return complete(content)


def _load(path: Path) -> Any:
    try:
        return yaml.safe_load(read_text(path))
    except (UnreadableError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"{path}: cannot be read as YAML ({reason}). Correct it.") from error


def read_defaults() -> dict:
    """Return the settings of config.yaml."""
    return yaml.safe_load((WORKFLOW.parent / "config.yaml").read_text(encoding="utf-8"))


def complete(config: dict) -> dict:
    """Return a configuration with config.yaml's value for each setting that it lacks.

    A model with `trained_as` gets the settings of that model, too. Raises `InputError` for a
    configuration that is not valid.
    """
    whole = _inherit(_update(read_defaults(), config))
    _validate(whole, "config", "configuration")
    return whole


def _inherit(config: dict) -> dict:
    """Return the configuration with the settings of the other model for each with `trained_as`.

    What is no mapping of mappings is left to the schema.
    """
    models = config["models"]
    if not isinstance(models, dict):
        return config
    whole = {}
    for name, entry in models.items():
        whole[name] = entry
        if isinstance(entry, dict) and "trained_as" in entry:
            where, other = f"configuration: models.{name}.trained_as", entry["trained_as"]
            if not isinstance(other, str) or not isinstance(models.get(other), dict):
                known = ", ".join(map(str, models))
                raise InputError(f"{where}: no model {other}. The models: section has {known}.")
            if "trained_as" in models[other]:
                raise InputError(
                    f"{where}: {other} answers with another model's weights itself. Name a model "
                    "that is trained."
                )
            whole[name] = _update(models[other], entry)
    return config | {"models": whole}


def _update(default: dict, config: Mapping) -> dict:
    """Return the mapping with the values of another, mapping by mapping."""
    return default | {
        name: _update(default[name], value)
        if isinstance(value, Mapping) and isinstance(default.get(name), dict)
        else _typed(value, default.get(name))
        for name, value in config.items()
    }


def _typed(value: Any, default: Any) -> Any:
    """Return a value as a number or truth value where the default is one and the text says one.

    A setting whose default is a mapping may be a number too. Snakemake passes what lies inside of a
    mapping of `--config` as text.
    """
    if not isinstance(value, str) or not isinstance(default, bool | int | float | dict):
        return value
    try:
        number = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return number if isinstance(number, bool | int | float) else value


def validator(schema: str) -> jsonschema.Draft202012Validator:
    """Return the validator of one of workflow/schemas/*.schema.yaml, by its name."""
    text = (SCHEMAS / f"{schema}.schema.yaml").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(yaml.safe_load(text))


def _validate(content: Any, schema: str, where: str) -> None:
    if schema == "config":
        check_renamed(content)
    if place := next(_not_finite(content), None):
        raise InputError(f"{where}: {place} is infinite or not a number. Correct it.")
    if error := next(validator(schema).iter_errors(content), None):
        place = ".".join(map(str, error.path))
        remedy = "Correct it."
        if _typed(error.instance, 0) is not error.instance:
            remedy = (
                "Inside of a mapping, --config passes numbers as text: give a number, in a file after "
                "--configfile."
            )
        raise InputError(f"{where}: {place}: {error.message}. {remedy}")


def _not_finite(content: Any, place: str = "") -> Iterator[str]:
    """Yield the place of each number that is infinite or NaN, which the limits of a schema let pass."""
    if isinstance(content, float) and not math.isfinite(content):
        yield place
    elif isinstance(content, Mapping | list):
        entries = content.items() if isinstance(content, Mapping) else enumerate(content)
        for name, inner in entries:
            yield from _not_finite(inner, f"{place}.{name}" if place else str(name))


def check_renamed(config: object) -> None:
    """Raise `InputError` for a setting that has another name by now, or that is gone."""
    for settings, end in (
        (RENAMED, "is called {} now. Rename it."), (REMOVED, "is gone: {}. Remove it."),
    ):  # fmt: skip
        for place, names in settings.items():
            for path, found in _entries(config, place):
                for old in names.keys() & found.keys():
                    where = ".".join([*path, old])
                    raise InputError(f"configuration: {where} {end.format(names[old])}")


def _entries(config: object, place: tuple[str, ...]) -> Iterator[tuple[list[str], dict]]:
    """Yield the mappings at a place of the configuration, each with its path."""
    if not isinstance(config, dict):
        return
    if not place:
        yield [], config
        return
    for name in list(config) if place[0] == "*" else [place[0]]:
        for path, found in _entries(config.get(name), place[1:]):
            yield [str(name), *path], found

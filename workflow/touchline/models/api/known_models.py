"""Prices and capabilities of OpenAI's models, as others quoted its documentation on a date.

The table is `known_models.json`; `source` is OpenAI's page to check a row on. A model's entry in the
configuration goes before it. What no source confirmed is null there, and is not checked.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from touchline.core.problems import InputError

_TABLE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class KnownModel:
    """A model of the table; `prices` are the settings of `completions.Prices`.

    `ends` is the day on which OpenAI shuts it down, where that is announced.
    """

    name: str
    source: str
    ends: datetime.date | None
    prices: dict
    reasoning_effort: tuple[str, ...] | None  # its values; empty for a model that does not reason
    structured_outputs: bool | None
    images: bool | None
    batch: bool | None
    logprobs: bool | None

    @property
    def has_paid_cache_writes(self) -> bool:
        """Return whether the server charges for writing a prompt's start into its cache."""
        return self.prices.get("cache_write") is not None


@cache
def _read() -> dict:
    return json.loads(_TABLE.read_text(encoding="utf-8"))


def checked_on() -> str:
    """Return the date of the table, as yyyy-mm-dd."""
    return _read()["checked"]


def names() -> list[str]:
    """Return the names of the models in the table."""
    return list(_read()["models"])


def find(base_url: str, model: str | None) -> KnownModel | None:
    """Return a model of OpenAI's own server; None for other servers and unknown models."""
    table = _read()
    if base_url.rstrip("/") != table["base_url"] or model not in table["models"]:
        return None
    row = dict(table["models"][model])
    ends, effort = row.pop("ends"), row.pop("reasoning_effort")
    return KnownModel(
        name=str(model),
        ends=datetime.date.fromisoformat(ends) if ends else None,
        reasoning_effort=None if effort is None else tuple(effort),
        **row,
    )


def check(model: KnownModel, parameters: Mapping, batch: bool, as_json: bool, video: bool) -> None:
    """Raise `InputError` for what a model cannot do, before a request is paid for."""
    effort = parameters.get("reasoning_effort")
    values = model.reasoning_effort
    wrong = None
    if effort is not None and values is not None and effort not in values:
        wrong = (
            f"takes no parameter reasoning_effort: {effort!r:.20} ("
            + (f"it has {', '.join(values)}" if values else "it does not reason")
            + "): correct or remove it"
        )
    elif parameters.get("logprobs") and model.logprobs is False:
        wrong = "returns no log-probabilities: remove the parameter logprobs"
    elif batch and model.batch is False:
        wrong = "is not served by the Batch API: set batch to false"
    elif as_json and model.structured_outputs is False:
        wrong = "has no structured outputs: set answer_format to sentences"
    elif video and model.images is False:
        wrong = "reads no images: set prompt.inputs to [commentary]"
    if wrong:
        raise InputError(
            f"{model.name} {wrong}. ({model.source}, as of {checked_on()}; an entry with another "
            "base_url is not checked.)"
        )


def notes(base_url: str, model: str | None, has_prices: bool) -> list[str]:
    """Return what a user should know of a model before it is asked: its end, or what is missing."""
    known = find(base_url, model)
    if known is None:
        if base_url.rstrip("/") != _read()["base_url"] or has_prices:
            return []
        return [
            f"{model} is not in Touchline's table of OpenAI's models (of {checked_on()}: "
            f"{', '.join(names())}), and its entry has no prices: no cost is estimated or noted. "
            "Give prices (input and output, in USD per million tokens), and answer_format: "
            "json_schema if it has structured outputs."
        ]
    if known.ends is None:
        return []
    tense = "shut it down" if known.ends <= datetime.date.today() else "shuts it down"
    others = [name for name in names() if find(base_url, name).ends is None]  # type: ignore[union-attr]
    return [
        f"{model}: OpenAI {tense} on {known.ends} (its documentation, as quoted on {checked_on()}). Models "
        f"without such a date: {', '.join(others)}."
    ]

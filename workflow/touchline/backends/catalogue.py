"""What the rules know about each backend, and about a model by its entry in the configuration."""

from typing import NamedTuple


class Backend(NamedTuple):
    """What a backend can do, and what it needs.

    `trains`: it has a `fit`, which writes a log of its steps (`log.parquet`) where it `logs`; `sees`:
    it can read video; `converses`: it is asked in words, so it takes open questions; `relabels`: it
    reads files with SoccerNet's labels, so its settings get `labels`, label → action; `answering`: those
    of its settings that `fit` does not read, so that another value does not train again. Backends with
    the environment `models` run a language model here.
    """

    trains: bool
    sees: bool = False
    converses: bool = False
    logs: bool = False
    relabels: bool = False
    answering: tuple[str, ...] = ()
    environment: str = "tables"  # envs/*.yaml


_LANGUAGE_MODEL = Backend(
    trains=True,
    converses=True,
    logs=True,
    answering=("max_new_tokens", "candidates"),
    environment="models",
)
BACKENDS = {
    "constant": Backend(trains=False),
    "linear": Backend(trains=True),
    "tcn": Backend(trains=True, answering=("length_s",), environment="networks"),
    "external": Backend(trains=False, relabels=True),
    "vlm": _LANGUAGE_MODEL._replace(sees=True),
    "causal_lm": _LANGUAGE_MODEL,
    "openai_api": Backend(trains=False, converses=True, environment="api"),
}

# Of a model's entry: what the plan or the score reads, not the backend.
_OTHERS_SETTINGS = ("backend", "threshold", "fine_tune")


def is_trained(entry: dict) -> bool:
    """Say whether a model, by its entry in the configuration, is trained before it is asked."""
    return BACKENDS[entry["backend"]].trains and entry.get("fine_tune", True)


def sees_video(entry: dict) -> bool:
    """Say whether a model reads the chunks' videos."""
    inputs = entry.get("prompt", {}).get("inputs", ["video", "commentary"])
    return BACKENDS[entry["backend"]].sees and "video" in inputs


def settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return a backend's `settings`; `labels` are the configuration's."""
    own = {key: entry[key] for key in entry if key not in _OTHERS_SETTINGS}
    return own | {"labels": labels} if BACKENDS[entry["backend"]].relabels else own


def training_settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return those of a backend's `settings` that its training depends on."""
    settings, answering = settings_of(entry, labels), BACKENDS[entry["backend"]].answering
    return {key: settings[key] for key in settings if key not in answering}

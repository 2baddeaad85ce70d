"""The catalogue of backends: their modules, and what the rules know about each.

Modules are imported on use, so that a text-only study never loads torch.
"""

import importlib
from typing import NamedTuple, cast

from touchline.core.problems import InputError
from touchline.models import backend


class Entry(NamedTuple):
    """What a backend can do, and what it needs.

    `module` answers and `trainer` trains (empty where nothing does); `logs_steps`: training writes
    `log.parquet`; `reads_video`: it can read video; `takes_open_questions`: it is asked in words;
    `reads_labels`: it reads files with SoccerNet's labels, so its settings get `labels`, label →
    action; `is_paid`: its answers cost money; `answering`: those of its settings that training does
    not read, so that another value does not train again; `environment`: one of envs/*.yaml.
    Backends with the environment `models` run a language model here.
    """

    module: str
    trainer: str = ""
    logs_steps: bool = False
    reads_video: bool = False
    takes_open_questions: bool = False
    reads_labels: bool = False
    is_paid: bool = False
    answering: tuple[str, ...] = ()
    environment: str = "tables"


_LANGUAGE_MODEL = Entry(
    "",
    logs_steps=True,
    takes_open_questions=True,
    answering=("max_new_tokens", "candidates"),
    environment="models",
)
BACKENDS = {
    "constant": Entry("touchline.models.constant"),
    "linear": Entry("touchline.models.words.linear", "touchline.models.words.linear"),
    "tcn": Entry(
        "touchline.models.words.tcn",
        "touchline.models.words.tcn_fit",
        answering=("length_s",),
        environment="networks",
    ),
    "external": Entry("touchline.models.external", reads_labels=True),
    "vlm": _LANGUAGE_MODEL._replace(
        module="touchline.models.lm.vlm",
        trainer="touchline.models.lm.finetuning.vlm_fit",
        reads_video=True,
    ),
    "causal_lm": _LANGUAGE_MODEL._replace(
        module="touchline.models.lm.causal_lm",
        trainer="touchline.models.lm.finetuning.causal_lm_fit",
    ),
    "openai_api": Entry(
        "touchline.models.api.openai_api",
        takes_open_questions=True,
        is_paid=True,
        environment="api",
    ),
}

# Of a model's entry: what the plan or the score reads, not the backend.
_OTHERS_SETTINGS = ("backend", "threshold", "fine_tune")


def module_of(name: str) -> str:
    """Return the name of a backend's module; raise `InputError` for an unknown backend."""
    return _entry(name, list(BACKENDS)).module


def trainer_of(name: str) -> str:
    """Return the name of the module that trains a backend; raise `InputError` where none does."""
    return _entry(name, [name for name, entry in BACKENDS.items() if entry.trainer]).trainer


def _entry(name: str, known: list[str]) -> Entry:
    if name not in known:
        what = "backend" if name not in BACKENDS else "backend that trains"
        raise InputError(f"'{name}': no such {what}. There are {', '.join(known)}.")
    return BACKENDS[name]


def load_backend(name: str) -> backend.Backend:
    """Import the module of a backend by its name in the configuration."""
    return cast(backend.Backend, importlib.import_module(module_of(name)))


def load_trainer(name: str) -> backend.TrainableBackend:
    """Import the module that trains a backend by its name in the configuration."""
    return cast(backend.TrainableBackend, importlib.import_module(trainer_of(name)))


def is_trained(entry: dict) -> bool:
    """Say whether a model, by its entry in the configuration, is trained before it is asked."""
    return bool(BACKENDS[entry["backend"]].trainer) and entry.get("fine_tune", True)


def reads_video(entry: dict) -> bool:
    """Say whether a model reads the chunks' videos."""
    inputs = entry.get("prompt", {}).get("inputs", ["video", "commentary"])
    return BACKENDS[entry["backend"]].reads_video and "video" in inputs


def settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return a backend's `settings`; `labels` are the configuration's."""
    own = {key: entry[key] for key in entry if key not in _OTHERS_SETTINGS}
    return own | {"labels": labels} if BACKENDS[entry["backend"]].reads_labels else own


def training_settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return those of a backend's `settings` that its training depends on."""
    settings, answering = settings_of(entry, labels), BACKENDS[entry["backend"]].answering
    return {key: settings[key] for key in settings if key not in answering}


def check_takes_open_questions(name: str, model: str, question: str) -> None:
    """Raise `InputError` where a model does not take an open question."""
    if not BACKENDS[name].takes_open_questions:
        able = ", ".join(one for one, entry in BACKENDS.items() if entry.takes_open_questions)
        raise InputError(
            f'"{question}" names no known action, and {model} ({name}) answers no open question. '
            f"Name an action or add a synonym, or choose a model that is asked in words ({able})."
        )

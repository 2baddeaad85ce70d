"""The catalogue of backends: the modules of each, its capabilities and its environment.

Modules are imported on use, so that a text-only study never loads torch.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from touchline.core.problems import InputError
from touchline.models import backend, shipped_bases


class BackendInfo(NamedTuple):
    """The modules, capabilities and requirements of a backend.

    The environment is one of envs/*.yaml; backends with `models` run a language model locally.
    """

    module: str  # inference
    trainer: str = ""  # training; empty for a backend that is not trained
    logs_steps: bool = False  # training writes `log.parquet`
    reads_video: bool = False
    inputs: tuple[str, ...] = ("video", "commentary")  # of prompts, where the entry names none
    reads_transcripts: bool = False  # all transcripts of a half, not the first alone
    reads_scoreboard: bool = False  # what the stage `scoreboard` read in the picture
    takes_open_questions: bool = False  # the query may be free text
    reads_labels: bool = False  # its settings get `labels`, SoccerNet's label → action
    joins_models: bool = False  # it answers from the answers of other models, its `parents`
    is_paid: bool = False  # its requests cost money
    answering: tuple[str, ...] = ()  # settings of inference alone: a new value does not train again
    weight_files: tuple[str, ...] = ()  # of a trained model, which the setting `weights` may name
    training_threads: int = 1  # on a CPU
    environment: str = "tables"


_LANGUAGE_MODEL = BackendInfo(
    "",
    logs_steps=True,
    takes_open_questions=True,
    answering=("max_new_tokens", "answers", "ablate", "batch_size"),
    weight_files=("adapter_model.safetensors", "adapter_config.json"),
    environment="models",
)
BACKENDS = {
    "constant": BackendInfo("touchline.models.constant"),
    "linear": BackendInfo(
        "touchline.models.words.linear",
        "touchline.models.words.linear_fit",
        weight_files=("model.safetensors", "model.json"),
    ),
    "tcn": BackendInfo(
        "touchline.models.words.tcn",
        "touchline.models.words.tcn_fit",
        reads_transcripts=True,
        training_threads=2,
        answering=("length_s", "grids"),
        weight_files=("model.safetensors", "words.json", "model.json"),
        environment="networks",
    ),
    "external": BackendInfo("touchline.models.external", reads_labels=True),
    "scoreboard": BackendInfo("touchline.models.scoreboard", reads_scoreboard=True),
    "fused": BackendInfo(
        "touchline.models.fusion.fused",
        "touchline.models.fusion.fused_fit",
        joins_models=True,
    ),
    "vlm": _LANGUAGE_MODEL._replace(
        module="touchline.models.lm.vlm",
        trainer="touchline.models.lm.finetuning.vlm_fit",
        reads_video=True,
    ),
    "causal_lm": _LANGUAGE_MODEL._replace(
        module="touchline.models.lm.causal_lm",
        trainer="touchline.models.lm.finetuning.causal_lm_fit",
    ),
    "openai_api": BackendInfo(
        "touchline.models.api.openai_api",
        reads_video=True,
        inputs=("commentary",),
        takes_open_questions=True,
        is_paid=True,
        environment="api",
    ),
}

if TYPE_CHECKING:  # every module satisfies its protocol
    from touchline.models import constant, external, scoreboard
    from touchline.models.api import openai_api
    from touchline.models.fusion import fused, fused_fit
    from touchline.models.lm import causal_lm, vlm
    from touchline.models.lm.finetuning import causal_lm_fit, vlm_fit
    from touchline.models.words import linear, linear_fit, tcn, tcn_fit

    _MODULES: tuple[backend.Backend, ...]
    _MODULES = (constant, linear, tcn, external, scoreboard, fused, vlm, causal_lm, openai_api)
    _TRAINERS: tuple[backend.TrainableBackend, ...]
    _TRAINERS = (linear_fit, tcn_fit, fused_fit, vlm_fit, causal_lm_fit)

# Keys of a model's entry in the configuration that other stages read, not the backend.
_NOT_OF_BACKEND = ("backend", "threshold", "fine_tune", "trained_as")


def module_of(name: str) -> str:
    """Return the name of a backend's module; raise `InputError` for an unknown backend."""
    return _info(name, list(BACKENDS)).module


def trainer_of(name: str) -> str:
    """Return the name of the module that trains a backend; raise `InputError` where none does."""
    return _info(name, [name for name, info in BACKENDS.items() if info.trainer]).trainer


def _info(name: str, known: list[str]) -> BackendInfo:
    """Return a backend of `known`; raise `InputError` for another name."""
    if name not in known:
        kind = "backend" if name not in BACKENDS else "backend that trains"
        raise InputError(f"'{name}': no such {kind}. There are {', '.join(known)}.")
    return BACKENDS[name]


def load_backend(name: str) -> backend.Backend:
    """Import the inference module of a backend by its name in the configuration."""
    return cast(backend.Backend, importlib.import_module(module_of(name)))


def load_trainer(name: str) -> backend.TrainableBackend:
    """Import the training module of a backend by its name in the configuration."""
    return cast(backend.TrainableBackend, importlib.import_module(trainer_of(name)))


def is_trained(entry: dict) -> bool:
    """Return whether a model, given its entry in the configuration, answers with trained weights."""
    is_ready = "weights" in entry or not entry.get("fine_tune", True)
    return bool(BACKENDS[entry["backend"]].trainer) and not is_ready


def weight_files(entry: dict) -> list[Path]:
    """Return the files of a model's setting `weights`, which no job of the study makes.

    Raises `InputError` for a model that does not come with Touchline.
    """
    if "weights" not in entry:
        return []
    files = BACKENDS[entry["backend"]].weight_files
    folder = shipped_bases.weights_folder(entry["weights"], files)
    return [folder / name for name in files]


def check_actions(entry: dict, actions: list[str], labels: dict[str, str]) -> None:
    """Raise `InputError` for an action that a model with the setting `weights` does not know."""
    if _has_outputs(entry):
        from touchline.models.words import tcn_weights  # which few studies need to plan

        weights = entry["weights"]
        folder, remedy = weight_files(entry)[0].parent, shipped_bases.remedy_of(weights)
        tcn_weights.read_description(folder, remedy).check_actions(actions, labels, weights)


def _has_outputs(entry: dict) -> bool:
    """Return whether a model's `weights` have fixed outputs; language models are asked in words."""
    return "weights" in entry and not BACKENDS[entry["backend"]].takes_open_questions


def parents_of(entry: dict) -> list[str]:
    """Return the models whose answers a model joins, given its entry in the configuration."""
    return list(entry["parents"]) if BACKENDS[entry["backend"]].joins_models else []


def inputs_of(entry: dict) -> list[str]:
    """Return the inputs of a model's prompts, given its entry in the configuration."""
    info = BACKENDS[entry["backend"]]
    inputs = entry.get("prompt", {}).get("inputs", info.inputs)
    return [name for name in inputs if info.reads_video or name != "video"]


def reads_video(entry: dict) -> bool:
    """Return whether a model, given its entry in the configuration, reads the chunks' videos."""
    return "video" in inputs_of(entry)


def settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return a backend's `settings` from a model's entry and the configuration's `labels`."""
    settings = {key: entry[key] for key in entry if key not in _NOT_OF_BACKEND}
    # The outputs of weights that were trained elsewhere may be labels.
    reads_labels = BACKENDS[entry["backend"]].reads_labels or _has_outputs(entry)
    return settings | {"labels": labels} if reads_labels else settings


def open_question_settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return a backend's `settings` for an open question, which is answered as text.

    The probabilities of answers are those of a model that knows the action.
    """
    settings = settings_of(entry, labels)
    return settings | ({"answers": "text"} if _answers_by_choice(entry) else {})


def open_question_threshold(entry: dict) -> float:
    """Return a model's threshold for an open question: 0 where its own is for other confidences.

    Tuned ones are for actions, and those of a distribution are no confidences of a text.
    """
    threshold = entry.get("threshold", 0.0)
    is_read = _answers_by_choice(entry) and entry.get("answers", "distribution") != "text"
    return 0.0 if threshold == "tuned" or is_read else threshold


def _answers_by_choice(entry: dict) -> bool:
    """Return whether a model has the setting `answers`."""
    return "answers" in BACKENDS[entry["backend"]].answering


def training_settings_of(entry: dict, labels: dict[str, str]) -> dict:
    """Return the part of a backend's `settings` that its training depends on."""
    settings, answering = settings_of(entry, labels), BACKENDS[entry["backend"]].answering
    return {key: settings[key] for key in settings if key not in answering}


def check_takes_open_questions(name: str, model: str, question: str) -> None:
    """Raise `InputError` where a model does not take an open question."""
    if not BACKENDS[name].takes_open_questions:
        others = ", ".join(
            backend for backend, info in BACKENDS.items() if info.takes_open_questions
        )
        raise InputError(
            f'"{question}" names no known action, and {model} ({name}) answers no open question. '
            f"Name an action or add a synonym, or choose a model that is asked in words ({others})."
        )

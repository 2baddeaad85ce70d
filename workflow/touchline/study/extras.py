"""Whether the packages that the models of a study need are installed, before any job runs."""

import importlib.util

from touchline.core import errors
from touchline.core.problems import InputError
from touchline.study.transcription import TranscribedStudy

# The extra (of pyproject.toml) that brings what an environment has beyond the core.
EXTRA_OF_ENVIRONMENT = {"models": "models", "networks": "models", "api": "api"}


def check_installed(study: TranscribedStudy) -> None:
    """Raise `InputError` for models, or a transcription, whose packages are not installed.

    Not for jobs that run in conda environments, which have these packages.
    """
    if any(map(study.transcripts, study.matches)) and (
        missing := errors.missing_modules("transcribe")
    ):
        raise InputError(
            f"transcribe: not installed: {', '.join(missing)}. "
            f"{errors.how_to_install('transcribe')} Or set transcribe.when to never."
        )
    readers = [model for model in study.models if study.reads_scoreboard(model)]
    finds_bug = study.config["chunks"]["score_bug"] == "auto" and study.manifests()
    if (readers or finds_bug) and (missing := errors.missing_modules("scoreboard")):
        raise InputError(
            f"{', '.join(readers) or 'chunks.score_bug'}: not installed: {', '.join(missing)}. "
            f"{errors.how_to_install('scoreboard')} Or leave such models out of `compare`, and set "
            "chunks.score_bug to a box or null."
        )
    needed: dict[str, list[str]] = {}
    for model in dict.fromkeys([*study.models, *study.trained()]):
        if extra := EXTRA_OF_ENVIRONMENT.get(study.environment_name(model)):
            needed.setdefault(extra, []).append(model)
    for extra, models in needed.items():
        if missing := errors.missing_modules(extra):
            raise InputError(
                f"{', '.join(models)}: not installed: {', '.join(missing)}. "
                f"{errors.how_to_install(extra)} Or leave such models out of `compare`."
            )
    for model in study.trained():
        tools = (study.entry(model).get("training") or {}).get("report_to", [])
        if missing := [tool for tool in tools if importlib.util.find_spec(tool) is None]:
            raise InputError(
                f"{model}: training.report_to: not installed: {', '.join(missing)}. Install it: pip "
                f"install {' '.join(missing)}. Or leave it out of training.report_to."
            )

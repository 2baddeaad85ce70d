"""Whether the packages that the models of a study need are installed, before any job runs."""

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

"""A study says before any job runs which packages its models lack."""

from types import SimpleNamespace

import pytest

from touchline.core import errors
from touchline.core.problems import InputError
from touchline.study.definition import StudyDefinition
from touchline.study.extras import check_installed


def make_study(**entries: dict) -> SimpleNamespace:
    """Return what the check reads of a study of these models."""
    config = {"models": entries, "chunks": {"score_bug": None}}
    study = SimpleNamespace(config=config, models=entries, matches=["a"], transcripts=lambda _: {})
    study.entry = lambda model: StudyDefinition.entry(study, model)
    study.trained_as = lambda model: StudyDefinition.trained_as(study, model)
    study.trained = lambda: StudyDefinition.trained(study)
    study.reads_scoreboard = lambda model: StudyDefinition.reads_scoreboard(study, model)
    study.environment_name = lambda model: StudyDefinition.environment_name(study, model)
    return study


@pytest.fixture
def core_alone(monkeypatch):
    """Make the packages of all extras look as if they were not installed."""
    lacking = {extra: (f"no_such_{extra}",) for extra in errors.EXTRAS}
    monkeypatch.setattr(errors, "EXTRAS", lacking)


def test_models_that_need_an_extra_are_named_with_what_to_install(core_alone):
    study = make_study(
        constant={"backend": "constant"}, qwen={"backend": "vlm"}, words={"backend": "tcn"}
    )
    with pytest.raises(
        InputError, match=r"^qwen, words: not installed: no_such_models.*'\.\[models\]'"
    ):
        check_installed(study)


def test_a_model_behind_a_server_needs_the_extra_of_servers(core_alone):
    with pytest.raises(InputError, match=r"^o4: not installed: no_such_api.*'\.\[api\]'"):
        check_installed(make_study(o4={"backend": "openai_api"}))


def test_models_of_the_core_need_nothing(core_alone):
    check_installed(
        make_study(
            constant={"backend": "constant"},
            linear={"backend": "linear"},
            shipped={"backend": "tcn", "weights": "touchline:commentary"},
        )
    )


def test_a_transcription_needs_its_extra_only_where_a_half_is_transcribed(core_alone):
    study = make_study(constant={"backend": "constant"})
    check_installed(study)
    study.transcripts = lambda match: {1: "results/transcripts/a/1.json"}
    with pytest.raises(
        InputError,
        match=r"^transcribe: not installed: no_such_transcribe.*transcribe.when to never",
    ):
        check_installed(study)


def test_a_model_that_reads_the_score_needs_its_extra(core_alone):
    with pytest.raises(InputError, match=r"^goals: not installed: no_such_scoreboard"):
        check_installed(make_study(goals={"backend": "scoreboard"}))


def test_a_tool_that_shows_a_training_is_asked_for_before_any_job_runs(monkeypatch):
    monkeypatch.setattr(errors, "EXTRAS", dict.fromkeys(errors.EXTRAS, ()))
    monkeypatch.setattr("touchline.study.extras.importlib.util.find_spec", lambda name: None)
    study = make_study(qwen={"backend": "vlm", "training": {"report_to": ["trackio"]}})
    with pytest.raises(InputError, match=r"^qwen: training.report_to: .*pip install trackio\. Or"):
        check_installed(study)

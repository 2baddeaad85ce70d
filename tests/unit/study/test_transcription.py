"""The plan of a study whose halves without commentary are transcribed."""

import shlex
from types import SimpleNamespace

import pytest

from touchline.core.config import complete
from touchline.core.problems import InputError
from touchline.study.plan import Plan

ROWS = """match,split,half,video,commentary,labels,duration_s
both,test,1,one's.mkv,both-1.json,,600
both,test,2,two.mkv,,,600
text,test,1,,text-1.json,,600
text,test,2,,,,600
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that plans the study with settings of `transcribe`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matches.csv").write_text(ROWS)
    for name in ("one's.mkv", "two.mkv", "both-1.json", "text-1.json"):
        (tmp_path / name).write_text(name)
    return lambda **settings: Plan(complete({"compare": ["constant"], "transcribe": settings}))


def job(match: str, half: int = 1) -> SimpleNamespace:
    return SimpleNamespace(match=match, half=str(half))


def test_nothing_is_transcribed_unless_the_configuration_says_so(plan):
    study = plan()
    assert study.commentary_input(job("both")) == ["both-1.json"]
    assert [study.transcripts(match) for match in study.matches] == [{}, {}]


def test_a_half_with_a_video_and_no_commentary_is_transcribed(plan):
    study = plan(when="missing")
    transcript = "results/transcripts/both/2.json"
    assert study.transcripts("both") == {2: transcript}
    assert study.transcripts("text") == {}
    assert study.commentary_input(job("both")) == ["both-1.json", transcript]
    assert f'{{"1": "both-1.json", "2": "{transcript}"}}' in study.commentary_arguments(job("both"))
    # A transcript is made by a job: its content is not known when the study is planned.
    assert len(study.commentary_content(job("both")).split()) == 1


def test_a_job_is_told_the_settings_and_the_video_whatever_its_name(plan):
    study = plan(when="missing", model="tiny.en", translate=False)
    words = shlex.split(study.transcribe_arguments(job("both")))
    assert words == [
        "--device", "auto", "--language", "auto", "--model", "tiny.en", "--on-problem", "set-aside",
        "--no-translate", "--", "one's.mkv",
    ]  # fmt: skip


def test_other_weights_in_the_folder_of_a_model_are_another_parameter(plan, tmp_path):
    weights = tmp_path / "whisper/model.bin"
    weights.parent.mkdir()
    weights.write_bytes(b"1")
    study = plan(when="missing", model="whisper")
    before = study.transcribe_weights(job("both"))
    weights.write_bytes(b"22")
    assert before
    assert study.transcribe_weights(job("both")) != before
    assert plan(when="missing").transcribe_weights(job("both")) == ""


@pytest.mark.parametrize(
    "settings", [{"when": "always"}, {"language": "German"}, {"device": "gpu"}, {"beam": 5}]
)
def test_settings_that_do_not_exist_are_told(plan, settings):
    with pytest.raises(InputError, match=r"^configuration: transcribe"):
        plan(**settings)

"""The plan of a study whose sheet names several transcripts of a half."""

import json
import shlex
from types import SimpleNamespace

import pytest

from touchline.core.config import complete
from touchline.study.plan import Plan

ROWS = """match,split,half,video,commentary,labels,duration_s
several,train,1,,v1.json|v2.json,l.json,600
several,train,2,,v1.json,l.json,600
one,train,1,,v1.json,l.json,600
"""
FURTHER = "results/further_commentary/several.parquet"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("v1.json", "v2.json", "l.json"):
        (tmp_path / name).write_text(name)
    (tmp_path / "matches.csv").write_text(ROWS)
    return Plan(complete({"compare": ["linear", "tcn"]}))


def job(model: str, match: str = "several") -> SimpleNamespace:
    return SimpleNamespace(model=model, match=match)


def test_the_first_transcript_is_the_commentary_and_all_are_read(plan):
    words = shlex.split(plan.commentary_arguments(job("")))
    assert json.loads(words[words.index("--files") + 1]) == {"1": "v1.json", "2": "v1.json"}
    assert json.loads(words[words.index("--further") + 1]) == {"1": ["v2.json"]}
    assert sorted(plan.commentary_input(job(""))) == ["v1.json", "v1.json", "v2.json"]
    assert "--further" not in plan.commentary_arguments(job("", "one"))


def test_a_model_that_hears_several_gets_those_that_there_are(plan):
    assert plan.further_commentary(job("tcn")) == [FURTHER]
    assert plan.further_commentary(job("tcn", "one")) == []
    assert plan.further_commentary(job("linear")) == []
    assert plan.training_transcripts(job("tcn")) == [FURTHER]
    assert plan.training_transcripts(job("linear")) == []
    words = shlex.split(plan.training_arguments(job("tcn")))
    assert words[words.index("--further") + 1] == "results/further_commentary/{match}.parquet"
    assert "--further" not in plan.training_arguments(job("linear"))
    assert FURTHER in plan.infer_arguments(job("tcn"))

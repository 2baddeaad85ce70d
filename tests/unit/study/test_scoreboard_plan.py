"""The plan of a study whose videos' clock and score are read."""

import shlex
from types import SimpleNamespace

import pytest

from touchline.core.config import complete
from touchline.core.problems import InputError
from touchline.study.plan import Plan
from touchline.study.reel_plan import Reels

ROWS = """match,split,half,video,commentary,labels,duration_s
seen,test,1,one's.mkv,,,600
seen,test,2,two.mkv,,,600
heard,test,1,,,,600
"""
READ = ["results/scoreboard/seen/1.parquet", "results/scoreboard/seen/2.parquet"]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that plans the study with these models and settings of `chunks`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "matches.csv").write_text(ROWS)
    for name in ("one's.mkv", "two.mkv"):
        (tmp_path / name).write_text(name)
    return lambda compare, **chunks: Plan(complete({"compare": compare, "chunks": chunks}))


def job(match: str, half: int = 1, model: str = "scoreboard") -> SimpleNamespace:
    return SimpleNamespace(match=match, half=str(half), model=model)


def test_a_model_that_reads_the_score_gets_every_half_with_a_video(plan):
    study = plan(["constant", "scoreboard"])
    assert study.read_scoreboards(job("seen")) == READ
    assert study.read_scoreboards(job("heard")) == []
    assert study.read_scoreboards(job("seen", model="constant")) == []
    arguments = shlex.split(study.infer_arguments(job("seen")))
    assert arguments[arguments.index("--scoreboards") + 1 :][:2] == READ


def test_a_reel_of_a_model_that_joins_the_score_tells_whose_goals_they_are(plan):
    config = plan(["constant", "scoreboard"]).config
    models = {"fused": {"backend": "fused", "parents": ["constant", "scoreboard"]}}
    queries = {"goals": {"text": "goals", "model": "fused"}}
    compare = ["constant", "scoreboard", "fused"]
    study = complete(config | {"compare": compare, "models": models, "queries": queries})
    reels = Reels(Plan(study))
    assert reels.scoreboards(SimpleNamespace(query="goals", match="seen")) == READ


def test_a_job_reads_one_half_whatever_its_videos_name(plan):
    words = shlex.split(plan(["scoreboard"]).scoreboard_arguments(job("seen", 1)))
    assert words == [
        "--half", "1", "--match", "seen", "--on-problem", "set-aside", "--", "one's.mkv",
    ]  # fmt: skip


def test_chunks_take_the_score_bug_that_was_found(plan):
    study = plan(["constant"], score_bug="auto")
    assert study.found_score_bug(job("seen", 2)) == [READ[1]]
    arguments = shlex.split(study.chunks_arguments(job("seen", 2)))
    assert arguments[arguments.index("--scoreboard") + 1] == READ[1]
    assert "--score-bug" not in arguments


def test_a_box_by_hand_is_compared_only_where_the_videos_are_read_anyway(plan):
    box = {"x": 1, "y": 2, "w": 30, "h": 40}
    assert plan(["constant"], score_bug=box).found_score_bug(job("seen")) == []
    study = plan(["scoreboard"], score_bug=box)
    assert study.found_score_bug(job("seen")) == [READ[0]]
    assert "--score-bug" in shlex.split(study.chunks_arguments(job("seen")))


def test_no_other_word_is_a_box(plan):
    with pytest.raises(InputError, match="score_bug"):
        plan(["constant"], score_bug="here")

"""A study of 1,500 matches can be planned, and no job's command is longer than the system takes."""

import csv
import re

import pytest

from project import ROOT, run
from touchline.core.config import complete
from touchline.data.matches import SHEET
from touchline.study.plan import Plan
from touchline.study.reel_plan import Reels

COUNT = 1500
GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Manchester United {} - 1 Queens Park Rangers"
LONGEST_ARGUMENT = 128 * 1024  # of Linux, in bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of 1,500 matches on paper: text only, one label file and one commentary for all."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "asr.json").write_text('{"segments": {}}')
    rows = []
    for number in range(COUNT):
        game = folder / "SoccerNet" / GAME.format(number)
        game.mkdir(parents=True)
        (game / "Labels-v2.json").write_text('{"annotations": []}')
        match = re.sub(r"[^A-Za-z0-9.]+", "-", game.name)
        split = ("train", "valid", "test", "test")[number % 4]
        labels = game.relative_to(folder) / "Labels-v2.json"
        rows += [(match, half, split, "", 2700, labels, "asr.json") for half in (1, 2)]
    with open(folder / "matches.csv", "w", newline="") as file:
        csv.writer(file).writerows([SHEET.names(), *rows])
    return folder


@pytest.mark.slow
def test_a_study_of_1500_matches_is_planned(folder):
    done = run(
        "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", 1, "--dry-run", "--quiet", "rules",
        "--config", 'queries={"goals": "the goals of the second half"}',
        cwd=folder,
    )  # fmt: skip
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))
    assert jobs["labels"] == jobs["commentary"] == jobs["samples"] == str(COUNT)
    assert jobs["highlights"] == str(COUNT // 2)


class Wildcards:
    """The wildcards of a job."""

    model, query = "linear", "goals"


@pytest.mark.slow
def test_no_parameter_of_a_large_study_is_too_long_for_a_shell(folder, monkeypatch):
    monkeypatch.chdir(folder)
    plan = Plan(complete({}))
    plan.config["queries"] = {"goals": {"text": "the goals", "matches": list(plan.matches)}}
    reels = Reels(plan)
    methods = [getattr(plan, name) for name in dir(plan) if name.endswith("_arguments")]
    methods += [getattr(reels, name) for name in dir(reels) if name.endswith("_arguments")]
    stages = ("labels", "commentary", "transcribe", "samples", "chunks", "scoreboard")
    per_job = [f"{stage}_arguments" for stage in stages]
    texts = [
        method(Wildcards())
        for method in methods
        if method.__name__
        not in (*per_job, "infer_arguments", "base_arguments", "_model_arguments")
    ]
    assert len(texts) > 10
    assert max(len(text.encode()) for text in texts) < LONGEST_ARGUMENT // 4
    assert sum("@.snakemake/touchline/lists/" in text for text in texts) >= 5

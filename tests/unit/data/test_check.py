"""`touchline check` says before a run what would be set aside, and writes nothing."""

import json

import pytest

import timecode
from project import stage
from touchline.core.config import complete
from touchline.core.problems import CHUNK_SET_ASIDE, MATCH_SET_ASIDE, NOTED, ROW_LEFT_OUT
from touchline.data import check
from touchline.data.matches import SHEET

LABEL = {"gameTime": "1 - 00:01", "label": "Goal", "position": "1000", "team": "home"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a video of 3 s, one that breaks off, label files and commentary."""
    monkeypatch.chdir(tmp_path)
    timecode.make(tmp_path / "good.mkv", timecode.steady(25, 3))
    timecode.make(tmp_path / "long.mkv", timecode.steady(25, 20))
    content = (tmp_path / "long.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    (tmp_path / "none.mkv").write_text("no video")
    (tmp_path / "labels.json").write_text(json.dumps({"annotations": [LABEL]}))
    odd = {"annotations": [LABEL, LABEL | {"label": "Gaol"}]}
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "asr.json").write_text('{"segments": {"0": [0.5, 1.5, "Goal!"]}}')
    (tmp_path / "ms.json").write_text('{"segments": {"0": [1800500, 1801500, "Goal!"]}}')
    return tmp_path


def lay(folder, *rows: str) -> None:
    (folder / "matches.csv").write_text("\n".join([",".join(SHEET), *rows]) + "\n")


def problems_of(folder, *rows: str) -> list[tuple[str, str, str]]:
    """Return (match, stage, effect) of each problem of a sheet with these rows."""
    lay(folder, *rows)
    _, problems = check.check_sheet(folder / "matches.csv", complete({})["labels"])
    return [(problem.match, problem.stage, problem.effect) for problem in problems]


@pytest.mark.parametrize(
    ("row", "stage_name", "effect"),
    [
        ("a,1,trian,,60,,", "sheet", MATCH_SET_ASIDE),
        ("a,1,test,none.mkv,,,", "sheet", MATCH_SET_ASIDE),
        ("a,1,test,none.mkv,60,,", "sheet", MATCH_SET_ASIDE),
        ("a,1,test,cut.mkv,,,", "chunks", CHUNK_SET_ASIDE),
        ("a,1,test,good.mkv,9,,", "sheet", NOTED),
        ("a,1,test,,60,broken.json,", "labels", MATCH_SET_ASIDE),
        ("a,1,test,,60,odd.json,", "labels", ROW_LEFT_OUT),
        ("a,1,test,,0.5,labels.json,", "labels", ROW_LEFT_OUT),
        ("a,1,test,,60,,broken.json", "commentary", MATCH_SET_ASIDE),
        ("a,1,test,,2700,,ms.json", "commentary", MATCH_SET_ASIDE),
    ],
)
def test_each_problem_of_a_run_is_found_before_it(folder, row, stage_name, effect):
    good = "good,1,train,good.mkv,,labels.json,asr.json"
    assert problems_of(folder, good, row) == [("a", stage_name, effect)]


def test_a_sheet_in_order_has_status_0_and_one_line(folder):
    lay(folder, "good,1,train,good.mkv,,labels.json,asr.json", "good,2,train,,60,labels.json,")
    before = sorted(folder.rglob("*"))
    done = stage("check", cwd=folder)
    assert done.stdout == (
        "matches.csv: 0 of 1 matches would be set aside, 0 videos lose chunks, and 0 rows of labels "
        "and commentary would be left out.\n"
    )
    assert sorted(folder.rglob("*")) == before


def test_what_would_be_lost_is_printed_with_status_1(folder):
    lay(folder, "good,1,train,good.mkv,,odd.json,asr.json", "bad,1,test,none.mkv,,,")
    done = stage("check", "matches.csv", cwd=folder, check=False)
    assert done.returncode == 1
    assert "problem: bad, half 1: none.mkv: it is not a video" in done.stderr
    assert "problem: good: odd.json: row 2: unknown label 'Gaol'." in done.stderr
    assert "1 of 2 matches would be set aside, 0 videos lose chunks, and 1 rows" in done.stdout


def test_the_labels_of_the_configuration_are_used(folder):
    lay(folder, "good,1,train,,60,odd.json,")
    (folder / "own.yaml").write_text(
        "labels: {Goal: goal, Gaol: goal}\nsamples: {actions: [goal]}\n"
    )
    assert stage("check", "--config", "own.yaml", cwd=folder).returncode == 0


@pytest.mark.parametrize("arguments", [["none.csv"], ["--config", "none.yaml"]])
def test_a_file_that_cannot_be_read_has_status_2(folder, arguments):
    lay(folder, "good,1,train,,60,,")
    done = stage("check", *arguments, cwd=folder, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: none.")
    assert done.stderr.count("\n") == 1

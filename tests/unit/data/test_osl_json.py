"""OSL JSON as a sheet's matches. What is written as OSL JSON: `evaluation/test_average_map.py`."""

import json
from pathlib import Path

import polars as pl
import pytest

import strange_videos
from touchline.core.problems import InputError
from touchline.data import commentary, labels, sheet
from touchline.data.exchange import osl_json

EVENTS = [
    {"head": "action", "label": "Goal", "position_ms": 61500, "gameTime": "1 - 01:01"},
    {"head": "action", "label": "Foul", "position_ms": 2000, "metadata": {"team": "home"}},
]
CAPTIONS = [
    {"position_ms": 60000, "lang": "en", "text": "He shoots."},
    {"position_ms": 61000, "lang": "en", "text": "Goal!"},
]


def _osl(folder: Path, *samples: dict, **more) -> Path:
    content = {"version": "2.0", "metadata": {"split": "val"}, "data": list(samples)} | more
    path = folder / "annotations.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _sample(identity: str, video: str = "a.mp4", **more) -> dict:
    return {"id": identity, "inputs": [{"type": "video", "path": video, "fps": 25.0}]} | more


def test_events_and_captions_become_labels_and_commentary(tmp_path):
    path = _osl(tmp_path, _sample("Cup Final", events=EVENTS, dense_captions=CAPTIONS))
    rows, problems = osl_json.read_osl([path], tmp_path, tmp_path / "osl", None)
    row = rows.row(0, named=True)
    assert (row["match"], row["half"], row["split"], row["video"]) == (
        "Cup-Final",
        1,
        "valid",
        None,
    )
    assert "no video 'a.mp4'" in problems[0].problem
    actions = {"Goal": "goal", "Foul": "foul"}
    events, _ = labels.read_labels(row["labels"], "Cup-Final", {1: 2700.0}, actions)
    assert events.select("time_s", "action", "team").rows() == [
        (2.0, "foul", "home"), (61.5, "goal", None)
    ]  # fmt: skip
    lines, _ = commentary.read_commentary(row["commentary"], "Cup-Final", 1)
    assert lines.select("start_s", "end_s", "text").rows() == [
        (60.0, 61.0, "He shoots."), (61.0, 71.0, "Goal!")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("england_epl/2014-2015/2015-05-17 - 18-00 A 1 - 1 B/2_224p", ("2015-05-17-18-00-A-1-1-B", 2)),
        ("a/half1", ("a", 1)), ("a_half_2", ("a", 2)), ("clip_0001", ("clip_0001", 1)),
        ("season_2", ("season_2", 1)),
    ],
)  # fmt: skip
def test_the_id_of_a_sample_tells_the_match_and_the_half(tmp_path, identity, expected):
    rows, _ = osl_json.read_osl(
        [_osl(tmp_path, _sample(identity))], tmp_path, tmp_path / "osl", None
    )
    match, half = expected
    assert rows.select("match", "half").rows() == [(match.replace("_", "-"), half)]


def test_the_command_writes_a_sheet_with_the_videos(tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    strange_videos.make_colours(tmp_path / "videos" / "a.mkv")
    path = _osl(tmp_path, _sample("a", "a.mkv", events=EVENTS[1:]))
    out = tmp_path / "matches.csv"
    command = ["--osl", str(path), "--media", str(tmp_path / "videos"), "--split", "test"]
    sheet.main([*command, "--out", str(out)])
    row = pl.read_csv(out).row(0, named=True)
    assert (row["split"], row["duration_s"]) == ("test", pytest.approx(4, abs=0.1))
    assert capsys.readouterr().out == f"{out}: 1 test matches\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"videos": []}', "it has no list 'data'"),
        ('{"data": [], "metadata": {"split": "dev"}}', "names the split 'dev'"),
        ('{"data": [{}], "metadata": {"split": "test"}}', "sample 1: has no id"),
        ('{"data": [3], "metadata": {"split": "test"}}', "sample 1: has no id"),
        (
            '{"data": [{"id": "a"}, {"id": "a"}], "metadata": {"split": "test"}}',
            "half 1 of a again",
        ),
        (
            '{"data": [{"id": "a", "events": [{"label": "Goal"}]}], "metadata": {"split": "test"}}',
            r"sample 1 \(a\): event 1: has no position_ms",
        ),
        ('{"data": [], "metadata": {"split": "test"}}', "has no samples"),
        ('{"data": [{"id": "日本"}], "metadata": {"split": "test"}}', "has no letter of a to z"),
        (
            '{"data": [{"id": "x/a"}, {"id": "y/a/half2"}], "metadata": {"split": "test"}}',
            "has the name of another match, a, like",
        ),
        (
            '{"data": [{"id": "a", "events": [{"position_ms": 1}]}], "metadata": {"split": "test"}}',
            "event 1: has no label",
        ),
        (
            '{"data": [{"id": "a", "events": {"label": "Goal"}}], "metadata": {"split": "test"}}',
            "its 'events' is no list",
        ),
        (
            '{"data": [{"id": "a", "dense_captions": [{"position_ms": 1}]}], '
            '"metadata": {"split": "test"}}',
            "caption 1: has no text",
        ),
        (
            '{"data": [{"id": "a"}], "metadata": {"split": "test", "type": "predictions"}}',
            "has the answers of a model",
        ),
    ],
)
def test_a_file_of_another_form_is_an_input_error(tmp_path, content, text):
    (tmp_path / "osl.json").write_text(content)
    with pytest.raises(InputError, match=text):
        osl_json.read_osl([tmp_path / "osl.json"], tmp_path, tmp_path / "osl", None)


def _read(folder: Path, files: dict[str, list[dict]], split: str | None = "train"):
    """Read the samples of several files, which are named by their split."""
    paths = []
    for name, samples in files.items():
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps({"data": samples, "metadata": {"split": name}}))
    return osl_json.read_osl(paths, folder, folder / "osl", split)


def test_halves_of_a_match_in_two_files_keep_the_events_of_both(tmp_path):
    first, second = (_sample(f"a/half{half}", events=EVENTS[:1]) for half in (1, 2))
    rows, _ = _read(tmp_path, {"train": [first], "valid": [second]})
    assert rows["labels"].n_unique() == 1
    events, _ = labels.read_labels(rows["labels"][0], "a", {1: 99.0, 2: 99.0}, {"Goal": "goal"})
    assert events.select("half", "time_s").rows() == [(1, 61.5), (2, 61.5)]


def test_a_match_in_two_splits_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="is in the split valid, and another half of a in train"):
        _read(tmp_path, {"train": [_sample("a/half1")], "valid": [_sample("a/half2")]}, None)
    with pytest.raises(InputError, match="is half 1 of a again"):
        _read(tmp_path, {"train": [_sample("a/half1")], "valid": [_sample("a/half1")]}, None)


def test_samples_without_a_list_of_events_are_answered_and_not_scored(tmp_path):
    halves = [_sample("a/half1"), _sample("a/half2", events=EVENTS), _sample("b")]
    rows, problems = _read(tmp_path, {"train": halves})
    assert rows["labels"].to_list() == [None, None, None]
    noted = [problem for problem in problems if "has no list 'events'" in problem.problem]
    assert [(problem.match, problem.half) for problem in noted] == [("a", 1)]


def test_captions_of_one_moment_last_equally_long(tmp_path):
    captions = [{"position_ms": ms, "text": str(ms)} for ms in (1000, 1000, 4000)]
    rows, _ = _read(tmp_path, {"train": [_sample("a", dense_captions=captions)]})
    lines, _ = commentary.read_commentary(rows["commentary"][0], "a", 1)
    assert lines.select("start_s", "end_s").rows() == [(1, 4), (1, 4), (4, 14)]

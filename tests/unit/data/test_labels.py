"""SoccerNet's labels become events; malformed annotations and files become problems."""

import json
import os

import pytest

from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, ROW_LEFT_OUT, InputError
from touchline.data import labels

ACTIONS = {
    "Corner": "corner", "Direct free-kick": "free_kick", "Indirect free-kick": "free_kick",
}  # fmt: skip
DURATIONS = {1: 60.0, 2: 90.0}


def _entry(**fields) -> dict:
    return {
        "gameTime": "1 - 00:10", "label": "Corner", "position": "10000", "team": "home",
        "visibility": "visible",
    } | fields  # fmt: skip


@pytest.fixture
def file(tmp_path):
    """Return a function that writes label JSON, and returns its path."""

    def write(*entries):
        path = tmp_path / "Labels-v2.json"
        path.write_text(json.dumps({"annotations": entries}), encoding="utf-8")
        return path

    return write


def _read(path):
    return labels.read_labels(path, "a-match", DURATIONS, ACTIONS)


def test_a_label_becomes_an_event(file):
    events, problems = _read(file(_entry(position="10040")))
    assert events.rows() == [(1, 10.04, "corner", "Corner", "home", "visible")]
    assert dict(events.schema) == dict(schema.LABELS)
    assert problems == []


def test_both_free_kicks_are_one_action_and_keep_their_label(file):
    events, _ = _read(file(*(_entry(label=f"{kind} free-kick") for kind in ("Indirect", "Direct"))))
    assert events.select("action", "label").rows() == [
        ("free_kick", "Direct free-kick"), ("free_kick", "Indirect free-kick"),
    ]  # fmt: skip


def test_events_are_in_order_of_half_and_time(file):
    times = [("2 - 00:01", "1000"), ("1 - 00:30", "30000"), ("1 - 00:09", "9000")]
    events, _ = _read(file(*(_entry(gameTime=game, position=ms) for game, ms in times)))
    assert events.select("half", "time_s").rows() == [(1, 9.0), (1, 30.0), (2, 1.0)]


def test_an_event_in_a_half_that_is_not_in_the_study_is_no_problem(file):
    events, problems = _read(file(_entry(gameTime="3 - 00:10", label="?"), _entry()))
    assert len(events) == 1
    assert problems == []


@pytest.mark.parametrize(("position", "is_kept"), [("60000", True), ("60001", False), (0, True)])
def test_an_event_at_the_very_end_is_kept(file, position, is_kept):
    events, problems = _read(file(_entry(position=position)))
    assert (len(events), len(problems)) == ((1, 0) if is_kept else (0, 1))


def test_team_and_visibility_may_be_absent(file):
    events, problems = _read(file({"gameTime": "1 - 00:10", "label": "Corner", "position": 10000}))
    assert events.rows() == [(1, 10.0, "corner", "Corner", None, None)]
    assert problems == []


@pytest.mark.parametrize(
    ("fields", "text", "remedy"),
    [
        ({"label": "Cornr"}, "unknown label 'Cornr'", "add it under labels:"),
        ({"label": None}, "unknown label 'None'", "Correct it"),
        ({"position": "ten"}, "position 'ten' is no whole number", "Correct it."),
        ({"position": "1.5"}, "position '1.5' is no whole number", "Correct it."),
        ({"position": None}, "position 'None' is no whole number", "Correct it."),
        ({"position": float("nan")}, "position 'nan' is no whole number", "Correct it."),
        ({"position": float("inf")}, "position 'inf' is no whole number", "Correct it."),
        ({"position": 10**400}, "is no whole number", "Correct it."),
        ({"position": "-1"}, "position -0.001 s is negative", "Correct it."),
        ({"position": "75000"}, "75.0 s is past the end of half 1 (60.0 s)", "duration_s"),
        ({"gameTime": "00:10"}, "gameTime '00:10' names no half", "Write it as '1 - 05:30'."),
        ({"gameTime": None}, "gameTime 'None' names no half", "Write it as '1 - 05:30'."),
        ({"gameTime": "² - 00:10"}, "gameTime '² - 00:10' names no half", "Write it as"),
        ({"team": ["home"]}, "team '['home']' is no text", "Correct it."),
    ],
)
def test_a_malformed_label_is_left_out_and_the_others_are_kept(file, fields, text, remedy):
    path = file(_entry(), _entry(**fields), _entry(position="20000"))
    events, (problem,) = _read(path)
    assert events["time_s"].to_list() == [10.0, 20.0]
    assert text in problem.problem
    assert remedy in problem.remedy
    assert str(problem).startswith(f"a-match: {path}: row 2: ")
    assert (problem.stage, problem.effect) == ("labels", ROW_LEFT_OUT)


@pytest.mark.parametrize(
    "content",
    [
        b'{"annotations": [{"gameTime": "1 - 00:1',
        b"",
        b"[]",
        b"{}",
        b'{"annotations": null}',
        b'{"annotations": ["Corner"]}',
        b'{"annotations": {"0": {}}}',
        b'{"annotations": "\xff"}',
        None,
    ],
)
def test_a_file_that_is_not_label_json_sets_its_match_aside(tmp_path, content):
    path = tmp_path / "Labels-v2.json"
    if content is not None:
        path.write_bytes(content)
    events, (problem,) = _read(path)
    assert events.is_empty()
    assert problem.effect == MATCH_SET_ASIDE
    assert f"{path}: is not SoccerNet's label JSON" in str(problem)
    assert "Fetch or write the file again" in str(problem)


def _main(out, *more):
    labels.main([
        "--match", "a-match", "--durations", '{"1": 60, "2": 90.0}', "--out", str(out),
        "--actions", json.dumps(ACTIONS), *more,
    ])  # fmt: skip


def test_problems_are_printed_and_stored_in_the_table(file, tmp_path, capsys):
    out = tmp_path / "labels.parquet"
    _main(out, "--file", str(file(_entry(), _entry(label="?"))))
    assert len(schema.read(out, schema.LABELS)) == 1
    (problem,) = schema.read_problems(out)
    assert problem.row == 2
    assert capsys.readouterr().err == f"problem: {problem}\n"
    assert not schema.is_set_aside(out)


def test_a_broken_file_marks_its_table_as_set_aside(tmp_path):
    (tmp_path / "Labels-v2.json").write_text("{")
    _main(tmp_path / "labels.parquet", "--file", str(tmp_path / "Labels-v2.json"))
    assert schema.read(tmp_path / "labels.parquet", schema.LABELS).is_empty()
    assert schema.is_set_aside(tmp_path / "labels.parquet")


def test_a_match_without_labels_has_an_empty_table(tmp_path):
    _main(tmp_path / "labels.parquet")
    assert schema.read(tmp_path / "labels.parquet", schema.LABELS).is_empty()
    assert schema.read_problems(tmp_path / "labels.parquet") == []


def test_on_problem_stop_names_every_problem_and_writes_nothing(file, tmp_path):
    path = file(_entry(label="?"), _entry(), _entry(position="x"))
    with pytest.raises(InputError, match=r"(?s)row 1: unknown label.*row 3: position 'x'"):
        _main(tmp_path / "labels.parquet", "--file", str(path), "--on-problem", "stop")
    assert not (tmp_path / "labels.parquet").exists()


@pytest.mark.parametrize("content", [{}, "", "Goal", 0, True, None])
def test_annotations_that_are_no_list_set_the_match_aside(tmp_path, content):
    (tmp_path / "Labels-v2.json").write_text(json.dumps({"annotations": content}))
    events, (problem,) = _read(tmp_path / "Labels-v2.json")
    assert events.is_empty()
    assert "it has no list 'annotations'" in problem.problem
    assert problem.effect == MATCH_SET_ASIDE


def test_labels_in_utf_16_are_named_so_and_not_quoted(tmp_path):
    entries = json.dumps({"annotations": [_entry()] * 2000})
    (tmp_path / "Labels-v2.json").write_bytes(entries.encode("utf-16"))
    _, (problem,) = _read(tmp_path / "Labels-v2.json")
    assert "it is UTF-16, not UTF-8; save it as UTF-8" in str(problem)
    assert len(str(problem)) < 400


def test_positions_in_seconds_set_the_match_aside(file):
    times = [("1 - 00:10", "10"), ("1 - 00:30", "30"), ("2 - 01:01", "61"), ("2 - 00:00", "0")]
    path = file(*(_entry(gameTime=time, position=position) for time, position in times))
    events, (problem,) = _read(path)
    assert events.is_empty()
    assert problem.effect == MATCH_SET_ASIDE
    assert "in seconds" in problem.problem
    assert problem.remedy == "Write positions in milliseconds."


@pytest.mark.parametrize(
    "fields",
    [
        {"gameTime": "1" * 5000 + " - 00:10"},
        {"position": "1" * 5000},
        {"label": "x" * 10**6},
        {"team": ["y" * 10**6]},
        {"gameTime": [[[[["deep"] * 50] * 50] * 50]]},
    ],
)
def test_a_problem_never_quotes_a_whole_value(file, fields):
    events, (problem,) = _read(file(_entry(), _entry(**fields)))
    assert len(events) == 1
    assert problem.effect == ROW_LEFT_OUT
    assert len(str(problem)) < 700


def test_a_pipe_in_place_of_the_labels_sets_the_match_aside(tmp_path):
    os.mkfifo(tmp_path / "Labels-v2.json")
    _, (problem,) = _read(tmp_path / "Labels-v2.json")
    assert "it is a pipe or a device, not a file" in problem.problem


def test_deeply_nested_labels_set_the_match_aside(tmp_path):
    (tmp_path / "Labels-v2.json").write_text('{"annotations": [' + '{"a":' * 50_000)
    _, (problem,) = _read(tmp_path / "Labels-v2.json")
    assert "its JSON is nested too deeply" in problem.problem

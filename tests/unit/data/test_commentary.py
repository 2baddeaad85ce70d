"""SoccerNet-Echoes' commentary becomes segments; malformed entries and files become problems."""

import json

import pytest

from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, NOTED, ROW_LEFT_OUT, InputError
from touchline.data import commentary


@pytest.fixture
def file(tmp_path):
    """Return a function that writes commentary JSON, and returns its path."""

    def write(*entries, name="1_asr.json"):
        segments = {str(10 + row): entry for row, entry in enumerate(entries)}
        (tmp_path / name).write_text(json.dumps({"segments": segments}), encoding="utf-8")
        return tmp_path / name

    return write


def _read(path):
    return commentary.read_commentary(path, "a-match", 1)


def test_segments_are_in_order_of_time_with_normalised_spaces(file):
    lines, problems = _read(file([5, 9.5, " b \n b "], [0.0, 2.0, "a"], [5, 6, "ç"]))
    assert lines.rows() == [(1, 0.0, 2.0, "a"), (1, 5.0, 6.0, "ç"), (1, 5.0, 9.5, "b b")]
    assert dict(lines.schema) == dict(schema.COMMENTARY)
    assert problems == []


def test_segments_past_the_end_of_any_half_are_kept(file):
    lines, problems = _read(file([2690.0, 9000.0, "a"], [9000.0, 9001.0, "b"]))
    assert len(lines) == 2
    assert problems == []


def test_blank_texts_are_left_out_and_counted(file):
    path = file([0, 1, ""], [1, 2, "a"], [2, 3, " \n\t"])
    lines, (problem,) = _read(path)
    assert lines["text"].to_list() == ["a"]
    assert str(problem) == (
        f"a-match, half 1: {path}: blank lines left out: 2. Nothing to do. (noted)"
    )


@pytest.mark.parametrize("entries", [[], [[0, 1, ""]]])
def test_a_file_without_text_is_noted_and_costs_nothing(file, entries):
    lines, problems = _read(file(*entries))
    assert lines.is_empty()
    assert "no commentary in the file." in str(problems[-1])
    assert {problem.effect for problem in problems} == {NOTED}


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ([3.0, 2.0, "a"], "times 3.0 to 2.0 are reversed"),
        ([-1.0, 2.0, "a"], "times -1.0 to 2.0 are reversed, negative"),
        ([float("nan"), 2.0, "a"], "times nan to 2.0"),
        ([1.0, float("nan"), "a"], "times 1.0 to nan"),
        ([1.0, float("inf"), "a"], "times 1.0 to inf"),
        ([1.0, 10**400, "a"], "too large"),
        (["one", 2.0, "a"], "could not convert string to float: 'one'"),
        ([None, 2.0, "a"], "NoneType"),
        ([1.0, 2.0], "list index out of range"),
        ([1.0, 2.0, None], "text None is no string"),
        ([1.0, 2.0, "\ud83d"], "surrogates"),
        ({"start": 1.0}, "{'start': 1.0}"),
        ("123", "it has no times that can be read"),
        (None, "None"),
    ],
)
def test_a_malformed_segment_is_left_out_and_the_others_are_kept(file, entry, text):
    path = file([0, 1, "a"], entry, [5, 6, "b"])
    lines, (problem,) = _read(path)
    assert lines["text"].to_list() == ["a", "b"]
    assert text in problem.problem
    assert str(problem).startswith(f"a-match, half 1: {path}: row 2: segment '")
    assert problem.remedy == "Write [start in seconds, end in seconds, text]."
    assert problem.effect == ROW_LEFT_OUT


@pytest.mark.parametrize(
    "content",
    [None, b"", b'{"segments": {"0": [1.0, 2', b"[]", b"{}", b'{"segments": null}',
     b'{"segments": "\xff"}'],
)  # fmt: skip
def test_a_file_that_is_no_commentary_sets_its_match_aside(tmp_path, content):
    path = tmp_path / "1_asr.json"
    if content is not None:
        path.write_bytes(content)
    lines, (problem,) = _read(path)
    assert lines.is_empty()
    assert problem.effect == MATCH_SET_ASIDE
    assert f"half 1: {path}: is no commentary as JSON, SRT or WebVTT (" in str(problem)
    assert "Fetch the file again, or go on without" in str(problem)


def _main(out, files, *more):
    named = json.dumps({half: str(path) for half, path in files.items()})
    commentary.main(["--match", "a-match", "--files", named, "--out", str(out), *more])


def test_the_halves_of_a_match_become_one_table_with_their_problems(file, tmp_path, capsys):
    files = {1: file([0, 1, "a"], [1, 2, ""]), 2: file([3, 2, "?"], [0, 1, "b"], name="2.json")}
    _main(tmp_path / "c.parquet", files)
    assert schema.read(tmp_path / "c.parquet", schema.COMMENTARY).rows() == [
        (1, 0.0, 1.0, "a"), (2, 0.0, 1.0, "b"),
    ]  # fmt: skip
    problems = schema.read_problems(tmp_path / "c.parquet")
    assert [(problem.half, problem.effect) for problem in problems] == [
        (1, NOTED), (2, ROW_LEFT_OUT),
    ]  # fmt: skip
    assert capsys.readouterr().err == "".join(f"problem: {problem}\n" for problem in problems)
    assert not schema.is_set_aside(tmp_path / "c.parquet")


def test_further_transcripts_are_a_table_and_a_bad_one_costs_itself_alone(file, tmp_path):
    first, second = file([0, 1, "a"]), file([0, 1, "b"], [2, 3, "c"], name="v2.json")
    (tmp_path / "v3.json").write_text("{")
    further = json.dumps({"1": [str(second), str(tmp_path / "v3.json")]})
    out = tmp_path / "further.parquet"
    _main(tmp_path / "c.parquet", {1: first}, "--further", further, "--further-out", str(out))
    assert schema.read(out, schema.FURTHER).rows() == [
        (1, 1, 0.0, 1.0, "b"), (1, 1, 2.0, 3.0, "c"),
    ]  # fmt: skip
    (problem,) = schema.read_problems(tmp_path / "c.parquet")
    assert "v3.json: is no commentary" in str(problem)
    assert not schema.is_set_aside(tmp_path / "c.parquet")
    assert schema.read(tmp_path / "c.parquet", schema.COMMENTARY).rows() == [(1, 0.0, 1.0, "a")]


def test_a_match_without_commentary_has_an_empty_table(tmp_path):
    _main(tmp_path / "c.parquet", {})
    assert schema.read(tmp_path / "c.parquet", schema.COMMENTARY).is_empty()
    assert not schema.is_set_aside(tmp_path / "c.parquet")


def test_one_unreadable_half_sets_the_match_aside(file, tmp_path):
    _main(tmp_path / "c.parquet", {1: file([0, 1, "a"]), 2: tmp_path / "none.json"})
    assert schema.is_set_aside(tmp_path / "c.parquet")


def test_on_problem_stop_raises_for_a_lost_segment_but_not_for_a_note(file, tmp_path):
    out = tmp_path / "c.parquet"
    with pytest.raises(InputError, match=r"1_asr\.json: row 1: .* reversed"):
        _main(out, {1: file([3, 2, "a"])}, "--on-problem", "stop")
    assert not out.exists()
    _main(out, {1: file([1, 2, " "])}, "--on-problem", "stop")
    assert out.exists()


def test_a_segment_that_ends_after_any_half_is_left_out(file):
    lines, (problem,) = _read(file([0, 1, "a"], [10.0, 1e12, "b"], [5, 6, "c"]))
    assert lines["text"].to_list() == ["a", "c"]
    assert "it ends at 1000000000000.0 s, and no half is longer than 14400 s" in problem.problem
    assert (problem.row, problem.effect) == (2, ROW_LEFT_OUT)


def test_commentary_in_milliseconds_sets_the_match_aside(file):
    path = file([900, 2100, "a"], [72_400, 75_100, "b"], [96_000, 99_000, "c"], [2_600_000, 9, "d"])
    lines, (problem,) = commentary.read_commentary(path, "a-match", 1, 2700.0)
    assert lines.is_empty()
    assert problem.problem == "3 of 4 segments start past the end of the half (2700.0 s)."
    assert problem.remedy.startswith("Write times in seconds")
    assert problem.effect == MATCH_SET_ASIDE


def test_commentary_of_a_whole_half_beside_a_part_of_its_video_is_kept(file):
    path = file(*([second, second + 1, "a"] for second in range(0, 3000, 30)))
    lines, (problem,) = commentary.read_commentary(path, "a-match", 1, 60.0)
    assert len(lines) == 100
    assert problem.problem == "98 of 100 segments lie past the end of the half (60.0 s)."
    assert problem.effect == NOTED


def test_a_few_segments_past_the_end_are_kept_and_noted(file):
    path = file([0, 1, "a"], [2, 3, "b"], [55, 61, "c"], [61, 62, "d"], [58, 300, "e"])
    lines, (problem,) = commentary.read_commentary(path, "a-match", 1, 60.0)
    assert len(lines) == 5
    assert problem.problem == "2 of 5 segments lie past the end of the half (60.0 s)."
    assert problem.effect == NOTED


def test_the_command_knows_the_lengths_of_the_halves(file, tmp_path):
    files = {1: file([9000, 9001, "a"]), 2: file([0, 1, "b"], name="2.json")}
    _main(tmp_path / "c.parquet", files, "--durations", '{"1": 60.0, "2": 60.0}')
    (problem,) = schema.read_problems(tmp_path / "c.parquet")
    assert (problem.half, problem.effect) == (1, MATCH_SET_ASIDE)


def test_a_problem_never_quotes_a_whole_segment(file):
    _, (problem,) = _read(file([0, 1, "a"], ["x" * 10**6, 2, "b"]))
    assert len(str(problem)) < 1000

"""Reading, validating and writing the sheet (matches.csv)."""

import os
from pathlib import Path

import polars as pl
import pytest

import timecode
from touchline.core.problems import MATCH_SET_ASIDE, InputError
from touchline.data import matches

HEADER = "match,half,split,video,duration_s,labels,commentary"
GOOD = "good,1,train,,60,,"
NAME_REMEDY = "Use only letters, digits"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that writes a sheet beside the files l.json and c.json."""
    monkeypatch.chdir(tmp_path)
    for name in ("l.json", "m.json", "c.json"):
        Path(name).write_text("{}")

    def write(*rows: str, header: str = HEADER) -> Path:
        path = tmp_path / "matches.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write


def test_rows_written_by_hand_are_taken_as_they_are(written):
    path = written(
        "My_match.1,1,train,,2700.5,l.json,c.json", "My_match.1,2,train,,60,l.json,",
        "", "other,4,challenge,,1,,",
    )  # fmt: skip
    rows, problems = matches.read_sheet(path)
    assert problems == []
    assert dict(rows.schema) == dict(matches.SHEET)
    assert rows.rows() == [
        ("My_match.1", 1, "train", None, 2700.5, "l.json", "c.json"),
        ("My_match.1", 2, "train", None, 60.0, "l.json", None),
        ("other", 4, "challenge", None, 1.0, None, None),
    ]


def test_a_cell_may_name_several_transcripts_each_of_which_has_to_be_there(written):
    Path("a|b.json").write_text("{}")  # the name of one file
    path = written("good,1,train,,60,,c.json | m.json", "odd,1,train,,60,,a|b.json",
                   "bad,1,train,,60,,c.json|gone.json")  # fmt: skip
    rows, (problem,) = matches.read_sheet(path)
    cells = rows["commentary"].to_list()
    assert [matches.transcripts_of(cell) for cell in cells] == [["c.json", "m.json"], ["a|b.json"]]
    assert problem.match == "bad"
    assert "no file 'gone.json'" in problem.problem


def test_a_sheet_that_was_written_is_read_back(tmp_path):
    rows = pl.DataFrame(
        [("a", 1, "valid", None, 60.04, None, None)], schema=matches.SHEET, orient="row"
    )
    matches.write_sheet(tmp_path / "matches.csv", rows)
    assert (tmp_path / "matches.csv").read_text().splitlines()[0] == HEADER
    assert matches.read_sheet(tmp_path / "matches.csv")[0].equals(rows)


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path):
    (tmp_path / "matches.csv").write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8-sig")
    assert list(matches.load_matches(tmp_path / "matches.csv", "stop")) == ["good"]


@pytest.mark.parametrize(
    ("row", "text", "remedy"),
    [
        ("bad,1,trian,,60,,", "split: 'trian' is not one of", "Write train, valid, test"),
        ("bad,1,,,60,,", "'split' is a required property", "Correct the row."),
        ("bad,first,train,,60,,", "half: 'first' is not of type 'integer'", "Write 1 or 2"),
        ("bad,0,train,,60,,", "half: 0 is less than the minimum", "Write 1 or 2"),
        ("bad,1,train,,long,,", "duration_s: 'long' is not of type 'number'", "in seconds"),
        ("bad,1,train,,nan,,", "duration_s: 'nan' is not of type 'number'", "in seconds"),
        ("bad,1,train,,inf,,", "duration_s: inf is greater than", "in seconds"),
        ("bad,1,train,,0,,", "duration_s: 0.0 is less than or equal", "in seconds"),
        ("bad,1,train,,,,", "neither video nor duration_s.", "Give one"),
        ("bad,1,train,none.mkv,60,,", "video: no file 'none.mkv'.", "Correct the path"),
        ("bad,1,train,,60,none.json,", "labels: no file 'none.json'.", "Correct the path"),
        ("bad,1,train,,60,,none.json", "commentary: no file 'none.json'.", "Correct the path"),
        ("bad,1,train,,60,.,", "labels: no file '.'.", "Correct the path"),
        ("bad,1,train,,60,,,more", "(too many cells)", "Correct the row."),
        ("../bad,1,train,,60,,", "match: '../bad' does not match", NAME_REMEDY),
        ("..,1,train,,60,,", "match: '..' does not match", NAME_REMEDY),
        ("a/bad,1,train,,60,,", "match: 'a/bad' does not match", NAME_REMEDY),
        ("a\\bad,1,train,,60,,", "match: 'a\\\\bad' does not match", NAME_REMEDY),
        ("-bad,1,train,,60,,", "match: '-bad' does not match", NAME_REMEDY),
        ("b d,1,train,,60,,", "match: 'b d' does not match", NAME_REMEDY),
        ("b$(id),1,train,,60,,", "does not match", NAME_REMEDY),
        (f"{'b' * 121},1,train,,60,,", "is too long", NAME_REMEDY),
        (",1,train,,60,,", "'match' is a required property", "Correct the row."),
    ],
)
def test_a_bad_row_sets_its_match_aside_and_the_others_stay(written, row, text, remedy):
    path = written(GOOD, row, "good2,1,test,,60,,")
    rows, (problem,) = matches.read_sheet(path)
    assert rows["match"].to_list() == ["good", "good2"]
    assert text in problem.problem
    assert remedy in problem.remedy
    assert str(problem).startswith(f"{row.split(',')[0]}: {path}: row 3: ")
    assert (problem.stage, problem.effect) == ("sheet", MATCH_SET_ASIDE)


def test_a_name_that_ends_in_a_line_break_is_refused(written):
    rows, (problem,) = matches.read_sheet(written(GOOD, '"bad\n",1,train,,60,,'))
    assert rows["match"].to_list() == ["good"]
    assert NAME_REMEDY in problem.remedy


@pytest.mark.parametrize(
    ("first", "second", "text", "remedy"),
    [
        ("1,train,,60,,", "1,train,,61,,", "the same match and half as row 3.", "Remove one."),
        ("1,train,,60,,", "2,valid,,60,,", "split differs between", "Write the same in every row"),
        ("1,test,,60,l.json,", "2,test,,60,,", "labels differs", "Write the same in every row"),
        ("1,test,,60,l.json,", "2,test,,60,m.json,", "labels differs", "Write the same"),
    ],
)
def test_halves_that_contradict_each_other_set_their_match_aside(
    written, first, second, text, remedy
):
    path = written(GOOD, f"bad,{first}", f"bad,{second}")
    rows, (problem,) = matches.read_sheet(path)
    assert rows["match"].to_list() == ["good"]
    assert text in problem.problem
    assert remedy in problem.remedy
    assert str(problem).startswith(f"bad: {path}: row 4: ")


def test_every_problem_of_a_match_is_listed_and_its_valid_rows_are_set_aside_too(written):
    rows, problems = matches.read_sheet(written("bad,1,train,,60,,", "bad,2,trian,,x,,", GOOD))
    assert rows["match"].to_list() == ["good"]
    assert sorted(problem.problem.split(":")[0] for problem in problems) == [
        "duration_s", "split", "split differs between the match's halves.",
    ]  # fmt: skip


def test_the_halves_of_valid_matches_are_loaded_in_the_order_of_the_sheet(written):
    path = written("z,2,test,,60,,", "bad,1,trian,,60,,", "a,1,test,,60,,", "z,1,test,,60,,")
    loaded = matches.load_matches(path, "set-aside")
    halves = [(name, [half["half"] for half in rows]) for name, rows in loaded.items()]
    assert halves == [("z", [2, 1]), ("a", [1])]


def test_on_problem_stop_names_every_problem(written):
    path = written(GOOD, "bad,1,trian,,60,,", "-,1,train,,60,,")
    with pytest.raises(InputError, match=r"(?s)row 3: split: .*row 4: match: "):
        matches.load_matches(path, "stop")


def test_a_sheet_without_a_valid_match_stops_and_prints_its_problems(written, capsys):
    with pytest.raises(InputError, match=r"matches\.csv: no valid match is left\. Add rows"):
        matches.load_matches(written("bad,1,trian,,60,,"), "set-aside")
    assert "row 2: split: 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize("column", list(matches.SHEET))
def test_a_missing_column_is_named_with_all_columns_of_a_sheet(written, column):
    header = ",".join(name for name in matches.SHEET if name != column)
    with pytest.raises(InputError) as error:
        matches.read_sheet(written("a,1,train", header=header))
    assert f"matches.csv: row 1: no column {column}. The sheet's columns are" in str(error.value)
    assert HEADER in str(error.value)


@pytest.mark.parametrize("content", [None, f"{HEADER}\nZürich,1,train,,60,,\n".encode("latin-1")])
def test_a_sheet_that_cannot_be_read_or_is_not_utf_8_is_an_input_error(tmp_path, content):
    if content:
        (tmp_path / "matches.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"matches\.csv: cannot be read as a CSV file .* Write it"):
        matches.read_sheet(tmp_path / "matches.csv")


def test_a_duration_is_read_from_the_video_and_a_broken_video_sets_its_match_aside(tmp_path):
    timecode.make(tmp_path / "good.mkv", timecode.steady(25, 3))
    (tmp_path / "bad.mkv").write_text("no video")
    rows = [f"{name},1,test,{tmp_path / name}.mkv,,," for name in ("good", "bad")]
    sheet_file = tmp_path / "matches.csv"
    sheet_file.write_text(",".join(matches.SHEET) + "\n" + "\n".join(rows) + "\n")
    good, problems = matches.read_sheet(sheet_file)
    assert good.select("match", "duration_s").rows() == [("good", 3.0)]
    assert [problem.match for problem in problems] == ["bad"]
    assert problems[0].file.endswith("bad.mkv")


def test_an_unknown_column_is_named(tmp_path):
    sheet_file = tmp_path / "matches.csv"
    sheet_file.write_text(",".join([*matches.SHEET, "notes"]) + "\n")
    with pytest.raises(InputError, match="unknown column notes"):
        matches.read_sheet(sheet_file)


def test_a_quotation_mark_that_is_not_closed_names_the_lines_it_swallows(written):
    rows = [f"m{number},1,train,,60,," for number in range(50)]
    path = written(GOOD, 'bad,1,train,"none.mkv,60,,', *rows)
    valid, (problem,) = matches.read_sheet(path)
    assert valid["match"].to_list() == ["good"]
    assert (problem.match, problem.row) == ("bad", 3)
    assert "video: the cell goes on over lines 3 to " in problem.problem
    assert "quotation mark that is not closed" in problem.remedy
    assert len(str(problem)) < 700


def test_a_quotation_mark_that_swallows_more_than_a_cell_holds_names_its_row(written):
    rows = [f"m{number},1,train,,60,," for number in range(8000)]
    path = written(GOOD, 'bad,1,train,"none.mkv,60,,', *rows)
    with pytest.raises(InputError, match=r"row 3: cannot be read as CSV .* quotation mark"):
        matches.read_sheet(path)


@pytest.mark.parametrize("name", ["v" * 300 + ".mkv", "v/" * 3000, "a\0b"])
def test_a_path_that_no_file_can_have_sets_its_match_aside(written, name):
    rows, (problem,) = matches.read_sheet(written(GOOD, f"bad,1,train,{name},60,,"))
    assert rows["match"].to_list() == ["good"]
    assert problem.problem.startswith("video: no file '")
    assert problem.row == 3
    assert len(str(problem)) < 700


def test_a_pipe_is_no_sheet_and_no_file_of_one(written, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    rows, (problem,) = matches.read_sheet(written(GOOD, f"bad,1,train,,60,{tmp_path}/pipe,"))
    assert rows["match"].to_list() == ["good"]
    assert problem.problem.startswith("labels: no file '")
    with pytest.raises(InputError, match="it is a pipe or a device, not a file"):
        matches.read_sheet(tmp_path / "pipe")


def test_a_sheet_in_utf_16_is_named_so(tmp_path):
    (tmp_path / "matches.csv").write_bytes(f"{HEADER}\n{GOOD}\n".encode("utf-16"))
    with pytest.raises(InputError, match="it is UTF-16, not UTF-8"):
        matches.read_sheet(tmp_path / "matches.csv")


def test_a_column_that_is_there_twice_is_named(written):
    with pytest.raises(InputError, match="two columns half"):
        matches.read_sheet(written("a,1,train,,60,,,2", header=f"{HEADER},half"))


@pytest.mark.parametrize("length", ["14401", "2700000", "1e12"])
def test_a_typed_length_above_four_hours_is_refused(written, length):
    rows, (problem,) = matches.read_sheet(written(GOOD, f"bad,1,train,,{length},,"))
    assert rows["match"].to_list() == ["good"]
    assert "at most four hours" in problem.remedy


def test_a_video_whose_time_stamps_jump_for_hours_sets_its_match_aside(tmp_path):
    times = [*timecode.steady(25, 3), *(20_000 + time for time in timecode.steady(25, 1))]
    timecode.make(tmp_path / "jumps.mkv", times)
    sheet_file = tmp_path / "matches.csv"
    sheet_file.write_text(f"{HEADER}\nbad,1,test,{tmp_path}/jumps.mkv,,,\ngood,1,test,,60,,\n")
    rows, (problem,) = matches.read_sheet(sheet_file)
    assert rows["match"].to_list() == ["good"]
    assert (problem.match, problem.effect) == ("bad", MATCH_SET_ASIDE)

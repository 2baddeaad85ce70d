"""matches.csv: written from a SoccerNet tree or by hand, and what may be wrong in it."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import timecode
import touchline
from touchline.core.problems import MATCH_SET_ASIDE, NOTED, InputError
from touchline.data import matches, sheet

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


def test_a_sheet_that_was_written_is_read_back(tmp_path):
    rows = pl.DataFrame(
        [("a", 1, "valid", None, 60.04, None, None)], schema=matches.SHEET, orient="row"
    )
    matches.write_sheet(tmp_path / "matches.csv", rows)
    assert (tmp_path / "matches.csv").read_text().splitlines()[0] == HEADER
    assert matches.read_sheet(tmp_path / "matches.csv")[0].equals(rows)


def test_the_mark_that_spreadsheets_put_before_utf_8_is_no_part_of_a_column(tmp_path):
    (tmp_path / "matches.csv").write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8-sig")
    assert list(matches.load_matches(tmp_path / "matches.csv", "stop")) == ["good"]


@pytest.mark.parametrize(
    ("row", "text", "remedy"),
    [
        ("bad,1,trian,,60,,", "split: 'trian' is not one of", "Write train, valid, test"),
        ("bad,1,,,60,,", "'split' is a required property", "Mend the row."),
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
        ("bad,1,train,,60,,,more", "(too many cells)", "Mend the row."),
        ("../bad,1,train,,60,,", "match: '../bad' does not match", NAME_REMEDY),
        ("..,1,train,,60,,", "match: '..' does not match", NAME_REMEDY),
        ("a/bad,1,train,,60,,", "match: 'a/bad' does not match", NAME_REMEDY),
        ("a\\bad,1,train,,60,,", "match: 'a\\\\bad' does not match", NAME_REMEDY),
        ("-bad,1,train,,60,,", "match: '-bad' does not match", NAME_REMEDY),
        ("b d,1,train,,60,,", "match: 'b d' does not match", NAME_REMEDY),
        ("b$(id),1,train,,60,,", "does not match", NAME_REMEDY),
        (f"{'b' * 121},1,train,,60,,", "is too long", NAME_REMEDY),
        (",1,train,,60,,", "'match' is a required property", "Mend the row."),
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


def test_a_name_cannot_end_in_a_line_break(written):
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


def test_every_problem_of_a_match_is_listed_and_its_sound_rows_are_set_aside_too(written):
    rows, problems = matches.read_sheet(written("bad,1,train,,60,,", "bad,2,trian,,x,,", GOOD))
    assert rows["match"].to_list() == ["good"]
    assert sorted(problem.problem.split(":")[0] for problem in problems) == [
        "duration_s", "split", "split differs between the match's halves.",
    ]  # fmt: skip


def test_a_study_has_the_halves_of_its_sound_matches_in_the_order_of_the_sheet(written):
    path = written("z,2,test,,60,,", "bad,1,trian,,60,,", "a,1,test,,60,,", "z,1,test,,60,,")
    loaded = matches.load_matches(path, "set-aside")
    halves = [(name, [half["half"] for half in rows]) for name, rows in loaded.items()]
    assert halves == [("z", [2, 1]), ("a", [1])]


def test_on_problem_stop_names_every_problem(written):
    path = written(GOOD, "bad,1,trian,,60,,", "-,1,train,,60,,")
    with pytest.raises(InputError, match=r"(?s)row 3: split: .*row 4: match: "):
        matches.load_matches(path, "stop")


def test_a_sheet_with_no_sound_match_stops_and_says_why(written, capsys):
    with pytest.raises(InputError, match=r"matches\.csv: no sound match is left\. Add rows"):
        matches.load_matches(written("bad,1,trian,,60,,"), "set-aside")
    assert "row 2: split: 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize("column", list(matches.SHEET))
def test_a_missing_column_is_named_with_all_that_there_should_be(written, column):
    header = ",".join(name for name in matches.SHEET if name != column)
    with pytest.raises(InputError) as error:
        matches.read_sheet(written("a,1,train", header=header))
    assert f"matches.csv: row 1: no column {column}. The sheet's columns are" in str(error.value)
    assert HEADER in str(error.value)


@pytest.mark.parametrize("content", [None, f"{HEADER}\nZürich,1,train,,60,,\n".encode("latin-1")])
def test_a_sheet_that_cannot_be_read_or_is_not_utf_8_is_a_sentence(tmp_path, content):
    if content:
        (tmp_path / "matches.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"matches\.csv: cannot be read as a CSV file .* Write it"):
        matches.read_sheet(tmp_path / "matches.csv")


# From a SoccerNet tree

GAMES = {
    "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley": "train",
    "spain_laliga/2014-2015/2015-02-14 - 20-00 Málaga 0 - 2 Atlético": "valid",
    "spain_laliga/2014-2015/2015-02-15 - 20-00 Not There 0 - 0 Nor There": "valid",
}
CHELSEA, MALAGA = "2015-02-21-18-00-Chelsea-1-1-Burnley", "2015-02-14-20-00-Malaga-0-2-Atletico"


@pytest.fixture
def tree(tmp_path):
    """Two games: Chelsea's commentary in both versions, Málaga's first half as spoken only."""
    chelsea, malaga, _ = GAMES
    echoes = {
        "whisper_v1": [(chelsea, 1), (chelsea, 2), (malaga, 1)],
        "whisper_v1_en": [(chelsea, 1)],
    }
    for game in (chelsea, malaga):
        (tmp_path / "SoccerNet" / game).mkdir(parents=True)
    (tmp_path / "SoccerNet" / chelsea / "Labels-v2.json").write_text('{"annotations": []}')
    for version, halves in echoes.items():
        for game, half in halves:
            path = tmp_path / "echoes" / "Dataset" / version / game / f"{half}_asr.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"segments": {}}')
    pl.DataFrame(list(GAMES.items()), schema=["game", "split"], orient="row").write_csv(
        tmp_path / "splits.csv"
    )
    lengths = [(chelsea, 1, 2700.04), (chelsea, 2, 2800), (malaga, 1, 2750.5)]
    pl.DataFrame(
        lengths, schema=["game", "half", "duration_s"], orient="row", strict=False
    ).write_csv(tmp_path / "lengths.csv")
    return tmp_path


def _arguments(tree: Path, *more: str) -> list[str]:
    return [
        "--soccernet", str(tree / "SoccerNet"), "--echoes", str(tree / "echoes"),
        "--splits", str(tree / "splits.csv"), "--lengths", str(tree / "lengths.csv"),
        "--out", str(tree / "matches.csv"), *more,
    ]  # fmt: skip


def _made(tree: Path, *more: str) -> pl.DataFrame:
    sheet.main(_arguments(tree, *more))
    return pl.read_csv(tree / "matches.csv", schema=matches.SHEET)


def test_a_tree_becomes_a_sheet_of_the_games_that_are_there(tree, capsys):
    rows = _made(tree)
    assert rows.select("match", "half", "split", "duration_s").rows() == [
        (CHELSEA, 1, "train", 2700.04), (CHELSEA, 2, "train", 2800.0),
        (MALAGA, 1, "valid", 2750.5), (MALAGA, 2, "valid", None),
    ]  # fmt: skip
    labels = str(tree / "SoccerNet" / next(iter(GAMES)) / "Labels-v2.json")
    assert rows["labels"].to_list() == [labels, labels, None, None]
    assert capsys.readouterr().out == f"{tree / 'matches.csv'}: 1 train, 1 valid matches\n"


@pytest.mark.parametrize(
    ("more", "versions"),
    [
        ([], ["whisper_v1_en", "whisper_v1", "whisper_v1", None]),
        (["--commentary", "whisper_v1"], ["whisper_v1", "whisper_v1", "whisper_v1", None]),
        (["--commentary", "whisper_v1_en"], ["whisper_v1_en", None, None, None]),
        (
            ["--commentary", "whisper_v1", "whisper_v1_en"],
            ["whisper_v1", "whisper_v1", "whisper_v1", None],
        ),
    ],
)
def test_the_first_version_that_has_a_half_gives_its_commentary(tree, more, versions):
    paths = _made(tree, *more)["commentary"]
    dataset = tree / "echoes" / "Dataset"
    assert [path and Path(path).relative_to(dataset).parts[0] for path in paths] == versions
    assert all(Path(path).is_file() for path in paths.drop_nulls())


def test_what_a_tree_lacks_is_told_with_what_to_do(tree):
    lengths = {(game, half): 60.0 for game in GAMES for half in (1, 2)}
    del lengths[list(GAMES)[1], 2]
    _, problems = sheet.from_soccernet(
        tree / "SoccerNet", tree / "echoes", GAMES, lengths, ["whisper_v1"], ["224p.mkv"]
    )
    assert [(found.match, found.half, found.effect) for found in problems] == [
        (MALAGA, 2, MATCH_SET_ASIDE), (MALAGA, 2, NOTED),
    ]  # fmt: skip
    assert "no video and no length. Add the half to the file of --lengths." in str(problems[0])
    assert "the half stays in the study without commentary." in str(problems[1])
    assert list(GAMES)[1] in problems[1].file


def test_a_half_without_commentary_stays_in_the_study(tree):
    with open(tree / "lengths.csv", "a", encoding="utf-8") as file:
        file.write(f"{list(GAMES)[1]},2,2760\n")
    _made(tree)
    loaded = matches.load_matches(tree / "matches.csv", "stop")
    assert tuple(loaded[MALAGA][1].values()) == (MALAGA, 2, "valid", None, 2760.0, None, None)


def test_without_splits_the_official_ones_of_the_package_count(tree):
    arguments = _arguments(tree)
    where = arguments.index("--splits")
    sheet.main(arguments[:where] + arguments[where + 2 :])
    rows = pl.read_csv(tree / "matches.csv", schema=matches.SHEET)
    official = sheet.soccernet_splits()
    assert rows["split"].unique().to_list() == [official[next(iter(GAMES))]]
    assert len(official) == 550, "300 train, 100 valid, 100 test, 50 challenge"


def test_every_nth_game_of_each_split_can_be_taken(tree):
    assert _made(tree, "--every", "2")["match"].unique(maintain_order=True).to_list() == [
        CHELSEA, MALAGA,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("splits.csv", "game,split\na,train\nb,trian\n", "row 3: b has unknown split 'trian'. Write"),
        ("splits.csv", "game,part\na,train\n", "not a CSV with columns game,split"),
        ("splits.csv", "", "not a CSV with columns game,split"),
        ("lengths.csv", "game,half,duration_s\na,1,long\n", "not a CSV with columns game,half,dur"),
        ("lengths.csv", "game,half,duration_s\na,first,60\n", "not a CSV with columns game,half"),
        ("lengths.csv", None, "not a CSV with columns game,half,duration_s"),
    ],
)  # fmt: skip
def test_a_bad_list_of_splits_or_lengths_is_a_sentence(tree, name, content, text):
    (tree / name).unlink()
    if content is not None:
        (tree / name).write_text(content)
    with pytest.raises(InputError) as error:
        sheet.main(_arguments(tree))
    assert f"{tree / name}: {text}" in str(error.value)
    assert not (tree / "matches.csv").exists()


def test_a_tree_without_the_games_is_a_sentence(tree):
    with pytest.raises(InputError, match=r"no game of the splits .* Name the"):
        sheet.main(_arguments(tree, "--soccernet", str(tree / "echoes")))


def _run(tree: Path, *more: str, **environment: str) -> subprocess.CompletedProcess:
    known = {key: value for key, value in os.environ.items() if key != "SOCCERNET_PASSWORD"}
    known["PYTHONPATH"] = str(Path(touchline.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "touchline", "sheet", *_arguments(tree, *more)],
        env=known | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("environment", [{}, {"SOCCERNET_PASSWORD": ""}])
def test_download_without_a_password_is_a_sentence_and_exit_status_2(tree, environment):
    ended = _run(tree, "--download", "Labels-v2.json", **environment)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: SOCCERNET_PASSWORD is not set.")
    assert "put it into that environment variable" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tree / "matches.csv").exists()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--lengths", "none.csv"], "error: none.csv: not a CSV"),
        (["--soccernet", "none"], "error: none: no game of the splits"),
        (["--every", "0"], "error: --every takes a number of 1 or more"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_status_2(tree, more, text):
    ended = _run(tree, *more)
    assert ended.returncode == 2
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_writes_the_sheet_and_prints_each_problem(tree):
    ended = _run(tree)
    assert ended.returncode == 0
    assert ended.stdout.endswith("matches.csv: 1 train, 1 valid matches\n")
    assert f"problem: {MALAGA}, half 2: " in ended.stderr
    assert len((tree / "matches.csv").read_text(encoding="utf-8").splitlines()) == 5


def test_a_length_is_read_from_the_video_and_a_broken_video_is_set_aside(tmp_path):
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

"""The sheet of a SoccerNet folder: its rows, its problems, and the command `touchline sheet`."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import touchline
from touchline.core.problems import MATCH_SET_ASIDE, NOTED, InputError
from touchline.data import matches, sheet

GAMES = {
    "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley": "train",
    "spain_laliga/2014-2015/2015-02-14 - 20-00 Málaga 0 - 2 Atlético": "valid",
    "spain_laliga/2014-2015/2015-02-15 - 20-00 Not There 0 - 0 Nor There": "valid",
}
CHELSEA, MALAGA = "2015-02-21-18-00-Chelsea-1-1-Burnley", "2015-02-14-20-00-Malaga-0-2-Atletico"


@pytest.fixture
def soccernet(tmp_path):
    """A SoccerNet folder of two games.

    Chelsea has commentary in both versions, Málaga in the original language for its first half
    only.
    """
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


def _arguments(soccernet: Path, *more: str) -> list[str]:
    return [
        "--soccernet", str(soccernet / "SoccerNet"), "--echoes", str(soccernet / "echoes"),
        "--splits", str(soccernet / "splits.csv"), "--lengths", str(soccernet / "lengths.csv"),
        "--out", str(soccernet / "matches.csv"), *more,
    ]  # fmt: skip


def _make_sheet(soccernet: Path, *more: str) -> pl.DataFrame:
    sheet.main(_arguments(soccernet, *more))
    return pl.read_csv(soccernet / "matches.csv", schema=matches.SHEET)


def test_the_sheet_has_the_games_that_have_a_folder(soccernet, capsys):
    rows = _make_sheet(soccernet)
    assert rows.select("match", "half", "split", "duration_s").rows() == [
        (CHELSEA, 1, "train", 2700.04), (CHELSEA, 2, "train", 2800.0),
        (MALAGA, 1, "valid", 2750.5), (MALAGA, 2, "valid", None),
    ]  # fmt: skip
    labels = str(soccernet / "SoccerNet" / next(iter(GAMES)) / "Labels-v2.json")
    assert rows["labels"].to_list() == [labels, labels, None, None]
    assert capsys.readouterr().out == f"{soccernet / 'matches.csv'}: 1 train, 1 valid matches\n"


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
def test_the_first_version_that_has_a_half_gives_its_commentary(soccernet, more, versions):
    paths = _make_sheet(soccernet, *more)["commentary"]
    dataset = soccernet / "echoes" / "Dataset"
    assert [path and Path(path).relative_to(dataset).parts[0] for path in paths] == versions
    assert all(Path(path).is_file() for path in paths.drop_nulls())


def test_further_versions_are_named_beside_the_first_where_they_are(soccernet):
    sheet.main(_arguments(soccernet, "--further", "whisper_v1", "whisper_v3"))
    halves = matches.load_matches(soccernet / "matches.csv", "set-aside")[CHELSEA]
    named = [matches.transcripts_of(half["commentary"]) for half in halves]
    versions = [[Path(path).parents[3].name for path in paths] for paths in named]
    assert versions == [["whisper_v1_en", "whisper_v1"], ["whisper_v1"]]


def test_missing_files_are_problems_with_a_remedy(soccernet):
    lengths = {(game, half): 60.0 for game in GAMES for half in (1, 2)}
    del lengths[list(GAMES)[1], 2]
    _, problems = sheet.from_soccernet(
        soccernet / "SoccerNet", soccernet / "echoes", GAMES, lengths, ["whisper_v1"], ["224p.mkv"]
    )
    assert [(problem.match, problem.half, problem.effect) for problem in problems] == [
        (MALAGA, 2, MATCH_SET_ASIDE), (MALAGA, 2, NOTED),
    ]  # fmt: skip
    assert "no video and no length. Add the half to the file of --lengths." in str(problems[0])
    assert "the half stays in the study without commentary." in str(problems[1])
    assert list(GAMES)[1] in problems[1].file


def test_a_half_without_commentary_stays_in_the_study(soccernet):
    with open(soccernet / "lengths.csv", "a", encoding="utf-8") as file:
        file.write(f"{list(GAMES)[1]},2,2760\n")
    _make_sheet(soccernet)
    loaded = matches.load_matches(soccernet / "matches.csv", "stop")
    assert tuple(loaded[MALAGA][1].values()) == (MALAGA, 2, "valid", None, 2760.0, None, None)


def test_without_a_file_of_splits_the_official_ones_apply(soccernet):
    arguments = _arguments(soccernet)
    where = arguments.index("--splits")
    sheet.main(arguments[:where] + arguments[where + 2 :])
    rows = pl.read_csv(soccernet / "matches.csv", schema=matches.SHEET)
    official = sheet.soccernet_splits()
    assert rows["split"].unique().to_list() == [official[next(iter(GAMES))]]
    assert len(official) == 550, "300 train, 100 valid, 100 test, 50 challenge"


def test_every_nth_game_of_each_split_can_be_taken(soccernet):
    names = _make_sheet(soccernet, "--every", "2")["match"].unique(maintain_order=True)
    assert names.to_list() == [CHELSEA, MALAGA]


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
def test_a_malformed_list_of_splits_or_lengths_is_an_input_error(soccernet, name, content, text):
    (soccernet / name).unlink()
    if content is not None:
        (soccernet / name).write_text(content)
    with pytest.raises(InputError) as error:
        sheet.main(_arguments(soccernet))
    assert f"{soccernet / name}: {text}" in str(error.value)
    assert not (soccernet / "matches.csv").exists()


def test_a_folder_without_the_games_is_an_input_error(soccernet):
    with pytest.raises(InputError, match=r"no game of the splits .* Name the"):
        sheet.main(_arguments(soccernet, "--soccernet", str(soccernet / "echoes")))


def _run(soccernet: Path, *more: str, **environment: str) -> subprocess.CompletedProcess:
    known = {key: value for key, value in os.environ.items() if key != "SOCCERNET_PASSWORD"}
    known["PYTHONPATH"] = str(Path(touchline.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "touchline", "sheet", *_arguments(soccernet, *more)],
        env=known | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--lengths", "none.csv"], "error: none.csv: not a CSV"),
        (["--soccernet", "none"], "error: none: no game of the splits"),
        (["--every", "0"], "error: --every takes a number of 1 or more"),
    ],
)
def test_bad_input_is_an_error_message_and_exit_status_2(soccernet, more, text):
    ended = _run(soccernet, *more)
    assert ended.returncode == 2
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_writes_the_sheet_and_prints_each_problem(soccernet):
    ended = _run(soccernet)
    assert ended.returncode == 0
    assert ended.stdout.endswith("matches.csv: 1 train, 1 valid matches\n")
    assert f"problem: {MALAGA}, half 2: " in ended.stderr
    assert len((soccernet / "matches.csv").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.parametrize("length", ["2700040", "0", "-5", "inf"])
def test_a_length_that_no_half_has_is_listed(soccernet, length, capsys):
    lengths = soccernet / "lengths.csv"
    lengths.write_text(lengths.read_text().replace("2700.04", length))
    sheet.main(_arguments(soccernet))
    assert f"the length {float(length)} s is not one of a half." in capsys.readouterr().err

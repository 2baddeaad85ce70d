"""Settings of a job as command-line flags."""

import argparse
import json
import os
import shlex

import pytest

from touchline.core import cli
from touchline.core.problems import InputError
from touchline.study.job_arguments import (
    as_inputs,
    checksums,
    flags,
    state_of_journals,
    state_of_others,
)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"length_s": 60, "alpha": 1e-6}, "--alpha 1e-06 --length-s 60"),
        ({"b": 2, "a": 1}, "--a 1 --b 2"),
        ({"loops": True}, "--loops"),
        ({"loops": False}, "--no-loops"),
        ({"file": None}, ""),
        ({"zero": 0, "empty": ""}, "--empty '' --zero 0"),
        ({"actions": ["foul", "goal"]}, "--actions foul goal"),
        ({"match": "a b; rm -r $HOME 'c'"}, """--match 'a b; rm -r $HOME '"'"'c'"'"''"""),
        ({"durations": {2: 1.5, 1: 2.0}}, """--durations '{"1": 2.0, "2": 1.5}'"""),
    ],
)
def test_settings_become_sorted_quoted_arguments(settings, text):
    assert flags(**settings) == text


def test_arguments_come_back_as_the_settings_that_went_in():
    settings = {
        "labels": {"Yellow->red card": "it's $HOME", "é": [1, None]},
        "files": ["a b.json", "c'd.json"],
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=json.loads)
    parser.add_argument("--files", nargs="+")
    assert vars(parser.parse_args(shlex.split(flags(**settings)))) == settings


def test_two_swapped_settings_are_told_apart():
    assert flags(a=1, b=2) != flags(a=2, b=1)


def test_a_value_that_looks_like_an_option_or_a_list_file_stays_a_value(tmp_path):
    values = {"file": "-l.json", "question": "@10 scores", "before_s": -1.5}
    parser = argparse.ArgumentParser()
    parser.add_argument("--file")
    parser.add_argument("--question")
    parser.add_argument("--before-s", type=float)
    arguments = cli.expand_lists(shlex.split(flags(**values)))
    assert vars(parser.parse_args(arguments)) == values
    assert flags(files=["-l.json"]) == "--files=-l.json"


@pytest.fixture
def long_settings(tmp_path, monkeypatch):
    """Settings of 1,500 matches, and the working folder in which their lists are written."""
    monkeypatch.chdir(tmp_path)
    names = [f"2015-02-21-18-00-Manchester-United-{i}-1-Queens-Park-Rangers" for i in range(1500)]
    return {"matches": names, "games": {name: f"league/\u2028{name}" for name in names}}


def test_long_lists_go_through_files_and_come_back_as_they_were(long_settings):
    text = flags(**long_settings, split="test")
    assert len(text) < 300
    parser = argparse.ArgumentParser()
    parser.add_argument("--matches", nargs="*")
    parser.add_argument("--games", type=json.loads)
    parser.add_argument("--split")
    arguments = cli.expand_lists(shlex.split(text))
    assert vars(parser.parse_args(arguments)) == long_settings | {"split": "test"}


def test_another_list_is_another_parameter_and_the_same_one_is_not(long_settings):
    first = flags(**long_settings)
    assert flags(**long_settings) == first
    changed = [*long_settings["matches"][:-1], "another"]
    assert flags(**long_settings | {"matches": changed}) != first
    assert len(list(cli.LISTS.iterdir())) == 3


def test_a_list_file_that_is_gone_is_an_input_error(long_settings):
    arguments = shlex.split(flags(**long_settings))
    for path in cli.LISTS.iterdir():
        path.unlink()
    with pytest.raises(InputError, match="Run snakemake again, which writes it"):
        cli.expand_lists(arguments)


def test_an_argument_that_a_person_types_is_never_a_list_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text('["y"]')
    assert cli.expand_lists(["@x", "@/etc/passwd", "@"]) == ["@x", "@/etc/passwd", "@"]


def test_files_with_braces_are_no_inputs_but_have_a_state(tmp_path):
    plain, braces = tmp_path / "a.mkv", tmp_path / "{a}.mkv"
    for path in (plain, braces):
        path.write_text("film")
    paths = [str(plain), str(braces)]
    assert as_inputs(paths) == [str(plain)]
    before = state_of_others(paths)
    assert str(braces) in before
    assert str(plain) not in before
    braces.write_text("another film")
    assert state_of_others(paths) != before


def test_a_pipe_or_a_missing_file_has_no_checksum_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    text = checksums([tmp_path / "pipe", tmp_path / "none"])
    assert text.count("unreadable") == 2


def test_the_state_of_the_journals_changes_when_one_of_them_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert state_of_journals(None) == ""
    journal = tmp_path / "results/journal/a-model.sqlite"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"1")
    before = state_of_journals(None)
    assert before.startswith("a-model.sqlite:1:")
    assert state_of_journals(None) == before
    journal.write_bytes(b"12")
    assert state_of_journals(None) != before

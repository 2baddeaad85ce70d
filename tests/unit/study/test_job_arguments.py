"""Settings of a job as command-line flags."""

import argparse
import json
import shlex

import pytest

from touchline.study.job_arguments import flags


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

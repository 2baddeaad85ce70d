"""Names of matches: the clubs in them, and the form that people read."""

import pytest

from touchline.data import match_names
from touchline.data.match_names import teams, written_name
from touchline.scoreboard.result import Scoreboard

SLUG = "2015-02-21-18-00-Chelsea-1-1-Burnley"


@pytest.mark.parametrize(
    ("match", "clubs"),
    [
        (SLUG, {"home": "Chelsea", "away": "Burnley"}),
        ("2024-08-17-15-00-West-Ham-2-0-Chelsea", {"home": "West Ham", "away": "Chelsea"}),
        # A club's number is no score.
        (
            "2016-01-30-17-30-FC-Schalke-04-2-0-1.-FSV-Mainz-05",
            {"home": "FC Schalke 04", "away": "1. FSV Mainz 05"},
        ),
        ("2016-01-30-17-30-Hannover-96-0-10-Lens", {"home": "Hannover 96", "away": "Lens"}),
        ("my-own-match", {}),
        ("2015-13-41-18-00-Chelsea-1-1-Burnley", {}),  # no date
    ],
)
def test_the_clubs_are_those_of_the_matchs_name(match, clubs):
    assert teams(match) == clubs


@pytest.mark.parametrize(
    ("match", "written"),
    [
        (SLUG, "Chelsea 1–1 Burnley, 21 February 2015"),
        (
            "england_epl-2014-2015-2015-02-21-18-00-chelsea-1-1-burnley",
            "Chelsea 1–1 Burnley, 21 February 2015",
        ),
        ("my-own-match", "my-own-match"),
        ("", ""),
    ],
)
def test_a_match_is_written_as_people_do(match, written):
    assert written_name(match) == written


def test_what_the_name_of_a_study_loses_is_read_from_the_folder_of_its_files():
    match = "2015-02-21-18-00-Paris-Saint-Germain-3-1-Malmo"
    folder = "/data/league/season/2015-02-21 - 18-00 Paris Saint-Germain 3 - 1 Malmö"
    written = "Paris Saint-Germain 3–1 Malmö, 21 February 2015"
    assert written_name(match, [None, "/elsewhere/1.mkv", f"{folder}/Labels-v2.json"]) == written
    # The folder of another match says nothing of this one.
    assert written_name(SLUG, [f"{folder}/1.mkv"]) == "Chelsea 1–1 Burnley, 21 February 2015"


@pytest.mark.parametrize(
    ("names", "is_swapped"),
    [
        (("FCB", "MAD"), False),
        (("RMA", "BAR"), True),
        (("MADRID", "BARCELONA"), True),
        (("XYZ", "QQQ"), False),
    ],
)
def test_the_names_on_the_bug_tell_which_side_is_home(names, is_swapped):
    clubs = {"home": "FC Barcelona", "away": "Real Madrid"}
    on_bug = match_names.names_by_side([Scoreboard(names=names)])
    assert match_names.is_swapped(clubs, on_bug) == is_swapped
    assert match_names.is_swapped({}, on_bug) is False
    other = Scoreboard(names=("A", "B"))
    assert match_names.names_by_side([Scoreboard(names=names), other]) == {}


def test_words_of_a_query_may_spell_out_the_names_on_the_bug():
    names = {"home": "BRA", "away": "GER"}
    assert match_names.name_clubs(names, ["germany", "of"]) == {"home": "BRA", "away": "Germany"}
    assert match_names.name_clubs(names, ["great"]) == names

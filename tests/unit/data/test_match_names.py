"""Names of matches: the clubs in them, and the form that people read."""

import pytest

from touchline.data.match_names import teams, written_name

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

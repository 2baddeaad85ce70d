"""Changes of the score are goals; misread digits, and goals that are taken back, are none."""

import pytest

from touchline.scoreboard.goals import ScoreReading, doubts, find_course, find_goals


def read(left, right=None, step_s=10.0, half=1, start_s=0.0):
    """Return readings of both numbers, 10 s apart; a letter of a text is a digit, or - for none."""
    right = right or "0" * len(left)
    numbers = [[None if c == "-" else int(c) for c in text] for text in (left, right)]
    return [
        ScoreReading(start_s + k * step_s, half, a, b)
        for k, (a, b) in enumerate(zip(*numbers, strict=True))
    ]


def goals_of(*arguments, **options):
    return [
        (goal.side, goal.left, goal.right, goal.earliest_s, goal.time_s)
        for goal in find_goals(read(*arguments, **options))
    ]


def test_each_rise_is_a_goal_of_its_side_between_two_readings():
    assert goals_of("000111111", "000000111") == [
        ("left", 1, 0, 20, 30), ("right", 1, 1, 50, 60),
    ]  # fmt: skip


@pytest.mark.parametrize("misread", ["0007000000", "0000880000", "0001000000", "00000-----"])
def test_digits_that_are_misread_once_or_twice_are_no_goal(misread):
    assert goals_of(misread) == []


def test_a_goal_that_is_taken_back_is_none_and_the_next_one_counts():
    assert goals_of("000111111000000") == []
    assert goals_of("000111110000011111") == [("left", 1, 0, 120, 130)]


def test_two_goals_within_a_minute_are_two():
    assert goals_of("000111222222") == [("left", 1, 0, 20, 30), ("left", 2, 0, 50, 60)]


def test_a_goal_while_the_score_bug_is_away_lies_in_that_stretch():
    assert goals_of("0000-------1111") == [("left", 1, 0, 30, 110)]


def test_a_rise_by_two_is_two_goals_that_are_less_sure():
    unsure = find_goals(read("0000-------2222"))
    assert [(g.left, g.earliest_s, g.time_s) for g in unsure] == [(1, 30, 110), (2, 30, 110)]
    [sure] = find_goals(read("00001111"))
    assert max(goal.confidence for goal in unsure) < 0.6 < sure.confidence


def test_the_score_at_the_start_of_a_video_is_no_goal():
    assert goals_of("11111222", half=2) == [("left", 2, 0, 40, 50)]


def test_a_goal_between_two_halves_is_one_of_the_first():
    readings = read("000000") + read("1111", half=2, start_s=1000.0)
    [goal] = find_goals(readings)
    assert (goal.half, goal.earliest_s, goal.time_s) == (1, 50, 1000)


def test_the_course_of_no_reading_is_empty():
    assert len(find_course([], [])) == 0
    assert find_goals([]) == []


def test_a_reading_that_differs_is_worth_a_closer_look():
    assert doubts(read("0000010000")) == [(40, 60)]
    assert doubts(read("0000011111")) == []

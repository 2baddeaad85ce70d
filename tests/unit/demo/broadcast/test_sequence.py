"""Choreography of invented matches: movements and camera cuts agree with the labels."""

from dataclasses import replace

import numpy as np
import pytest

from invented_matches import STUDY_ACTIONS, ball_position, events_with_label, picture_at
from touchline.demo.broadcast import motion, plan
from touchline.demo.broadcast.script import AWAY, HALVES, HOME, invent


def test_at_a_goal_the_ball_crosses_the_line_between_the_posts():
    for script, goal in events_with_label("Goal"):
        u, _ = ball_position(script, goal, -0.3)
        assert u < 105
        u, v = ball_position(script, goal, 0.1)
        assert 105 < u < 107.5
        assert abs(v - 34) < 3.66


def test_at_a_corner_the_ball_leaves_the_flag_for_a_crowded_box():
    for script, corner in events_with_label("Corner"):
        u, v = ball_position(script, corner, 0)
        assert u > 104
        assert min(v, 68 - v) < 1
        assert (
            ball_position(script, corner, 1.2)[0] < u - 2
            or abs(ball_position(script, corner, 1.2)[1] - v) > 10
        )
        bodies = motion.motion(script, corner.half).at(corner.time_s).bodies[:22]
        facing = plan.direction(corner.team, corner.half)
        in_box = [plan.to_pitch(x, y, facing)[0] > 88.5 for x, y in bodies]
        assert sum(in_box) >= 12


def test_a_shot_on_target_ends_at_the_goal_where_the_keeper_dives():
    for script, shot in events_with_label("Shots on target"):
        u, v = ball_position(script, shot, 0.8)
        assert u > 102
        assert abs(v - 34) < 3.66
        keeper = plan.keeper(AWAY if shot.team == HOME else HOME)
        poses = motion.motion(script, shot.half).choreography.poses
        assert any(
            pose.name == "dive"
            and pose.player == keeper
            and pose.start_s < shot.time_s + 0.8 < pose.end_s
            for pose in poses
        )


def test_a_clearance_sends_the_ball_out_of_the_own_box():
    for script, clearance in events_with_label("Clearance"):
        u, v = ball_position(script, clearance, 0)
        assert u < 16.5
        assert abs(v - 34) < 20.16
        assert ball_position(script, clearance, 2.5)[0] > 40


def test_at_a_foul_a_player_goes_down_and_the_referee_comes():
    for script, foul in events_with_label("Foul", range(20)):
        half = motion.motion(script, foul.half)
        [down] = [
            pose.player
            for pose in half.choreography.poses
            if pose.name == "down" and pose.start_s <= foul.time_s + 1 < pose.end_s
        ]
        assert (down < 11) == (foul.team == AWAY)
        bodies = half.at(foul.time_s + 3).bodies
        assert np.hypot(*(bodies[down] - bodies[plan.REFEREE])) < 6
        assert (
            np.hypot(*np.subtract(ball_position(script, foul, 1), ball_position(script, foul, 4)))
            < 0.1
        )


@pytest.mark.parametrize("label", ["Direct free-kick", "Indirect free-kick"])
def test_a_free_kick_is_taken_from_a_dead_ball_before_a_wall(label):
    for script, kick in events_with_label(label, range(20)):
        spot = np.array(ball_position(script, kick, -1.5))
        assert np.hypot(*(spot - ball_position(script, kick, -0.1))) < 0.1
        assert np.hypot(*(spot - ball_position(script, kick, 0.4))) > 3
        half = motion.motion(script, kick.half)
        wall = [
            move
            for move in half.choreography.moves
            if len(move.players) in (4, 5) and move.start_s < kick.time_s - 1 < move.end_s
        ]
        assert len(wall) == 1
        bodies = half.at(kick.time_s - 0.7).bodies[list(wall[0].players)]
        facing = plan.direction(kick.team, kick.half)
        points = [plan.to_pitch(x, y, facing) for x, y in bodies]
        assert all(5 < np.hypot(*(spot - point)) < 14 for point in points)


def test_a_substitution_shows_the_board():
    for script, change in events_with_label("Substitution"):
        assert picture_at(script, change, 0) == "board"


def test_an_unseen_kick_off_is_hidden_by_a_replay():
    hidden = [
        (script, event)
        for script, event in events_with_label("Kick-off")
        if event.visibility == "not shown"
    ]
    assert hidden
    for script, kick_off in hidden:
        assert picture_at(script, kick_off, 0) == "replay"


def test_visible_events_are_seen_in_the_wide_picture_or_on_the_board():
    for seed in range(8):
        script = invent(seed)
        for event in script.events:
            if event.label in STUDY_ACTIONS and event.label != "Substitution":
                assert picture_at(script, event, 0) == "wide"


def test_an_event_close_upon_a_goal_cuts_the_celebration_short():
    script, goal = next(events_with_label("Goal"))
    foul = next(event for event in script.events if event.label == "Foul")
    crowded = replace(
        script,
        events=(
            replace(goal, half=1, time_ms=30_000),
            replace(foul, half=1, time_ms=37_000),
        ),
    )
    assert picture_at(crowded, crowded.events[0], 5) == "close"
    assert picture_at(crowded, crowded.events[1], -0.5) == "wide"


def test_the_ball_never_jumps():
    for seed in range(10):
        script = invent(seed)
        for half in HALVES:
            balls = [motion.motion(script, half).ball(t)[:2] for t in np.arange(0, 180, 0.04)]
            steps_m = np.hypot(*np.diff(balls, axis=0).T)
            assert steps_m.max() < 40 * 0.04

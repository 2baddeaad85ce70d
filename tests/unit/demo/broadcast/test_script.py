"""Invented matches: what happens in them, what is said, and pictures that show what the labels say."""

from dataclasses import replace

import numpy as np
import pytest

from touchline.demo.broadcast import motion, phrases, plan, sound
from touchline.demo.broadcast.names import CLUBS
from touchline.demo.broadcast.script import AWAY, HALVES, HOME, invent
from touchline.demo.broadcast.speech import segments
from touchline.demo.drawing import overlays, sprites, stadium
from touchline.demo.drawing.scene import SCORE_CHANGES_S, draw

SIZE = (398, 224)
SHORT_S = 75.0
STUDY = {
    "Corner": "corner",
    "Shots on target": "shots on target",
    "Goal": "goal",
    "Clearance": "clearance",
    "Foul": "foul",
    "Direct free-kick": "free-kick",
    "Indirect free-kick": "free-kick",
    "Substitution": "substitution",
}


def _events(label: str, scripts=range(8)):
    """Yield (script, event) of a label over a few scripts, those with time around them."""
    for seed in scripts:
        script = invent(seed)
        for event in script.events:
            if event.label == label and 8 < event.time_s < script.half_s - 8:
                yield script, event


@pytest.mark.parametrize("half_s", [SHORT_S, 120.0, 180.0, 600.0])
def test_every_match_has_all_seven_actions(half_s):
    for seed in range(20):
        labels = {event.label for event in invent(seed, half_s).events}
        assert {STUDY[label] for label in labels & set(STUDY)} == set(STUDY.values())


def test_about_one_pair_of_chunk_and_action_in_four_or_five_is_positive():
    positive = 0
    for seed in range(30):
        events = invent(seed).events
        positive += len(
            {(e.half, e.time_ms // 60_000, STUDY[e.label]) for e in events if e.label in STUDY}
        )
    assert 0.19 < positive / (30 * 2 * 3 * 7) < 0.27


def test_most_actions_are_mentioned_soon_after_but_not_all():
    mentioned = total = 0
    for seed in range(15):
        script = invent(seed)
        spoken = {half: segments(script, half) for half in HALVES}
        for event in script.events:
            if event.label not in STUDY:
                continue
            team = script.team(event.team)
            rival = script.away if event.team == HOME else script.home
            said = {
                text.format(
                    player=event.player, other=event.other, team=team.name, other_team=rival.name
                )
                for text in phrases.MENTIONS[event.label]
            }
            total += 1
            mentioned += any(
                text in said and 0 <= start_s - event.time_s <= 8
                for start_s, _, text in spoken[event.half]
            )
    assert 0.65 < mentioned / total < 0.9


def test_some_talk_of_actions_is_of_another_time():
    texts = [text for seed in range(5) for _, _, text in segments(invent(seed), 1)]
    starts = tuple(text.split("{")[0] for text in phrases.DISTRACTORS if not text.startswith("{"))
    assert 3 < sum(text.startswith(starts) for text in texts) < len(texts) / 5


def test_teams_that_meet_are_told_apart():
    for seed in range(60):
        script = invent(seed)
        assert script.home.name != script.away.name
        apart = np.subtract(script.home.shirt, script.away.shirt)
        assert np.hypot.reduce(apart) > 100
    assert len({club[1] for club in CLUBS}) == len(CLUBS)


def test_the_whistle_blows_at_a_foul():
    script, foul = next(_events("Foul"))
    samples = sound.sound(script, foul.half)

    def pitch_hz(start_s: float) -> float:
        piece = samples[round(start_s * sound.RATE) :][: sound.RATE // 4]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        return float(np.fft.rfftfreq(len(piece), 1 / sound.RATE)[spectrum.argmax()])

    assert pitch_hz(foul.time_s + 0.35) == pytest.approx(2850, abs=60)
    assert pitch_hz(foul.time_s - 1.5) < 2000


def test_drawing_is_a_function_of_its_arguments_alone():
    script = invent("pure", SHORT_S)
    moments = [(half, time_s) for half in HALVES for time_s in (0.0, 9.9, 33.3, 51.2, 70.0)]
    forwards = [draw(script, *moment, SIZE) for moment in moments]
    for cached in (
        motion.motion, stadium.ground, sprites.body, sprites.ball, overlays.score_bug,
        overlays.caption, overlays.board,
    ):  # fmt: skip
        cached.cache_clear()
    backwards = [draw(invent("pure", SHORT_S), *moment, SIZE) for moment in reversed(moments)]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(forwards[1], forwards[2])


@pytest.mark.parametrize("size", [(398, 224), (112, 56), (64, 36), (640, 360)])
def test_every_size_can_be_drawn(size):
    script = invent(3, SHORT_S)
    for half in HALVES:
        for time_s in np.arange(0, SHORT_S + 1, 4.7):
            frame = draw(script, half, float(time_s), size)
            assert frame.shape == (size[1], size[0], 3)
            assert frame.dtype == np.uint8
            assert frame.flags.writeable


def test_the_second_halfs_clock_starts_at_45_00():
    assert overlays.clock(1, 61.9) == "01:01"
    assert overlays.clock(2, 0.0) == "45:00"
    assert overlays.clock(2, 61.9) == "46:01"
    script = invent(1)
    assert not np.array_equal(_bug(script, 1, 20.0), _bug(script, 2, 20.0))


def _bug(script, half: int, time_s: float) -> np.ndarray:
    left, top, right, bottom = overlays.score_bug_box(SIZE)
    return draw(script, half, time_s, SIZE)[top:bottom, left:right]


def test_the_score_bugs_digits_change_at_a_goal_and_not_before():
    for script, goal in _events("Goal"):
        before = _bug(script, goal.half, goal.time_s + SCORE_CHANGES_S - 0.1)
        after = _bug(script, goal.half, goal.time_s + SCORE_CHANGES_S + 0.1)
        # the codes stay, the score (home left, away right of the hyphen) changes on one side
        width = before.shape[1]
        code, home, away = (
            slice(0, round(width * 0.25)),
            slice(round(width * 0.27), round(width * 0.34)),
            slice(round(width * 0.37), round(width * 0.44)),
        )
        scored, other = (home, away) if goal.team == HOME else (away, home)
        assert np.array_equal(before[:, code], after[:, code])
        assert np.array_equal(before[:, other], after[:, other])
        assert not np.array_equal(before[:, scored], after[:, scored])


def _ball(script, event, after_s: float) -> tuple[float, float]:
    """Return the ball in the frame of the event's side: (u, v) in metres."""
    x, y, _ = motion.motion(script, event.half).ball(event.time_s + after_s)
    return plan.to_pitch(x, y, plan.direction(event.team, event.half))


def _cut(script, event, after_s: float) -> str:
    time_s = event.time_s + after_s
    cuts = motion.motion(script, event.half).plan.cuts
    return next((cut.kind for cut in cuts if cut.start_s <= time_s < cut.end_s), "wide")


def test_at_a_goal_the_ball_crosses_the_line_between_the_posts():
    for script, goal in _events("Goal"):
        u, _ = _ball(script, goal, -0.3)
        assert u < 105
        u, v = _ball(script, goal, 0.1)
        assert 105 < u < 107.5
        assert abs(v - 34) < 3.66


def test_at_a_corner_the_ball_leaves_the_flag_for_a_crowded_box():
    for script, corner in _events("Corner"):
        u, v = _ball(script, corner, 0)
        assert u > 104
        assert min(v, 68 - v) < 1
        assert _ball(script, corner, 1.2)[0] < u - 2 or abs(_ball(script, corner, 1.2)[1] - v) > 10
        bodies = motion.motion(script, corner.half).at(corner.time_s).bodies[:22]
        facing = plan.direction(corner.team, corner.half)
        in_box = [plan.to_pitch(x, y, facing)[0] > 88.5 for x, y in bodies]
        assert sum(in_box) >= 12


def test_a_shot_on_target_ends_at_the_goal_where_the_keeper_dives():
    for script, shot in _events("Shots on target"):
        u, v = _ball(script, shot, 0.8)
        assert u > 102
        assert abs(v - 34) < 3.66
        keeper = plan.keeper(AWAY if shot.team == HOME else HOME)
        poses = motion.motion(script, shot.half).plan.poses
        assert any(
            pose.name == "dive"
            and pose.player == keeper
            and pose.start_s < shot.time_s + 0.8 < pose.end_s
            for pose in poses
        )


def test_a_clearance_sends_the_ball_out_of_the_own_box():
    for script, clearance in _events("Clearance"):
        u, v = _ball(script, clearance, 0)
        assert u < 16.5
        assert abs(v - 34) < 20.16
        assert _ball(script, clearance, 2.5)[0] > 40


def test_at_a_foul_a_player_goes_down_and_the_referee_comes():
    for script, foul in _events("Foul", range(20)):
        half = motion.motion(script, foul.half)
        [down] = [
            pose.player
            for pose in half.plan.poses
            if pose.name == "down" and pose.start_s <= foul.time_s + 1 < pose.end_s
        ]
        assert (down < 11) == (foul.team == AWAY)
        bodies = half.at(foul.time_s + 3).bodies
        assert np.hypot(*(bodies[down] - bodies[plan.REFEREE])) < 6
        assert np.hypot(*np.subtract(_ball(script, foul, 1), _ball(script, foul, 4))) < 0.1


@pytest.mark.parametrize("label", ["Direct free-kick", "Indirect free-kick"])
def test_a_free_kick_is_taken_from_a_dead_ball_before_a_wall(label):
    for script, kick in _events(label, range(20)):
        spot = np.array(_ball(script, kick, -1.5))
        assert np.hypot(*(spot - _ball(script, kick, -0.1))) < 0.1
        assert np.hypot(*(spot - _ball(script, kick, 0.4))) > 3
        half = motion.motion(script, kick.half)
        wall = [
            move
            for move in half.plan.moves
            if len(move.players) in (4, 5) and move.start_s < kick.time_s - 1 < move.end_s
        ]
        assert len(wall) == 1
        bodies = half.at(kick.time_s - 0.7).bodies[list(wall[0].players)]
        facing = plan.direction(kick.team, kick.half)
        points = [plan.to_pitch(x, y, facing) for x, y in bodies]
        assert all(5 < np.hypot(*(spot - point)) < 14 for point in points)


def test_a_substitution_shows_the_board():
    for script, change in _events("Substitution"):
        assert _cut(script, change, 0) == "board"


def test_an_unseen_kick_off_is_hidden_by_a_replay():
    hidden = [
        (script, event) for script, event in _events("Kick-off") if event.visibility == "not shown"
    ]
    assert hidden
    for script, kick_off in hidden:
        assert _cut(script, kick_off, 0) == "replay"


def test_visible_events_are_seen_in_the_wide_picture_or_on_the_board():
    for seed in range(8):
        script = invent(seed)
        for event in script.events:
            if event.label in STUDY and event.label != "Substitution":
                assert _cut(script, event, 0) == "wide"


def test_an_event_close_upon_a_goal_cuts_the_celebration_short():
    script, goal = next(_events("Goal"))
    foul = next(event for event in script.events if event.label == "Foul")
    crowded = replace(
        script,
        events=(
            replace(goal, half=1, time_ms=30_000),
            replace(foul, half=1, time_ms=37_000),
        ),
    )
    assert _cut(crowded, crowded.events[0], 5) == "close"
    assert _cut(crowded, crowded.events[1], -0.5) == "wide"


def test_the_ball_never_jumps():
    for seed in range(10):
        script = invent(seed)
        for half in HALVES:
            balls = [motion.motion(script, half).ball(t)[:2] for t in np.arange(0, 180, 0.04)]
            steps_m = np.hypot(*np.diff(balls, axis=0).T)
            assert steps_m.max() < 40 * 0.04

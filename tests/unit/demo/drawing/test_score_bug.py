"""The score bug: its looks, what it says at each time of a half, when it is on the screen."""

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from invented_matches import SIZE, events_with_label
from touchline.demo.broadcast.motion import motion
from touchline.demo.broadcast.script import HALVES, HOME, invent
from touchline.demo.demo_matches import games
from touchline.demo.drawing import bug_schedule, score_bug
from touchline.demo.drawing.looks import LOOKS, look_of
from touchline.demo.drawing.scene import draw
from touchline.demo.drawing.score_bug import Reading

ALL_LOOKS = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
SCRIPT = invent("1/0")


def picture(look, reading: Reading, script=SCRIPT) -> np.ndarray:
    return np.asarray(score_bug.draw(SIZE, look, script.home, script.away, reading))


def cell_columns(look, content: str) -> slice:
    """Return the columns of the cell in the bug's picture, a pixel inside of its edges."""
    em = score_bug._em(SIZE, look)
    [(start_em, end_em)] = [
        (start_em, end_em)
        for cell, start_em, end_em, _ in score_bug._cells(look, SCRIPT.home, SCRIPT.away)
        if cell.content == content
    ]
    return slice(int(start_em * em) + 1, int(end_em * em) - 1)


def bug_in(frame: np.ndarray, look, script) -> np.ndarray:
    left, top, right, bottom = score_bug.box(SIZE, look, script.home, script.away)
    return frame[top:bottom, left:right]


def test_the_demos_six_matches_have_six_looks():
    looks = [look_of(game.script) for game in games(6, 180.0, 1)]
    assert len(set(looks)) == 6 == len({look.name for look in LOOKS})
    again = [look_of(invent(game.script.seed)) for game in games(6, 180.0, 1)]
    assert looks == again
    assert {look_of(invent(seed)) for seed in "abcdefghijklmnop"} == set(LOOKS)


def test_no_two_looks_draw_the_same_bug():
    drawn = [picture(look, Reading("12:34", "", (1, 0))) for look in LOOKS]
    for one, other in combinations(drawn, 2):
        assert one.shape != other.shape or (one != other).any()
    assert {(look.horizontal, look.vertical) for look in LOOKS} >= {
        ("left", "top"), ("centre", "top"), ("right", "top"), ("right", "bottom"),
    }  # fmt: skip


@ALL_LOOKS
@pytest.mark.parametrize("size", [(398, 224), (200, 112), (640, 360), (1280, 720)])
def test_the_bug_is_inside_of_the_frame_for_all_teams(look, size):
    for seed in range(12):
        script = invent(seed)
        left, top, right, bottom = score_bug.box(size, look, script.home, script.away)
        assert 0 < left < right < size[0]
        assert 0 < top < bottom < size[1]
        shape = score_bug.draw(
            size, look, script.home, script.away, Reading("12:34", "", (1, 0))
        ).size
        assert shape == (right - left, bottom - top)


def test_the_clock_is_that_of_the_time_and_the_second_half_starts_at_45_00():
    assert score_bug.clock(1, 61.9) == "01:01"
    assert score_bug.clock(2, 0.0) == "45:00"
    assert score_bug.clock(2, 61.9) == "46:01"


def test_added_time_runs_on_or_is_apart():
    running, apart = LOOKS[0], LOOKS[2]
    late_s = 47 * 60 + 13.5
    assert not running.added_time_apart
    assert apart.added_time_apart
    assert score_bug.read(running, 1, late_s, (1, 0)) == ("47:13", "", (1, 0))
    assert score_bug.read(apart, 1, late_s, (1, 0)) == ("45:00", "+2:13", (1, 0))
    assert score_bug.read(apart, 2, late_s, (1, 0)) == ("90:00", "+2:13", (1, 0))
    assert score_bug.read(apart, 1, 44 * 60 + 59.9, (1, 0)) == ("44:59", "", (1, 0))


def test_one_look_has_no_seconds():
    [look] = [look for look in LOOKS if not look.with_seconds]
    assert score_bug.read(look, 2, 61.9, (0, 0)).clock == "46'"
    first, last = (score_bug.read(look, 1, time_s, (0, 0)) for time_s in (60.0, 119.9))
    assert (picture(look, first) == picture(look, last)).all()


@ALL_LOOKS
def test_the_clock_alone_changes_from_one_minute_to_the_next(look):
    one, other = (picture(look, score_bug.read(look, 1, time_s, (0, 0))) for time_s in (60, 120))
    changed = (one != other).any(axis=(0, 2))
    columns = cell_columns(look, "clock")
    assert changed[columns].any()
    changed[columns.start - 1 : columns.stop + 1] = False
    assert not changed.any()


@ALL_LOOKS
@pytest.mark.parametrize("side", [0, 1])
def test_a_goal_changes_the_digit_of_its_side(look, side):
    score = (1, 0) if side == 0 else (0, 1)
    before, after = (picture(look, Reading("12:34", "", goals)) for goals in ((0, 0), score))
    changed = np.flatnonzero((before != after).any(axis=(0, 2)))
    contents = {cell.content for row in look.rows for cell in row}
    if "score" in contents:
        columns = cell_columns(look, "score")
        middle = (columns.start + columns.stop) / 2
        assert (changed < middle).all() if side == 0 else (changed > middle).all()
    else:
        columns = cell_columns(look, ("home goals", "away goals")[side])
    assert len(changed)
    assert (columns.start <= changed).all()
    assert (changed <= columns.stop).all()


@ALL_LOOKS
def test_whole_names_or_codes_are_drawn(look):
    other = replace(SCRIPT.home, name="Xylophon", code="XYL")
    one, two = (
        score_bug.draw(SIZE, look, home, SCRIPT.away, Reading("12:34", "", (0, 0)))
        for home in (SCRIPT.home, other)
    )
    assert one.size != two.size or (np.asarray(one) != np.asarray(two)).any()


@ALL_LOOKS
def test_the_score_changes_three_to_eighteen_seconds_after_the_goal(look):
    delays_s = set()
    for script, goal in events_with_label("Goal", range(4)):
        change_s = bug_schedule.changes_s(script, look, goal)
        delays_s.add(round(change_s - goal.time_s, 3))
        before, after = (
            bug_schedule.state_at(script, look, goal.half, time_s).score
            for time_s in (change_s - 0.01, change_s + 0.01)
        )
        scored = 0 if goal.team == HOME else 1
        assert after[scored] == before[scored] + 1
        assert after[1 - scored] == before[1 - scored]
        assert after == script.score(goal.half, goal.time_s)
    assert len(delays_s) > 2
    assert min(delays_s) >= look.score_delay_s[0] >= 3
    assert max(delays_s) <= look.score_delay_s[1] <= 18


@ALL_LOOKS
def test_the_changed_score_is_first_shown_when_the_bug_is_back(look):
    for script, goal in events_with_label("Goal", range(4)):
        shown_s = bug_schedule.first_shown_s(script, look, goal)
        state = bug_schedule.state_at(script, look, goal.half, shown_s)
        assert state.score == script.score(goal.half, goal.time_s)
        assert state.opacity == 1
        assert goal.time_s + 3 <= shown_s < goal.time_s + 35


def replays(script):
    return [
        (half, cut)
        for half in HALVES
        for cut in motion(script, half).choreography.cuts
        if cut.kind == "replay"
    ]


@ALL_LOOKS
def test_replays_show_the_bug_or_not(look):
    shown = {
        bug_schedule.state_at(SCRIPT, look, half, (cut.start_s + cut.end_s) / 2).opacity
        for half, cut in replays(SCRIPT)
    }
    assert shown == {1.0 if look.in_replays else 0.0}


def test_a_bug_that_fades_has_part_of_its_opacity_in_between():
    look = replace(LOOKS[3], fade_s=1.0)
    half, cut = replays(SCRIPT)[0]
    opacities = [
        bug_schedule.state_at(SCRIPT, look, half, cut.start_s - before_s).opacity
        for before_s in (1.5, 0.75, 0.25)
    ]
    assert opacities == pytest.approx([1.0, 0.75, 0.25])
    frames = [Image.new("RGB", SIZE) for _ in range(3)]
    reading = Reading("12:34", "", (0, 0))
    for frame, opacity in zip(frames, (1.0, 0.5, 0.0), strict=True):
        score_bug.paste(frame, LOOKS[1], SCRIPT.home, SCRIPT.away, reading, opacity)
    light = [int(np.asarray(frame).max()) for frame in frames]
    assert light[0] > 200 > light[1] > 90 > light[2] == 0


def test_the_bug_appears_some_seconds_after_the_start_where_the_look_says_so():
    look = LOOKS[3]
    assert bug_schedule.state_at(SCRIPT, look, 1, look.appears_s - 1).opacity == 0
    assert bug_schedule.state_at(SCRIPT, look, 1, look.appears_s).opacity == 1
    assert bug_schedule.state_at(SCRIPT, LOOKS[0], 1, 0.0).opacity == 1


def test_an_advertisement_moves_the_bug_away_from_the_edge():
    moved = 0
    for game in games(6, 180.0, 1):
        script, look = game.script, look_of(game.script)
        for half in HALVES:
            adverts, _ = bug_schedule.interruptions(script, look, half)
            assert look.advert_s or not adverts
            for start_s, end_s in adverts:
                inside, before = (
                    draw(script, half, time_s, SIZE)
                    for time_s in ((start_s + end_s) / 2, start_s - 1)
                )
                strip = inside[2:6, 2:20].reshape(-1, 3)
                assert (strip == strip[0]).all()
                assert (before[2:6, 2:20] != inside[2:6, 2:20]).any()
                moved += 1
    assert moved >= 3


def test_a_black_out_is_black():
    look = LOOKS[4]
    _, black_outs = bug_schedule.interruptions(SCRIPT, look, 1)
    [(start_s, end_s)] = black_outs
    assert end_s - start_s == pytest.approx(look.black_out_s)
    assert not draw(SCRIPT, 1, start_s, SIZE, look).any()
    assert draw(SCRIPT, 1, start_s - 0.04, SIZE, look).any()
    assert draw(SCRIPT, 1, end_s, SIZE, look).any()


@ALL_LOOKS
def test_adverts_and_black_outs_hide_no_event(look):
    look = replace(look, advert_s=9.0, black_out_s=3.0)
    for seed in range(6):
        script = invent(seed)
        for half in HALVES:
            for start_s, end_s in sum(bug_schedule.interruptions(script, look, half), ()):
                for event in script.of_half(half):
                    assert not start_s - 4 < event.time_s < end_s + 4


@ALL_LOOKS
def test_the_bug_of_the_look_is_in_the_frame(look):
    time_s = 20.0 + look.appears_s
    frame = draw(SCRIPT, 1, time_s, SIZE, look)
    state = bug_schedule.state_at(SCRIPT, look, 1, time_s)
    bug = picture(look, score_bug.read(look, 1, time_s, state.score))
    opaque = bug[..., 3] == 255
    if state.opacity == 1 and not state.advert and not state.is_black:
        assert (bug_in(frame, look, SCRIPT)[opaque] == bug[opaque][:, :3]).all()
    assert re.fullmatch(r"\d\d:\d\d|\d+'", score_bug.read(look, 1, time_s, (0, 0)).clock)

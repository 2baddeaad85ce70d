"""The match clock is fitted through readings of which many are wrong."""

import numpy as np
import pytest

from touchline.scoreboard.clock_fit import counts_down, fit_lines
from touchline.scoreboard.halves import find_halves, fit_clock
from touchline.scoreboard.readings import FrameText
from touchline.scoreboard.texts import ClockText

RNG = np.random.default_rng(3)


def readings(spans, step_s=9.7, wrong=0.0):
    """Return times and clocks; a span is (from, to, kick-off (s of video), slope, clock at kick-off)."""
    times, clocks = [], []
    for start_s, end_s, kick_off_s, slope, zero_s in spans:
        for time_s in np.arange(start_s, end_s, step_s):
            times.append(time_s)
            clocks.append(np.floor(slope * (time_s - kick_off_s) + zero_s))
    times_s, clocks_s = np.array(times), np.array(clocks, float)
    bad = RNG.random(len(times_s)) < wrong
    clocks_s[bad] = RNG.integers(0, 5400, bad.sum())
    return times_s, clocks_s


def halves_of(spans, half=None, unit_s=1.0, **options):
    times_s, clocks_s = readings(spans, **options)
    clocks_s = np.floor(clocks_s / unit_s) * unit_s
    units_s = np.full(len(times_s), unit_s)
    lines = fit_lines(times_s, clocks_s, units_s, np.arange(len(times_s)))
    found, oddities = find_halves(lines, times_s, half)
    return {one.number: one.lines[0].time_s(one.zero_s) for one in found}, oddities


def test_kick_offs_are_found_where_a_third_of_the_readings_is_wrong():
    spans = [(130, 2880, 125.4, 1.0010, 0), (3700, 6500, 3690.2, 1.0009, 2700)]
    starts_s, oddities = halves_of(spans, wrong=0.35)
    assert starts_s == pytest.approx({1: 125.4, 2: 3690.2}, abs=0.3)
    assert oddities == []


def test_the_second_half_follows_from_the_clock_that_jumps_back_without_a_break():
    spans = [(0, 2757, -0.5, 1.0, 0), (2757, 5500, 2753.1, 1.0, 2700)]
    starts_s, _ = halves_of(spans)
    assert starts_s == pytest.approx({1: -0.5, 2: 2753.1}, abs=0.3)


def test_stretches_read_each_whole_second_do_not_tilt_the_clock():
    every_ten_s = np.arange(13.3, 640, 9.6)
    each_second = np.concatenate([np.arange(70.0, 130), np.arange(200.0, 245)])
    times_s = np.sort(np.concatenate([every_ten_s, each_second]))
    clocks_s = np.floor(1.001 * (times_s - 10.0))
    [line] = fit_lines(times_s, clocks_s, np.ones(len(times_s)), np.arange(len(times_s)))
    assert line.slope == pytest.approx(1.001, abs=0.0001)
    assert line.time_s(0.0) == pytest.approx(10.0, abs=0.06)


def test_a_misread_clock_in_the_first_half_does_not_make_the_second_half_the_first():
    spans = [(10, 2760, 5, 1.001, 0), (2766, 5700, 2761.0, 1.0009, 2700)]
    # At 1500 s, what the clock of the second half would have shown then.
    starts_s, oddities = halves_of([(1500, 1509, 2761.0, 1.0009, 2700), *spans])
    assert starts_s == pytest.approx({1: 5, 2: 2761.0}, abs=0.3)
    assert oddities == []


def clock_frames(*clocks):
    """Return frames with a clock each, of (time, clock, x)."""
    return [
        FrameText(time_s, clocks=(ClockText(float(clock_s), None, 1.0, 1.0, x, 20.0, 50.0, 16.0),))
        for time_s, clock_s, x in clocks
    ]


def test_a_short_clock_before_the_match_in_another_place_is_none_of_a_half():
    before = [(10.0 * k, 600 + 10 * k, 500.0) for k in range(30)]
    match = [(400 + 9.7 * k, int(9.7 * k), 60.0) for k in range(280)]
    frames = clock_frames(*before, *match)
    lines, unit_s, _ = fit_clock(frames)
    halves, oddities = find_halves(lines, np.array([frame.time_s for frame in frames]), None)
    assert unit_s == 1.0
    assert [(one.number, round(one.lines[0].time_s(0.0))) for one in halves] == [(1, 400)]
    assert oddities == []


def test_extra_time_has_halves_of_its_own():
    spans = [
        (10, 2800, 5, 1, 0), (3700, 6600, 3695, 1, 2700), (6900, 7800, 6890, 1, 5400),
        (7900, 8850, 7896, 1, 6300),
    ]  # fmt: skip
    starts_s, _ = halves_of(spans)
    assert starts_s == pytest.approx({1: 5, 2: 3695, 3: 6890, 4: 7896}, abs=0.3)


def test_a_video_that_starts_at_thirty_minutes_has_a_kick_off_before_it():
    starts_s, oddities = halves_of([(0, 1000, -1800.0, 1.0, 0)])
    assert starts_s == pytest.approx({1: -1800.0}, abs=1.0)
    assert "starts 30:00 after the kick-off of half 1" in oddities[0]


def test_halves_in_the_other_order_keep_their_numbers():
    starts_s, oddities = halves_of([(20, 2800, 15, 1, 2700), (3000, 5700, 2990, 1, 0)])
    assert starts_s == pytest.approx({2: 15, 1: 2990}, abs=0.3)
    assert oddities == ["the halves come in the order 2, 1."]


def test_a_clock_that_restarts_gives_a_second_half():
    starts_s, oddities = halves_of([(20, 2800, 15, 1, 0), (3700, 6500, 3690, 1, 0)])
    assert starts_s == pytest.approx({1: 15, 2: 3690}, abs=0.3)
    assert oddities == ["the clock of half 2 starts at 0:00."]


def test_a_video_of_one_half_is_that_half():
    starts_s, _ = halves_of([(5, 2800, 3.0, 1, 2700)], half=2)
    assert starts_s == pytest.approx({2: 3.0}, abs=0.3)


def test_a_part_of_a_half_that_is_missing_is_said():
    _, oddities = halves_of([(0, 1000, 0, 1, 0), (1000, 2400, -300, 1, 0)])
    assert "the clock of half 1 jumps by 300 s" in oddities[0]


def test_a_clock_of_minutes_is_fitted_by_the_moments_at_which_it_changes():
    spans = [(14, 1500, 12.3, 1.0, 0)]
    starts_s, _ = halves_of(spans, unit_s=60.0, step_s=0.7)
    assert starts_s == pytest.approx({1: 12.3}, abs=0.6)


def test_a_studio_clock_of_hours_and_minutes_is_no_match_clock():
    times_s = np.arange(0, 900, 10.0)
    clocks_s = 20 * 60 + 15 + np.floor(times_s / 60)  # 20:15 read as minutes and seconds
    assert fit_lines(times_s, clocks_s, np.ones(90), np.arange(90)) == []


def test_a_clock_beside_the_match_clock_is_left_out():
    times_s, clocks_s = readings([(10, 2700, 5, 1, 0)])
    late_s = times_s[50:90], clocks_s[50:90] - 7  # a screen in the stadium, seven seconds late
    times_s, clocks_s = np.append(times_s, late_s[0]), np.append(clocks_s, late_s[1])
    lines = fit_lines(times_s, clocks_s, np.ones(len(times_s)), np.arange(len(times_s)))
    halves, oddities = find_halves(lines, times_s, None)
    assert [half.number for half in halves] == [1]
    assert halves[0].lines[0].time_s(0) == pytest.approx(5, abs=0.3)
    assert oddities == []


def test_a_clock_that_counts_down_is_told_from_one_that_counts_up():
    times_s, clocks_s = readings([(10, 1000, 5, 1, 0)])
    frames = np.arange(len(times_s))
    assert counts_down(times_s, 2700 - clocks_s, frames)
    assert not counts_down(times_s, clocks_s, frames)

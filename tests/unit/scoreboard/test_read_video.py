"""Halves and goals of invented broadcasts, read from their pictures by the real networks."""

import dataclasses
import socket
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from broadcast_videos import write
from broadcasts import Broadcast, Goal
from scoreboard_truth import compare
from touchline.core import schema
from touchline.demo.broadcast.script import AWAY, HOME
from touchline.demo.drawing.looks import LOOKS
from touchline.scoreboard import result, scoreboard
from touchline.scoreboard.scoreboard import Settings, read_video
from touchline.video.frame_reader import VideoError

pytest.importorskip("rapidocr")

# A match with a goal that is taken back, replays without the score bug, and a break.
GOALS = (
    Goal(1, 12.0, HOME), Goal(2, 8.0, AWAY), Goal(2, 20.0, HOME, counts=False),
)  # fmt: skip
MATCH = Broadcast(
    dataclasses.replace(LOOKS[1], score_delay_s=(4.0, 8.0)), 3, {1: 44.0, 2: 90.0}, goals=GOALS,
    before_s=6.0, between_s=6.0, after_s=2.0, slope=1.001,
)  # fmt: skip


@pytest.fixture(scope="module")
def match(tmp_path_factory):
    """Return the video of the match, the truth, and what is read in it."""
    video = tmp_path_factory.mktemp("match") / "match.mp4"
    truth = write(video, MATCH)
    return video, truth, *read_video(video)


def read(tmp_path: Path, settings: Settings | None = None, **options):
    """Return the truth about a broadcast and its scoreboard; the goals are none unless given."""
    defaults = {"goals": (), "before_s": 3.0, "between_s": 3.0, "after_s": 1.0}
    broadcast = Broadcast(**defaults | options)
    truth = write(tmp_path / "video.mp4", broadcast)
    return truth, read_video(tmp_path / "video.mp4", settings)[1]


def test_kick_offs_goals_and_sides_are_those_of_the_match(match):
    _, truth, _, board = match
    compared = compare(board, truth)
    assert compared.kick_off_error_s < 1
    assert (compared.goals, compared.found, compared.false) == (2, 2, 0)
    assert board.names == tuple(team.code for team in MATCH.teams)
    assert [half.half for half in board.halves] == [1, 2]
    assert [half.end_s for half in board.halves] == pytest.approx(
        list(truth.ends_s.values()), abs=2.5
    )


def test_the_box_is_that_of_the_score_bug(match):
    _, truth, _, board = match
    left, top, right, bottom = truth.box
    x, y, w, h = board.box
    assert (x, y, x + w, y + h) == pytest.approx((left, top, right, bottom), abs=12)


def test_the_readings_say_what_each_was_used_for(match):
    _, _, readings, board = match
    assert dict(readings.schema) == dict(schema.READINGS)
    assert readings["time_s"].is_sorted()
    used = readings.filter(pl.col("decision") == "used")
    assert used["residual_s"].abs().max() < 2
    assert sum(half.readings for half in board.halves) == len(readings.drop_nulls("half"))
    outside = readings.filter(pl.col("time_s") < 5)
    assert outside["half"].is_null().all()


def test_the_file_gives_back_what_was_written(match, tmp_path):
    _, _, readings, board = match
    result.save(tmp_path / "board.parquet", readings, board)
    assert result.load(tmp_path / "board.parquet") == board
    assert schema.read(tmp_path / "board.parquet", schema.READINGS).equals(readings)


def test_the_preview_shows_frames_with_the_box(match, tmp_path):
    video, _, readings, board = match
    scoreboard.write_preview(video, tmp_path / "preview.png", readings, board)
    preview = Image.open(tmp_path / "preview.png").convert("RGB")
    colours = {colour for _, colour in preview.getcolors(maxcolors=2**24)}
    assert (255, 220, 0) in colours
    assert (0, 200, 255) in colours


def test_without_a_score_bug_there_is_a_sentence_and_nothing_else(tmp_path):
    _, board = read(tmp_path, has_bug=False, halves={1: 20.0})
    assert (board.halves, board.goals, board.box) == ((), (), None)
    assert "no match clock that runs was found" in str(board.problems[0])


def test_a_clock_that_counts_down_is_named_as_not_supported(tmp_path):
    _, board = read(tmp_path, counts_down=True, halves={1: 40.0})
    assert (board.halves, board.goals) == ((), ())
    assert "counts down, which is not supported" in str(board.problems[0])


def test_a_late_clock_in_the_stadium_is_no_second_half(tmp_path):
    truth, board = read(tmp_path, has_stadium_clock=True, halves={1: 40.0}, seed=5)
    assert compare(board, truth).kick_off_error_s < 1


def test_a_video_that_starts_at_thirty_minutes_has_its_kick_off_before_it(tmp_path):
    truth, board = read(tmp_path, joined_s={1: 1800.0}, halves={1: 30.0}, before_s=0.04)
    assert compare(board, truth).kick_off_error_s < 1.5
    assert board.halves[0].start_s < -1700
    assert "after the kick-off of half 1" in str(board.problems[0])


def test_halves_in_the_other_order_keep_their_numbers_and_give_no_goal(tmp_path):
    goal = (Goal(1, 6.0, HOME),)
    truth, board = read(tmp_path, halves={2: 24.0, 1: 30.0}, goals=goal)
    compared = compare(board, truth)
    assert compared.kick_off_error_s < 1
    assert (compared.found, compared.false) == (1, 0)
    assert "the halves come in the order 2, 1." in str(board.problems[0])


def test_a_phones_portrait_video_of_a_television_is_read(tmp_path):
    truth, board = read(tmp_path, is_portrait=True, size=(720, 1280), rate=10, halves={1: 24.0})
    assert compare(board, truth).kick_off_error_s < 1


def test_the_networks_are_opened_without_a_connection(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert scoreboard.TextReader(1) is not None


def test_a_file_that_is_no_video_stops_or_is_listed(tmp_path):
    (tmp_path / "video.mkv").write_text("no video")
    arguments = [str(tmp_path / "video.mkv"), "--out", str(tmp_path / "out.parquet")]
    with pytest.raises(VideoError, match="cannot be opened"):
        scoreboard.main(arguments)
    assert not (tmp_path / "out.parquet").exists()
    scoreboard.main([*arguments, "--half", "2", "--match", "m", "--on-problem", "set-aside"])
    [problem] = result.load(tmp_path / "out.parquet").problems
    assert (problem.match, problem.half, problem.effect) == ("m", 2, "noted")
    assert len(schema.read(tmp_path / "out.parquet", schema.READINGS)) == 0

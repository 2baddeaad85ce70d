"""A whole match as one video: what is in the file at the times that its truth names."""

from functools import partial

import av
import numpy as np
import pytest

from touchline.core.problems import InputError
from touchline.demo import demo_matches
from touchline.demo.broadcast.script import invent
from touchline.demo.drawing import broadcast_film, scene, score_bug
from touchline.demo.drawing.broadcast_film import Broadcast, has_studio_clock, parts, truth
from touchline.demo.drawing.looks import LOOKS, look_of

SIZE, RATE = (200, 112), 5
SHORT_S = 75.0
BROADCAST = Broadcast(invent("1/1", SHORT_S), look=LOOKS[4], before_s=6, between_s=7, after_s=3)


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> dict[float, np.ndarray]:
    """The frames of the file by their times, which are rounded to 1/100 s."""
    path = tmp_path_factory.mktemp("broadcast") / "match.mp4"
    broadcast_film.render(path, BROADCAST, SIZE, RATE)
    with av.open(str(path)) as file:
        assert len(file.streams.audio) == 1
        assert file.duration / 1e6 == pytest.approx(6 + 75 + 7 + 75 + 3, abs=0.2)
        return {
            round(frame.time, 2): frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)
        }


def error(frame: np.ndarray, drawn: np.ndarray) -> float:
    return float(np.abs(frame.astype(int) - drawn).mean())


def test_the_halves_start_and_end_in_the_file_where_the_truth_says(frames):
    known = truth(BROADCAST, SIZE)
    assert known.starts_s == {1: 6.0, 2: 88.0}
    assert known.ends_s == {1: 81.0, 2: 163.0}
    for half, start_s in known.starts_s.items():
        first = scene.draw(BROADCAST.script, half, 0.0, SIZE, BROADCAST.bug)
        last = scene.draw(BROADCAST.script, half, SHORT_S - 0.2, SIZE, BROADCAST.bug)
        end_s = known.ends_s[half]
        assert error(frames[start_s], first) < 8 < error(frames[start_s - 0.2], first)
        assert error(frames[round(end_s - 0.2, 2)], last) < 8 < error(frames[end_s], last)


def bug_error(frame: np.ndarray, time_s: float, half: int, score: tuple[int, int]) -> float:
    """Return how much the frame differs from the bug with this clock and score, at its place."""
    script, look = BROADCAST.script, BROADCAST.bug
    left, top, right, bottom = truth(BROADCAST, SIZE).box
    reading = score_bug.read(look, half, time_s, score)
    drawn = np.asarray(score_bug.draw(SIZE, look, script.home, script.away, reading))
    return error(frame[top:bottom, left:right], drawn[..., :3])


def test_the_bug_is_in_the_halves_alone_with_the_time_since_their_start(frames):
    known = truth(BROADCAST, SIZE)
    for half, start_s in known.starts_s.items():
        score = BROADCAST.script.score(half, 0.0)
        assert bug_error(frames[start_s + 1], 1.0, half, score) < 15
        assert bug_error(frames[start_s + 1], 1.0, half, score) < bug_error(
            frames[start_s + 1], 8.0, half, score
        )
    for time_s in (2.0, 5.8, 81.2, 87.8, 163.2):
        assert bug_error(frames[time_s], 1.0, 1, (0, 0)) > 30


def test_each_goal_is_on_the_bug_when_the_truth_says_so_and_not_before(frames):
    known = truth(BROADCAST, SIZE)
    assert len(known.goals) == sum(BROADCAST.script.score()) > 0
    for goal in known.goals:
        start_s = known.starts_s[goal.half]
        event_s = goal.time_s - start_s
        assert any(
            (event.label, event.half, event.team) == ("Goal", goal.half, goal.side)
            and event.time_s == pytest.approx(event_s)
            for event in BROADCAST.script.events
        )
        assert 3 <= goal.shown_s - goal.time_s < 35
        before = BROADCAST.script.score(goal.half, event_s - 0.01)
        assert sum(goal.score) == sum(before) + 1
        shown_s = round(np.ceil(goal.shown_s * RATE) / RATE, 2)
        for time_s, score in ((shown_s, goal.score), (goal.time_s // 0.2 * 0.2, before)):
            frame = frames[round(time_s, 2)]
            other = before if score == goal.score else goal.score
            errors = [
                bug_error(frame, time_s - start_s, goal.half, shown) for shown in (score, other)
            ]
            assert errors[0] < errors[1]


def test_by_default_the_look_is_the_matchs_own_and_some_studios_have_a_clock():
    games = demo_matches.games(6, 180.0, 1)
    assert [Broadcast(game.script).bug for game in games] == [look_of(g.script) for g in games]
    clocks = {game.script: has_studio_clock(game.script) for game in games}
    assert set(clocks.values()) == {True, False}
    with_clock = next(script for script, has_clock in clocks.items() if has_clock)
    first, later = (broadcast_film.draw(Broadcast(with_clock), t, SIZE) for t in (1.0, 2.0))
    assert (first == later).all()
    longer = Broadcast(with_clock, before_s=90)
    assert (broadcast_film.draw(longer, 61.0, SIZE) != first).any()


def test_advertisements_change_in_the_half_time():
    start_s = parts(BROADCAST)[2].start_s
    first, second = (broadcast_film.draw(BROADCAST, start_s + s, SIZE) for s in (1.0, 6.0))
    assert (first != second).any()


def test_the_command_writes_one_match_as_one_video_and_nothing_else(tmp_path, capsys, monkeypatch):
    small = partial(broadcast_film.render, size=(64, 36), rate=2)
    monkeypatch.setattr(broadcast_film, "render", small)
    out = tmp_path / "match.mkv"
    arguments = ["--half-s", "75", "--matches", "3", "--match", "2"]
    demo_matches.main(["--broadcast", str(out), *arguments])
    assert [path.name for path in tmp_path.iterdir()] == ["match.mkv"]
    game = demo_matches.games(3, 75.0, 1)[1]
    assert capsys.readouterr().out == f"{out}: {game.path}\n"
    with av.open(str(out)) as file:
        expected_s = parts(Broadcast(game.script))[-1].end_s
        assert file.duration / 1e6 == pytest.approx(expected_s, abs=0.6)


@pytest.mark.parametrize("name", ["match.avi", "match", "match.txt"])
def test_a_broadcast_of_another_format_is_refused_with_a_sentence(tmp_path, name):
    with pytest.raises(InputError, match=r"name an \.mp4 or \.mkv file"):
        demo_matches.main(["--broadcast", str(tmp_path / name)])
    assert not list(tmp_path.iterdir())

"""The reel of a broadcast, whose score bug tells the halves and the goals, with nothing else given."""

import json
from dataclasses import replace

import pytest

from broadcast_videos import write
from broadcasts import Broadcast, Goal
from project import stage
from touchline.demo.drawing.looks import LOOKS

pytestmark = pytest.mark.slow

GOALS = (Goal(1, 20.0, "away"), Goal(2, 10.0, "home"), Goal(2, 32.0, "home"))
MATCH = Broadcast(
    LOOKS[0], halves={1: 45.0, 2: 55.0}, goals=GOALS, size=(398, 224), rate=12, picture_s=2.0
)
QUIET = ("--transcribe", "never")


@pytest.fixture(scope="module")
def match(tmp_path_factory):
    """A folder with a match of two halves in one file, its truth, and a cache of what was read."""
    folder = tmp_path_factory.mktemp("match")
    truth = write(folder / "match.mp4", MATCH)
    stage("reel", "match.mp4", "--query", "goals", *QUIET, "--cache", "cache", cwd=folder)
    return folder, truth


@pytest.fixture
def folder(match, tmp_path):
    """An empty folder, beside that of the match."""
    return tmp_path


def reel(match, folder, query, *words):
    video, cache = match[0] / "match.mp4", match[0] / "cache"
    done = stage("reel", video, "--query", query, *QUIET, "--cache", cache, *words, cwd=folder)
    (path,) = folder.glob("reel/reels/*/reel.json")
    return json.loads(path.read_text()), done.stdout


def goals_shown(content, truth) -> list[tuple]:
    """Return (half, side, score) of the clips that have the ball in the net inside of them."""
    shown = []
    for clip in content["clips"]:
        for hit in clip["hits"]:
            evidence = hit["evidence"]
            goal = next(goal for goal in truth.goals if list(goal.score) == evidence["score_after"])
            assert clip["start_s"] + 5 <= goal.time_s <= clip["end_s"]
            shown.append((clip["half"], evidence["side"], goal.score))
    return shown


def test_the_goals_of_a_match_with_nothing_but_its_video(match, folder):
    _, truth = match
    content, told = reel(match, folder, "goals")
    assert goals_shown(content, truth) == [(g.half, g.side, g.score) for g in truth.goals]
    for half in (1, 2):
        assert content["halves"][str(half)]["start_s"] == pytest.approx(truth.starts_s[half], abs=1)
    assert "Goals that the score shows: 1 in half 1, 2 in half 2." in told
    assert "estimated from the score alone" in told
    assert (folder / "reel/reels/match/reel.mp4").is_file()


def test_a_second_query_reads_the_video_no_more(match, folder):
    before = {path: path.stat().st_mtime_ns for path in (match[0] / "cache").rglob("*.parquet")}
    assert len(before) == 1
    content, _ = reel(match, folder, "the goals of the second half")
    assert goals_shown(content, match[1]) == [(2, "home", (1, 1)), (2, "home", (2, 1))]
    after = {path: path.stat().st_mtime_ns for path in (match[0] / "cache").rglob("*.parquet")}
    assert after == before


@pytest.mark.parametrize(
    ("query", "halves"), [("goals of the home team", [2, 2]), ("goals of the away team", [1])]
)
def test_the_score_tells_whose_goal_it_is(match, folder, query, halves):
    content, _ = reel(match, folder, query)
    assert [
        hit for clip in content["clips"] for hit in [clip["half"]] * len(clip["hits"])
    ] == halves


def test_commentary_tells_when_and_the_score_whether(match, folder):
    _, truth = match
    goal = truth.goals[0]
    said = [
        [goal.time_s + shift_s, goal.time_s + shift_s + 2, text]
        for shift_s, text in (
            (-8, "He is through, he must score!"), (0.5, "And it's a goal! A goal!"),
            (3, "What a goal, what a finish, they lead one nil."),
        )
    ]  # fmt: skip
    wrong_s = truth.starts_s[1] + 40
    said += [[wrong_s, wrong_s + 2, "And it's a goal! A goal! What a goal, what a finish."]]
    segments = {str(number): line for number, line in enumerate(sorted(said))}
    (folder / "said.json").write_text(json.dumps({"segments": segments}))
    content, told = reel(match, folder, "goals", "--commentary", "said.json")
    assert goals_shown(content, truth) == [(g.half, g.side, g.score) for g in truth.goals]
    first = content["clips"][0]["hits"][0]
    assert first["time_s"] + truth.starts_s[1] == pytest.approx(goal.time_s, abs=4)
    assert any("they lead one nil" in line for line in first["lines"])
    assert "; the model confirms" in told


def test_halves_that_are_given_overrule_the_clock(match, folder):
    _, truth = match
    span = f"{truth.starts_s[2]:.0f}-{truth.ends_s[2]:.0f}"
    content, _ = reel(match, folder, "goals", "--halves", span)
    assert list(content["halves"]) == ["1"]
    assert [hit["evidence"]["score_after"] for clip in content["clips"] for hit in clip["hits"]] == [
        [1, 1], [2, 1],
    ]  # fmt: skip


def test_two_videos_with_pre_roll_are_told_apart_by_their_clocks(tmp_path):
    names = ("b.mp4", "a.mp4")  # the second half first
    for half, name in zip((2, 1), names, strict=True):
        goals = tuple(goal for goal in GOALS if goal.half == half)
        one = replace(MATCH, halves={half: MATCH.halves[half]}, goals=goals)
        truth = write(tmp_path / name, one)
    words = ("--query", "goals", *QUIET, "--cache", "cache")
    told = stage("reel", *names, *words, cwd=tmp_path).stdout
    content = json.loads((tmp_path / "reel/reels/b/reel.json").read_text())
    assert [half["video"] for half in content["halves"].values()] == ["a.mp4", "b.mp4"]
    assert content["halves"]["1"]["start_s"] == pytest.approx(truth.starts_s[1], abs=1)
    assert content["clips"][0]["half"] == 1
    # The score bug of these two drawings starts at 0-0 in each half.
    assert "0-1 at the end of half 1 and 0-0 at the start of half 2" in told


def test_without_a_score_bug_and_commentary_it_says_what_is_missing(tmp_path):
    write(tmp_path / "match.mp4", replace(MATCH, halves={1: 20.0}, goals=(), has_bug=False))
    words = ("--query", "goals", *QUIET, "--cache", "cache")
    done = stage("reel", "match.mp4", *words, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "no match clock that runs was found in the picture" in done.stderr
    assert "reads commentary alone, and there is none. Give --commentary" in done.stderr
    assert not (tmp_path / "reel").exists()

"""The demo's matches: SoccerNet's and Echoes' schemas, and pictures that show what the labels say."""

import csv
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from touchline import demo
from touchline.broadcast import figures, film, graphics, motion, phrases, plan, sound, stadium
from touchline.broadcast.names import CLUBS
from touchline.broadcast.scene import SCORE_CHANGES_S, draw
from touchline.broadcast.script import AWAY, HALVES, HOME, invent
from touchline.broadcast.speech import segments
from touchline.problems import InputError

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
SOCCERNET_LABELS = {
    *STUDY, "Ball out of play", "Throw-in", "Shots off target", "Offside", "Yellow card",
    "Red card", "Yellow->red card", "Kick-off", "Penalty",
}  # fmt: skip


def _texts(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".json", ".csv")
    }


def _make(out: Path, *more: str) -> dict[str, bytes]:
    demo.main(["--out", str(out), "--no-video", *more])
    return _texts(out)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    demo.main(["--out", str(out), "--no-video"])
    return out


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Three short matches with their videos."""
    out = tmp_path_factory.mktemp("rendered")
    demo.main(["--out", str(out), "--matches", "3", "--half-s", str(SHORT_S)])
    return out


def _labels(out: Path) -> list[tuple[str, dict]]:
    return [
        (path.parent.name, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(out.glob("SoccerNet/*/*/*/Labels-v2.json"))
    ]


def _events(label: str, scripts=range(8)):
    """Yield (script, event) of a label over a few scripts, those with time around them."""
    for seed in scripts:
        script = invent(seed)
        for event in script.events:
            if event.label == label and 8 < event.time_s < script.half_s - 8:
                yield script, event


# --- labels, commentary, lists ---


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    for hash_seed in ("0", "7"):
        subprocess.run(
            [sys.executable, "-m", "touchline.demo", "--no-video", "--out", tmp_path / hash_seed],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
    assert _texts(tmp_path / "0") == _texts(tmp_path / "7") != {}


def test_another_seed_gives_other_labels_and_commentary(made, tmp_path):
    first, second = _texts(made), _make(tmp_path, "--seed", "2")
    for kind in ("Labels-v2.json", "1_asr.json"):
        contents = [{v for k, v in files.items() if k.endswith(kind)} for files in (first, second)]
        assert len(contents[0]) == 6
        assert not contents[0] & contents[1]


def test_labels_follow_soccernets_schema(made):
    for _, labels in _labels(made):
        assert labels["gameScore"].count(" - ") == 1
        times = []
        for entry in labels["annotations"]:
            assert set(entry) == {"gameTime", "label", "position", "team", "visibility"}
            assert entry["label"] in SOCCERNET_LABELS
            assert entry["team"] in ("home", "away", "not applicable")
            assert entry["visibility"] in ("visible", "not shown")
            half, clock = entry["gameTime"].split(" - ")
            seconds = int(entry["position"]) // 1000
            assert clock == f"{seconds // 60:02d}:{seconds % 60:02d}"
            assert 0 < int(entry["position"]) < 180_000
            times.append((half, int(entry["position"])))
        assert times == sorted(times)


def test_the_score_in_the_folders_name_is_the_goals_labelled(made):
    scores = set()
    for name, labels in _labels(made):
        goals = [e["team"] for e in labels["annotations"] if e["label"] == "Goal"]
        score = f"{goals.count('home')} - {goals.count('away')}"
        assert f" {labels['gameHomeTeam']} {score} {labels['gameAwayTeam']}" in name
        scores.add(score)
    assert len(scores) > 1


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


def test_all_splits_and_all_halves_are_listed(made):
    with open(made / "splits.csv", encoding="utf-8") as file:
        splits = list(csv.DictReader(file))
    assert [row["split"] for row in splits] == ["train"] * 3 + ["valid"] + ["test"] * 2
    with open(made / "half_lengths.csv", encoding="utf-8") as file:
        lengths = list(csv.DictReader(file))
    assert [(row["game"], row["half"]) for row in lengths] == [
        (row["game"], half) for row in splits for half in ("1", "2")
    ]
    assert {float(row["duration_s"]) for row in lengths} == {180.0}
    for row in splits:
        assert (made / "SoccerNet" / row["game"] / "Labels-v2.json").is_file()


@pytest.mark.parametrize("matches", [3, 4, 9, 20])
def test_every_number_of_matches_has_all_splits(matches):
    games = demo.games(matches, 180.0, 1)
    splits = [game.split for game in games]
    assert set(splits) == {"train", "valid", "test"}
    assert splits.count("train") >= splits.count("valid")
    assert len({game.path for game in games}) == matches


def test_commentary_follows_echoes_schema_and_has_its_oddities(made):
    files = sorted(made.glob("sn-echoes/Dataset/whisper_v1_en/*/*/*/[12]_asr.json"))
    assert len(files) == 12
    for path in files:
        spoken = json.loads(path.read_text(encoding="utf-8"))["segments"]
        assert list(spoken) == [str(number) for number in range(len(spoken))]
        texts = [text for _, _, text in spoken.values()]
        assert texts.count("") == 1
        assert any(a == b != "" for a, b in pairwise(texts))
        assert list(spoken.values())[-1][1] > 180
        ends = [0.0, *(end for _, end, _ in spoken.values())]
        assert all(start >= end for (start, _, _), end in zip(spoken.values(), ends, strict=False))
        assert all(start < end for start, end, _ in spoken.values())


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


# --- the command ---


def test_a_second_call_does_nothing(tmp_path):
    assert demo.make(tmp_path, 3, SHORT_S, 1, video=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert not demo.make(tmp_path, 3, SHORT_S, 1, video=False)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}


def test_a_missing_file_is_made_again(tmp_path):
    demo.make(tmp_path, 3, SHORT_S, 1, video=False)
    (tmp_path / "splits.csv").unlink()
    assert demo.make(tmp_path, 3, SHORT_S, 1, video=False)
    assert (tmp_path / "splits.csv").is_file()


def test_changed_code_makes_everything_again(tmp_path, monkeypatch):
    demo.make(tmp_path, 3, SHORT_S, 1, video=False)
    monkeypatch.setattr(demo, "digest", lambda *modules: "other code")
    assert demo.make(tmp_path, 3, SHORT_S, 1, video=False)


def test_another_seed_leaves_no_match_of_the_first_and_nothing_foreign_is_touched(tmp_path):
    demo.make(tmp_path, 3, SHORT_S, 1, video=False)
    (tmp_path / "SoccerNet" / "mine.txt").write_text("mine")
    demo.make(tmp_path, 3, SHORT_S, 5, video=False)
    expected = {Path(game.path).name for game in demo.games(3, SHORT_S, 5)}
    assert {path.name for path in tmp_path.glob("SoccerNet/*/*/*")} == expected
    assert (tmp_path / "SoccerNet" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--matches", "2"], "need 3 matches or more"),
        (["--half-s", "20"], "a half lasts 75 to 3600 seconds"),
        (["--half-s", "nan"], "a half lasts"),
        (["--match", "7"], "matches 1 to 6"),
    ],
)
def test_arguments_out_of_range_are_refused_with_a_sentence(tmp_path, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        demo.main(["--out", str(tmp_path / "out"), "--no-video", *arguments])
    assert not (tmp_path / "out").exists()


def test_an_out_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="there is a file of that name"):
        demo.main(["--out", str(tmp_path / "out")])


def test_the_contact_sheet_has_a_row_for_every_action(tmp_path):
    demo.main(
        ["--contact-sheet", str(tmp_path / "sheet.png"), "--match", "2", "--half-s", str(SHORT_S)]
    )
    with av.open(str(tmp_path / "sheet.png")) as file:
        width, height = file.streams.video[0].width, file.streams.video[0].height
    script = demo.games(6, SHORT_S, 1)[1].script
    rows = sum(event.label not in ("Ball out of play", "Throw-in") for event in script.events)
    assert (width, height) == (6 * 398, rows * (224 + 18))


# --- videos ---


def test_every_half_has_a_playable_video_of_the_listed_length(rendered):
    videos = sorted(rendered.glob("SoccerNet/*/*/*/[12]_224p.mkv"))
    assert len(videos) == 6
    for path in videos[:2]:
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            assert (stream.width, stream.height) == SIZE
            assert stream.codec_context.name == "h264"
            assert stream.average_rate == film.FRAME_RATE
            times = [frame.time for frame in file.decode(stream)]
        assert np.allclose(times, np.arange(SHORT_S * 25) / 25, atol=0.0011)  # the container's ms
        with av.open(str(path)) as file:
            assert file.duration / 1e6 == pytest.approx(SHORT_S, abs=0.002)


def test_a_frame_of_the_video_is_the_drawing_of_its_time(rendered):
    game = demo.games(3, SHORT_S, 1)[0]
    with av.open(str(rendered / "SoccerNet" / game.path / "2_224p.mkv")) as file:
        frame = next(frame for frame in file.decode(video=0) if frame.time >= 20)
    error = {
        time_s: np.abs(frame.to_ndarray(format="rgb24").astype(int) - drawn).mean()
        for time_s in (19.5, 20.0, 20.5)
        for drawn in [draw(game.script, 2, time_s, SIZE)]
    }
    assert min(error, key=error.get) == 20.0
    assert error[20.0] < 6


def test_the_video_has_sound_that_swells_at_a_goal(rendered):
    game = demo.games(3, SHORT_S, 1)[0]
    goal = next(event for event in game.script.events if event.label == "Goal")
    path = rendered / "SoccerNet" / game.path / f"{goal.half}_224p.mkv"
    with av.open(str(path)) as file:
        samples = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    assert len(samples) / sound.RATE == pytest.approx(SHORT_S, abs=0.2)

    def loudness(start_s: float, end_s: float) -> float:
        return float(np.std(samples[round(start_s * sound.RATE) : round(end_s * sound.RATE)]))

    after = loudness(goal.time_s + 1.5, goal.time_s + 3)
    assert after > 2 * loudness(goal.time_s - 4, goal.time_s - 2) > 0


def test_the_whistle_blows_at_a_foul():
    script, foul = next(_events("Foul"))
    samples = sound.sound(script, foul.half)

    def pitch_hz(start_s: float) -> float:
        piece = samples[round(start_s * sound.RATE) :][: sound.RATE // 4]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece))))
        return float(np.fft.rfftfreq(len(piece), 1 / sound.RATE)[spectrum.argmax()])

    assert pitch_hz(foul.time_s + 0.35) == pytest.approx(2850, abs=60)
    assert pitch_hz(foul.time_s - 1.5) < 2000


# --- pictures ---


def test_drawing_is_a_function_of_its_arguments_alone():
    script = invent("pure", SHORT_S)
    moments = [(half, time_s) for half in HALVES for time_s in (0.0, 9.9, 33.3, 51.2, 70.0)]
    forwards = [draw(script, *moment, SIZE) for moment in moments]
    for cached in (
        motion.motion, stadium.ground, figures.body, figures.ball, graphics.score_bug,
        graphics.caption, graphics.board,
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
    assert graphics.clock(1, 61.9) == "01:01"
    assert graphics.clock(2, 0.0) == "45:00"
    assert graphics.clock(2, 61.9) == "46:01"
    script = invent(1)
    assert not np.array_equal(_bug(script, 1, 20.0), _bug(script, 2, 20.0))


def _bug(script, half: int, time_s: float) -> np.ndarray:
    left, top, right, bottom = graphics.score_bug_box(SIZE)
    return draw(script, half, time_s, SIZE)[top:bottom, left:right]


def test_the_score_bugs_digits_change_at_a_goal_and_not_before():
    for script, goal in _events("Goal"):
        before = _bug(script, goal.half, goal.time_s - 0.1)
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


def test_the_ball_never_jumps():
    for seed in range(10):
        script = invent(seed)
        for half in HALVES:
            balls = [motion.motion(script, half).ball(t)[:2] for t in np.arange(0, 180, 0.04)]
            steps_m = np.hypot(*np.diff(balls, axis=0).T)
            assert steps_m.max() < 40 * 0.04

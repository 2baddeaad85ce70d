"""The demo's files: SoccerNet's and Echoes' schemas, the command, the videos."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from touchline.core.problems import InputError
from touchline.demo import demo_matches
from touchline.demo.broadcast import sound
from touchline.demo.drawing import film
from touchline.demo.drawing.scene import draw

SIZE = (398, 224)
SHORT_S = 75.0
SOCCERNET_LABELS = {
    "Corner", "Shots on target", "Goal", "Clearance", "Foul", "Direct free-kick",
    "Indirect free-kick", "Substitution", "Ball out of play", "Throw-in", "Shots off target",
    "Offside", "Yellow card", "Red card", "Yellow->red card", "Kick-off", "Penalty",
}  # fmt: skip


def _texts(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".json", ".csv")
    }


def _make(out: Path, *more: str) -> dict[str, bytes]:
    demo_matches.main(["--out", str(out), "--no-video", *more])
    return _texts(out)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    demo_matches.main(["--out", str(out), "--no-video"])
    return out


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Three short matches with their videos."""
    out = tmp_path_factory.mktemp("rendered")
    demo_matches.main(["--out", str(out), "--matches", "3", "--half-s", str(SHORT_S)])
    return out


def _labels(out: Path) -> list[tuple[str, dict]]:
    return [
        (path.parent.name, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(out.glob("SoccerNet/*/*/*/Labels-v2.json"))
    ]


# --- labels, commentary, lists ---


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    for hash_seed in ("0", "7"):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "touchline",
                "demo_matches",
                "--no-video",
                "--out",
                tmp_path / hash_seed,
            ],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
    assert _texts(tmp_path / "0") == _texts(tmp_path / "7") != {}


def test_the_bytes_of_the_default_demo_are_the_same_on_every_machine():
    """Changes only with the invented matches themselves: then every number of the demo does too."""
    files = demo_matches.text_files(demo_matches.games(6, 180.0, 1))
    content = "".join(f"{path}\n{files[path]}" for path in sorted(files))
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == "d88eb52ed25e9bf3"


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
    games = demo_matches.games(matches, 180.0, 1)
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


# --- the command ---


def test_a_second_call_does_nothing(tmp_path):
    assert demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert not demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}


def test_a_missing_file_is_made_again(tmp_path):
    demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)
    (tmp_path / "splits.csv").unlink()
    assert demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)
    assert (tmp_path / "splits.csv").is_file()


def test_changed_code_makes_everything_again(tmp_path, monkeypatch):
    demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)
    monkeypatch.setattr(demo_matches, "digest", lambda *modules: "other code")
    assert demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)


def test_another_seed_leaves_no_match_of_the_first_and_nothing_foreign_is_touched(tmp_path):
    demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)
    (tmp_path / "SoccerNet" / "mine.txt").write_text("mine")
    demo_matches.make(tmp_path, 3, SHORT_S, 5, video=False)
    expected = {Path(game.path).name for game in demo_matches.games(3, SHORT_S, 5)}
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
        demo_matches.main(["--out", str(tmp_path / "out"), "--no-video", *arguments])
    assert not (tmp_path / "out").exists()


def test_an_out_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="there is a file of that name"):
        demo_matches.main(["--out", str(tmp_path / "out")])


def test_the_contact_sheet_has_a_row_for_every_action(tmp_path):
    demo_matches.main(
        ["--contact-sheet", str(tmp_path / "sheet.png"), "--match", "2", "--half-s", str(SHORT_S)]
    )
    with av.open(str(tmp_path / "sheet.png")) as file:
        width, height = file.streams.video[0].width, file.streams.video[0].height
    script = demo_matches.games(6, SHORT_S, 1)[1].script
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
    game = demo_matches.games(3, SHORT_S, 1)[0]
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
    game = demo_matches.games(3, SHORT_S, 1)[0]
    goal = next(event for event in game.script.events if event.label == "Goal")
    path = rendered / "SoccerNet" / game.path / f"{goal.half}_224p.mkv"
    with av.open(str(path)) as file:
        samples = np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)])
    assert len(samples) / sound.RATE == pytest.approx(SHORT_S, abs=0.2)

    def loudness(start_s: float, end_s: float) -> float:
        return float(np.std(samples[round(start_s * sound.RATE) : round(end_s * sound.RATE)]))

    after = loudness(goal.time_s + 1.5, goal.time_s + 3)
    assert after > 2 * loudness(goal.time_s - 4, goal.time_s - 2) > 0


@pytest.mark.parametrize("name", ["../precious", "{0}/precious", "link/precious", "..", "\0"])
def test_a_name_in_the_state_file_never_deletes_anything_outside_the_demo(tmp_path, name):
    (tmp_path / "precious").write_text("kept")
    out = tmp_path / "demo"
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    state = {"arguments": {}, "code": "", "files": [name.replace("{0}", str(tmp_path))]}
    (out / demo_matches.STATE).write_text(json.dumps(state))
    with pytest.raises(InputError, match=r"\.made\.json: .* is no file in "):
        demo_matches.make(out, 3, SHORT_S, 1, video=False)
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": [3]}', "[" * 100_000])
def test_a_damaged_state_file_is_named_with_what_deleting_it_costs(tmp_path, content):
    (tmp_path / demo_matches.STATE).write_text(content)
    with pytest.raises(InputError, match=r"\.made\.json: .*Delete it\. The matches are made again"):
        demo_matches.make(tmp_path, 3, SHORT_S, 1, video=False)

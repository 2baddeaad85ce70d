"""The reel of a user's own video: models of every kind, one video or several, and bad input."""

import json
import re
from pathlib import Path

import pytest
import yaml

import timecode
from chunks import tiny_base
from goal_commentary import goal_lines
from project import PYTHON, ROOT, run, stage
from touchline.own.reel import title_of
from touchline.own.reel_arguments import read_arguments
from video_cases import read_pictures

WORDS = {"0": [18.0, 21.0, "What a goal!"], "1": [70.0, 73.0, "Corner kick."]}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "my 50% 'match'.mp4"
    return timecode.make(path, timecode.steady(25, 150))


# What the tests of pictures count on. The default before a goal is longer; no score bug is in them.
PLAIN = ("--before-s", "4", "--no-scoreboard", "--transcribe", "never")


def reel(folder, *words, check=True):
    return stage("reel", *words, *PLAIN, cwd=folder, check=check)


def content(folder) -> dict:
    (path,) = folder.glob("reel/reels/*/reel.json")
    return json.loads(path.read_text())


def test_a_baseline_needs_nothing_but_the_video(tmp_path, film):
    done = reel(tmp_path, film, "--query", "top 2 goals", "--model", "constant")
    assert "Understood: Goal; the 2 most confident." in done.stdout
    made = content(tmp_path)
    assert made["match"] == "my-50-match"
    assert [clip["start_s"] for clip in made["clips"]] == [20, 80]
    (video,) = tmp_path.glob("reel/reels/*/reel.mp4")
    assert read_pictures(video)[1] == [*range(500, 1000), *range(2000, 2500)]
    assert "Goal 00:30: half 1, 00:20 to 00:40 of the video, confidence" in done.stdout
    assert "2 clips: reel/reels/my-50-match" in done.stdout
    assert (tmp_path / "reel/index.html").is_file()
    assert sorted(path.name for path in (tmp_path / "reel").iterdir()) == ["index.html", "reels"]


def test_a_model_that_joins_others_is_for_a_study(tmp_path, film):
    done = reel(tmp_path, film, "--query", "goals", "--model", "fused", check=False)
    assert done.stderr.startswith("error: fused joins the answers of linear, tcn, which a study")
    assert done.returncode == 2


def test_a_video_of_a_whole_match_is_told_where_its_halves_are(tmp_path, film):
    words = (film, "--query", "goals of the second half", "--model", "constant")
    done = reel(tmp_path, *words)
    assert "One video is taken for half 1. Give --halves" in done.stdout
    assert content(tmp_path)["clips"] == []
    reel(tmp_path, *words, "--halves", "0:05-1:10", "1:20-9:00")
    made = content(tmp_path)
    # Half 2 has a minute, and the 10 s up to the video's end, which the last answer is cut to.
    assert [(clip["half"], clip["title"]) for clip in made["clips"]] == [
        (2, "Goal 45:30"), (2, "Goal 46:05"),
    ]  # fmt: skip
    (video,) = tmp_path.glob("reel/reels/*/reel.mp4")
    assert read_pictures(video)[1] == [*range(2500, 3000), *range(3400, 3750)]


@pytest.mark.parametrize(
    ("line", "videos", "commentary", "halves"),
    [
        ("--commentary a.json match.mp4", ["match.mp4"], ["a.json"], []),
        ("--commentary 1.json 2.srt 1.mkv 2.MKV", ["1.mkv", "2.MKV"], ["1.json", "2.srt"], []),
        ("1.mkv --commentary 1.txt 2.txt 2.mkv", ["1.mkv", "2.mkv"], ["1.txt", "2.txt"], []),
        ("--halves 0:10-45:00 46:00-1:31:00 match.mp4", ["match.mp4"], [], ["0:10-45:00", "46:00-1:31:00"]),
        ("match.mp4 --halves 5-9 --commentary a.txt", ["match.mp4"], ["a.txt"], ["5-9"]),
        ("--commentary a.json recording", ["recording"], ["a.json"], []),
    ],
)  # fmt: skip
def test_a_video_may_stand_behind_an_option(
    tmp_path, monkeypatch, line, videos, commentary, halves
):
    monkeypatch.chdir(tmp_path)
    for name in commentary:
        (tmp_path / name).write_text("")
    for words in (f"{line} --query goals", f"--query goals {line}"):
        args = read_arguments(words.split(), "")
        assert [str(path) for path in args.videos] == videos
        assert [str(path) for path in args.commentary] == commentary
        assert args.halves == halves


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["match.mp4"], "match"),
        (["first.mkv", "second.mkv"], "first and second"),
        (["BRA-GER 2014 half 1.mkv", "BRA-GER 2014 half 2.mkv"], "BRA GER 2014"),
        (["final_1.mkv", "final_2.mkv", "final_3.mkv"], "final"),
        (["half1.mkv", "half2.mkv"], "half1 and half2"),
    ],
)
def test_the_title_is_what_the_names_of_the_files_share(names, title):
    assert title_of([Path(name) for name in names]) == title


def test_each_of_two_videos_is_told_where_its_half_is(tmp_path, film):
    (tmp_path / "second.mp4").symlink_to(film)
    words = (film, "second.mp4", "--query", "goals", "--model", "constant", "--halves")
    done = reel(tmp_path, *words, "0:10-1:10", "0:30-1:30", "0:50-1:50", check=False)
    assert done.stderr.startswith("error: --halves: 3 for 2 videos. Give one START-END for each")
    reel(tmp_path, *words, "0:10-1:10", "--halves", "0:30-1:30")
    made = content(tmp_path)
    assert [half["start_s"] for half in made["halves"].values()] == [10.0, 30.0]
    assert [clip["title"] for clip in made["clips"]] == ["Goal 00:30", "Goal 45:30"]
    (video,) = tmp_path.glob("reel/reels/*/reel.mp4")
    assert read_pictures(video)[1] == [*range(750, 1250), *range(1250, 1750)]


LIKELY, UNLIKELY = 0.9, 0.2


@pytest.fixture
def external(tmp_path):
    """A folder with a model that answers two goals, and its configuration with tuned thresholds."""
    spots = [
        {"half": "1", "position": str(position), "label": "Goal", "confidence": str(confidence)}
        for position, confidence in ((30_000, LIKELY), (90_000, UNLIKELY))
    ]
    folder = tmp_path / "spots/film"
    folder.mkdir(parents=True)
    (folder / "results_spotting.json").write_text(json.dumps({"predictions": spots}))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["models"]["other"] = {
        "backend": "external", "path": str(tmp_path / "spots"), "threshold": "tuned",
    }  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    scores = tmp_path / "study/results/scores"
    scores.mkdir(parents=True)
    (scores / "other.thresholds.csv").write_text("action,threshold\ngoal,0.5\n")
    return tmp_path


def marks(folder) -> list[str]:
    """Return the titles of the model's marks on the page's timelines."""
    page = (folder / "reel/index.html").read_text()
    return re.findall(r'title="(Goal, confidence [^"]*)"', page)


def test_tuned_thresholds_lie_beside_the_models_folder_and_hold_for_clips_and_page(external, film):
    words = (film, "--match", "film", "--query", "goals", "--model", "other")
    words = (*words, "--config", "config.yaml")
    done = reel(external, *words)
    assert "No tuned thresholds of other" in done.stdout
    assert len(content(external)["clips"]) == len(marks(external)) == 2
    reel(external, *words, "--folder", external / "study/results/models/other")
    assert [clip["confidence"] for clip in content(external)["clips"]] == [LIKELY]
    assert marks(external) == ["Goal, confidence 0.9 00:30"]


def test_the_page_has_the_answers_that_reach_the_threshold_and_no_others(external, film):
    words = (film, "--match", "film", "--query", "goals", "--model", "other", "--threshold", "0.5")
    reel(external, *words, "--config", "config.yaml")
    assert len(content(external)["clips"]) == 1
    assert marks(external) == ["Goal, confidence 0.9 00:30"]


def test_a_video_language_model_answers_an_open_question(tmp_path, film):
    tiny_base(tmp_path / "base", "qwen2_vl")
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["models"]["tiny"] = {
        "backend": "vlm", "base": str(tmp_path / "base"), "fine_tune": False, "fps": 0.1,
        "max_new_tokens": 8, "prompt": {"examples": False},
    }  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "commentary.json").write_text(json.dumps({"segments": WORDS}))
    words = ("--model", "tiny", "--config", "config.yaml", "--commentary", "commentary.json")
    done = reel(tmp_path, film, "--query", "nice dribbles", *words)
    assert 'an open question: "nice dribbles"' in done.stdout
    made = content(tmp_path)
    assert {hit["action"] for clip in made["clips"] for hit in clip["hits"]} <= {"nice dribbles"}
    assert not (tmp_path / "reel/.chunks").exists()


WITHOUT_TRAINING_LIBRARIES = """
import sys
for name in ("torch", "transformers", "sklearn"):
    sys.modules[name] = None  # importing it raises
from touchline.commands import main
main()
"""


def test_the_shipped_model_needs_no_study_and_no_torch(tmp_path, film):
    segments = {str(number): line for number, line in enumerate(goal_lines(62.0))}
    (tmp_path / "commentary.json").write_text(json.dumps({"segments": segments}))
    words = (film, "--query", "goals", "--commentary", "commentary.json")
    words = (*words, *PLAIN)
    done = run(PYTHON, "-c", WITHOUT_TRAINING_LIBRARIES, "reel", *words, cwd=tmp_path)
    assert "Understood: Goal" in done.stdout
    assert "every answer counts" not in done.stdout  # it has a threshold of its own
    (clip,) = content(tmp_path)["clips"]
    assert clip["confidence"] >= 0.21
    assert clip["start_s"] <= 60 <= clip["end_s"]
    assert "commentary" in (tmp_path / "reel/index.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--query", "dribbles", "--model", "constant"), "constant) answers no open question"),
        (("--query", "goals", "--model", "linear"), "there is no results/models/linear"),
        (("--query", "goals", "--model", "mistral-7b"), "reads commentary alone, and there is none"),
        (("--query", "goals"), "commentary reads commentary alone, and there is none"),
        (("--query", "dribbles"), "commentary (tcn) answers no open question"),
        (("--query", "goals", "--model", "nobody"), "no model nobody"),
        (("--query", "", "--model", "constant"), "the query is empty"),
        (("--query", "g" * 10_000, "--model", "constant"), "10000 characters"),
        (("--query", "first half of the second half", "--model", "constant"), "half of a half"),
        (("--query", "goals", "--model", "constant", "--halves", "5:00"), "write START-END"),
        (("--query", "goals", "--model", "constant", "--halves", "9:00-8:00"), "at or after its end"),
        (("--query", "goals", "--model", "constant", "--config", "no.yaml"), "cannot be read as YAML"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(tmp_path, film, words, message):
    done = reel(tmp_path, film, *words, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reel").exists()


def test_what_is_no_video_is_one_sentence(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    for name in ("a.mp4", "b.mp4"):
        done = reel(tmp_path, name, "--query", "goals", "--model", "constant", check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {name}: ")

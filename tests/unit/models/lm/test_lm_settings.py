"""Settings of a language model."""

import pytest

from chunks import chunk
from touchline.core.problems import InputError
from touchline.models.lm.lm_settings import ablated, parse_settings


def test_defaults_are_the_studys():
    settings = parse_settings({"base": "Qwen/Qwen2-VL-2B-Instruct"})
    assert settings.training.epochs == 1
    assert settings.training.batch_size == 8
    assert settings.training.save_steps == 100


def test_blanked_inputs_are_black_frames_and_no_lines():
    shown = chunk(frames=2)
    assert shown.frames["broadcast"].any()
    assert shown.lines
    blank = ablated(shown, ["video"])
    assert blank.frames["broadcast"].shape == shown.frames["broadcast"].shape
    assert not blank.frames["broadcast"].any()
    assert blank.lines == shown.lines
    mute = ablated(shown, ["commentary"])
    assert mute.lines == ()
    assert mute.frames is shown.frames
    assert ablated(shown, []) is shown


def test_an_input_that_the_prompts_lack_cannot_be_blanked():
    entry = {"base": "some", "ablate": ["video"], "prompt": {"inputs": ["commentary"]}}
    with pytest.raises(InputError, match=r"ablate \['video'\]: the prompts have \['commentary'\]"):
        parse_settings(entry)


def test_other_answers_than_text_and_their_distribution_are_refused():
    with pytest.raises(InputError, match="answers is 'words'; it may be distribution or text"):
        parse_settings({"base": "some", "answers": "words"})

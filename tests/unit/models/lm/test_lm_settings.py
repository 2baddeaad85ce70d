"""Settings of a language model."""

from touchline.models.lm.lm_settings import parse_settings


def test_defaults_are_the_studys():
    settings = parse_settings({"base": "Qwen/Qwen2-VL-2B-Instruct"})
    assert settings.training.epochs == 1
    assert settings.training.batch_size == 8
    assert settings.training.save_steps == 100

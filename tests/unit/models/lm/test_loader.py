"""Base models that cannot be loaded are refused with a sentence."""

import pytest
import torch

from lm_cases import copied, entry
from touchline.core.problems import InputError
from touchline.models.lm import causal_lm, loader, vlm


def refused(settings: dict, words: str, backend=vlm) -> None:
    with pytest.raises(InputError, match=words) as error:
        backend.load(settings, None)
    assert "\n" not in str(error.value)


def test_a_base_that_is_not_there_is_refused(tmp_path):
    refused(entry(tmp_path / "none"), "none: no readable config.json")


def test_a_base_without_a_processor_is_refused(tiny, tmp_path):
    refused(entry(copied(tiny, tmp_path / "a", but="processor")), "no processor there")
    refused(entry(copied(tiny, tmp_path / "b", but="tokenizer")), "no tokenizer there")


def test_weights_in_a_pickle_are_refused_and_not_read(tiny, tmp_path):
    folder = copied(tiny, tmp_path / "base", but="model.safetensors")
    model, _ = loader.load_base(str(tiny), None, "auto", vision=True)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    refused(entry(folder), "no safetensors weights there.*are refused")


def test_a_base_of_another_family_is_refused(tiny, mistral):
    refused(entry(mistral), "its family is mistral; this backend knows qwen2_vl")
    refused(entry(tiny), "its family is qwen2_vl, which is for the backend vlm", causal_lm)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_setting_that_needs_a_gpu_is_refused_without_one(tiny):
    refused(entry(tiny, device="cuda"), "device is cuda, but torch finds no GPU")


def test_settings_that_do_not_exist_are_refused(tiny):
    refused(
        entry(tiny, quantise="nf4"), "no setting quantise; it has ablate, answers, attention, base"
    )
    refused(entry(tiny, training={"steps": 3}), "training has no setting steps")
    refused(entry(tiny, quantize="int3"), "quantize is 'int3'")
    refused(entry(tiny, prompt={"clock": "wall"}), "no clock 'wall'")
    refused({}, "the model has no base, which is needed")


def test_the_vision_tower_and_the_head_are_not_quantised(tiny):
    model, _ = loader.load_base(str(tiny), "nf4", "cpu", vision=True)
    quantised = [
        name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"
    ]
    assert quantised
    assert all(".language_model.layers." in name for name in quantised)

"""Weights that would be replaced by random numbers, and program code in a base, are refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from lm_cases import copied
from sliding_bases import sliding_base
from touchline.core.problems import InputError
from touchline.models.lm import answering, loader
from touchline.models.lm.merge import merge

WEIGHTS, ADAPTER = "model.safetensors", "adapter_model.safetensors"
Q_PROJ = "model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return sliding_base(tmp_path_factory.mktemp("base"), "qwen2")


@pytest.fixture(scope="session")
def adapter(base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    model, _ = load(base)
    loader.add_adapter(model, loader.LoraSettings(rank=4), seed=0).save_pretrained(folder)
    return folder


def load(folder: Path):
    return loader.load_base(str(folder), None, "cpu", vision=False)


def refused(words: str, call: Callable, *arguments) -> None:
    with pytest.raises(InputError, match=words) as error:
        call(*arguments)
    assert "\n" not in str(error.value)


def change_weights(file: Path, change: Callable[[dict], object]) -> Path:
    """Change the weights of a file in place; return its folder."""
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})
    return file.parent


def change_json(file: Path, **changes) -> Path:
    """Change values of a JSON file; return its folder."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return file.parent


def not_finite(weights: dict) -> None:
    weights[Q_PROJ][0, 0] = float("nan")


BROKEN_WEIGHTS = {
    "missing": (
        lambda w: w.pop(Q_PROJ),
        f"1 weight is missing \\({Q_PROJ}\\).*[Cc]opy or download",
    ),
    "misnamed": (
        lambda w: w.update({"model.wrong.weight": w.pop(Q_PROJ)}),
        "1 weight is missing .*; 1 weight is of a name that the family does not have",
    ),
    "shape": (
        lambda w: w.update({Q_PROJ: w[Q_PROJ][:3].clone()}),
        "1 weight is of another shape than config.json says",
    ),
    "not finite": (not_finite, f"{WEIGHTS}: the weight {Q_PROJ} has values that are no finite"),
}


@pytest.mark.parametrize("kind", BROKEN_WEIGHTS)
def test_weights_that_random_numbers_would_replace_are_refused(kind, base, tmp_path):
    change, words = BROKEN_WEIGHTS[kind]
    refused(words, load, change_weights(copied(base, tmp_path / "a") / WEIGHTS, change))


def test_weights_of_more_or_fewer_layers_than_the_configuration_says_are_refused(base, tmp_path):
    kinds = json.loads((base / "config.json").read_text())["layer_types"]
    fewer, more = (copied(base, tmp_path / name) / "config.json" for name in ("a", "b"))
    change_json(fewer, num_hidden_layers=2, layer_types=kinds[:2])
    refused("12 weights are of a name that the family does not have", load, fewer.parent)
    change_json(more, num_hidden_layers=4, layer_types=[*kinds, kinds[0]])
    refused("12 weights are missing", load, more.parent)


def test_tied_weights_are_not_missing(tmp_path):
    folder = sliding_base(tmp_path, "gemma3_text")
    assert "lm_head.weight" not in load_file(folder / WEIGHTS)
    model, _ = load(folder)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_truncated_weights_and_indices_are_refused(base, tmp_path):
    folder = copied(base, tmp_path / "a")
    (folder / WEIGHTS).write_bytes((base / WEIGHTS).read_bytes()[:-100])
    refused(f"{WEIGHTS}: truncated or no safetensors file", load, folder)
    folder = copied(base, tmp_path / "b", but=WEIGHTS)
    index = folder / f"{WEIGHTS}.index.json"
    index.write_text("{")
    refused("no readable index of weights", load, folder)
    index.write_text(json.dumps({"weight_map": {Q_PROJ: "../a/model.safetensors"}}))
    refused("is no file in", load, folder)
    index.write_text(json.dumps({"weight_map": {Q_PROJ: "gone.safetensors"}}))
    refused("no safetensors weights there, or not all of them", load, folder)


@pytest.mark.parametrize("content", ["{}", "[]", "{", ""])
def test_a_tokenizer_without_content_is_refused(content, base, tmp_path):
    folder = copied(base, tmp_path / "base")
    (folder / "tokenizer.json").write_text(content)
    refused("no tokenizer there", load, folder)


@pytest.mark.parametrize("content", ["{}", "[]", '{"model_type": "qwen2", "hidden_size": "a"}'])
def test_a_configuration_without_a_family_or_with_a_wrong_value_is_refused(content, base, tmp_path):
    folder = copied(base, tmp_path / "base")
    (folder / "config.json").write_text(content)
    refused("no readable config.json", load, folder)


CODE = "import pathlib; pathlib.Path(__file__).with_name('ran').touch()\nclass Own: pass\n"


MODEL_CODE = {"AutoConfig": "code.Own", "AutoModelForCausalLM": "code.Own"}
TOKENIZER_CODE = {"AutoTokenizer": ["code.Own", None]}


@pytest.mark.parametrize(
    ("file", "family", "auto_map"),
    [
        ("config.json", "their_own", MODEL_CODE),
        ("config.json", ["qwen2"], MODEL_CODE),
        ("config.json", "clip", MODEL_CODE),  # which the library has, but no model that answers
        ("config.json", "qwen2", MODEL_CODE | TOKENIZER_CODE),
        ("config.json", "qwen2", "code.Own"),
        ("tokenizer_config.json", "qwen2", TOKENIZER_CODE),
        ("preprocessor_config.json", "qwen2", {"AutoImageProcessor": "code.Own"}),
    ],
)
def test_program_code_that_a_base_needs_is_refused_and_no_question_asked(
    file, family, auto_map, base, tmp_path, monkeypatch
):
    folder = copied(base, tmp_path / "base")
    if not (folder / file).exists():
        (folder / file).write_text("{}")
    change_json(folder / "config.json", model_type=family)
    change_json(folder / file, auto_map=auto_map)
    (folder / "code.py").write_text(CODE)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    refused(f"its {file} names program code .* refused and not run", load, folder)
    assert not list(tmp_path.rglob("ran"))


def test_program_code_of_a_family_that_the_library_has_is_ignored(
    base, tmp_path, monkeypatch, capsys
):
    folder = copied(base, tmp_path / "base")
    change_json(folder / "config.json", auto_map=MODEL_CODE)
    (folder / "code.py").write_text(CODE)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    model, _ = load(folder)
    plain, _ = load(base)
    assert type(model) is type(plain)
    weights = model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in plain.state_dict().items())
    assert not list(tmp_path.rglob("ran"))
    said = capsys.readouterr().err
    assert said.count("its own program code (auto_map in config.json) is ignored; the family") == 1


def load_adapter(base: Path, folder: Path) -> PeftModel:
    model, _ = load(base)
    return loader.load_adapter(model, str(base), folder)


def test_a_sound_adapter_is_loaded_with_its_weights(base, adapter, tmp_path):
    name = next(name for name in load_file(adapter / ADAPTER) if "lora_B" in name)
    folder = copied(adapter, tmp_path / "adapter")
    change_weights(folder / ADAPTER, lambda weights: weights[name].fill_(0.5))
    loaded = load_adapter(base, folder)
    weight = loaded.get_parameter(name.replace(".weight", ".default.weight"))
    assert torch.equal(weight, torch.full_like(weight, 0.5))
    merge(folder, tmp_path / "merged")
    assert load(tmp_path / "merged")


def first(weights: dict) -> str:
    return min(weights)


BROKEN_ADAPTERS = {
    "missing": (lambda w: w.pop(first(w)), "1 weight is missing"),
    "misnamed": (
        lambda w: w.update({f"base_model.wrong.{first(w)}": w.pop(first(w))}),
        "1 weight is missing .*; 1 weight is of a name that the adapter does not have",
    ),
    "another rank": (
        lambda w: w.update({name: weight[:2].clone() for name, weight in w.items()}),
        "does not fit base|of another shape",
    ),
    "not finite": (lambda w: w[first(w)].fill_(float("inf")), "no finite numbers"),
}


@pytest.mark.parametrize("kind", BROKEN_ADAPTERS)
def test_adapter_weights_that_random_numbers_would_replace_are_refused(
    kind, base, adapter, tmp_path
):
    change, words = BROKEN_ADAPTERS[kind]
    folder = change_weights(copied(adapter, tmp_path / "a") / ADAPTER, change)
    refused(f"{folder}.*({words})", load_adapter, base, folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"r": 0}, "does not fit base"),
        ({"r": 8}, "does not fit base|another shape"),
        ({"peft_type": "IA3", "feedforward_modules": []}, "is of the type .*IA3"),
        ({"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3}, "is of the type .*PREFIX_TUNING"),
        ({"peft_type": "OWN"}, "no adapter there"),
        ({"task_type": "SEQ_CLS"}, "for the task SEQ_CLS"),
        ({"target_modules": ["none_such"]}, "does not fit base"),
    ],
)
def test_an_adapter_of_another_kind_is_refused(changes, words, base, adapter, tmp_path):
    folder = change_json(copied(adapter, tmp_path / "a") / "adapter_config.json", **changes)
    refused(words, load_adapter, base, folder)


def test_truncated_adapters_and_those_in_a_pickle_are_refused(base, adapter, tmp_path):
    folder = copied(adapter, tmp_path / "a")
    (folder / ADAPTER).write_bytes((adapter / ADAPTER).read_bytes()[:-9])
    refused("truncated or no safetensors", load_adapter, base, folder)
    folder = copied(adapter, tmp_path / "b", but=ADAPTER)
    torch.save(load_file(adapter / ADAPTER), folder / "adapter_model.bin")
    refused(f"{ADAPTER}: truncated or no safetensors", load_adapter, base, folder)


def test_a_rank_of_none_is_refused(base):
    model, _ = load(base)
    refused("lora rank is 0", loader.add_adapter, model, loader.LoraSettings(rank=0), 0)


def test_an_adapter_that_is_given_is_loaded_and_a_damaged_one_is_not_to_be_trained_again(
    base, adapter, tmp_path
):
    own = {"base": str(base), "prompt": {"inputs": ["commentary"]}}
    entry = own | {"weights": str(adapter)}
    given = answering.load(entry, None, vision=False)
    trained = answering.load(own, adapter, vision=False)
    for one, other in zip(given.model.parameters(), trained.model.parameters(), strict=True):
        assert torch.equal(one, other)
    folder = copied(adapter, tmp_path / "adapter")
    (folder / ADAPTER).write_bytes(b"short")
    with pytest.raises(InputError, match=r"truncated.* Copy the folder of the trained model again"):
        answering.load(entry | {"weights": str(folder)}, None, vision=False)

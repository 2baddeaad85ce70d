"""The base models of the package: they load by name, and a change of them re-runs what uses them."""

import shutil

import pytest
import torch

from touchline.core.problems import InputError
from touchline.models import shipped_bases
from touchline.models.lm import loader

VISION = {"mistral": False, "qwen2-vl": True}
MOST_BYTES = 3_000_000


def test_there_are_two_bases_of_3_megabytes_together():
    assert shipped_bases.names() == sorted(VISION)
    every = [path for path in shipped_bases.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in every) <= MOST_BYTES


@pytest.mark.parametrize("name", VISION)
def test_a_base_of_the_package_loads_by_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = f"touchline:{name}"
    model, _ = loader.load_base(base, None, "cpu", vision=VISION[name])
    assert model.dtype == torch.float32
    adapted = loader.add_adapter(model, loader.LoraSettings(rank=2), seed=0)
    loader.save_adapter(adapted, base, tmp_path / "adapter")
    assert loader.base_of(tmp_path / "adapter") == base  # and not this machine's folder
    again, _ = loader.load_base(base, None, "cpu", vision=VISION[name])
    loader.load_adapter(again, base, tmp_path / "adapter")


@pytest.mark.parametrize("name", VISION)
def test_a_base_of_the_package_has_a_card(name):
    card = (shipped_bases.FOLDER / name / "README.md").read_text()
    assert card.startswith("---\n")
    assert f"touchline demo_base --name {name}" in card


def test_another_base_is_left_as_it_is():
    assert shipped_bases.locate("Qwen/Qwen2-VL-2B-Instruct") == "Qwen/Qwen2-VL-2B-Instruct"
    assert shipped_bases.files("some/folder") == shipped_bases.files(None) == []
    assert shipped_bases.content(None) == ""


def test_a_base_that_the_package_lacks_is_one_sentence():
    with pytest.raises(
        InputError, match=r"touchline:qwen: .*It has touchline:mistral, touchline:q"
    ):
        loader.load_base("touchline:qwen", None, "cpu", vision=True)


def test_the_content_of_a_base_is_its_files_but_not_its_card(tmp_path, monkeypatch):
    before = shipped_bases.content("touchline:mistral")
    shutil.copytree(shipped_bases.FOLDER, tmp_path / "bases")
    monkeypatch.setattr(shipped_bases, "FOLDER", tmp_path / "bases")

    def content() -> str:
        shipped_bases.content.cache_clear()
        return shipped_bases.content("touchline:mistral")

    with (tmp_path / "bases/mistral/README.md").open("a") as card:
        card.write("More.\n")
    assert content() == before
    with (tmp_path / "bases/mistral/model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x01")
    assert content() != before
    shipped_bases.content.cache_clear()

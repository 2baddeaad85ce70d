"""Making the package's tiny bases, in a few steps."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from touchline.demo import demo_base, footage
from touchline.models import shipped_bases
from touchline.models.lm import loader


def short(name: str) -> demo_base.Recipe:
    recipe = replace(demo_base.RECIPES[name], reading_steps=1)
    return replace(recipe, watching_steps=2, matches=1) if recipe.watching_steps else recipe


@pytest.fixture(scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", demo_base.RECIPES)
def test_a_base_is_made_alike_again_and_of_the_form_of_the_packages(name, tmp_path, one_thread):
    for folder in ("one", "other"):
        demo_base.make(tmp_path / folder, short(name))
    made = load_file(tmp_path / "one/model.safetensors")
    again = load_file(tmp_path / "other/model.safetensors")
    assert all(torch.equal(made[key], again[key]) for key in made)
    assert {weight.dtype for weight in made.values()} == {torch.float16}
    shipped = load_file(shipped_bases.FOLDER / name / "model.safetensors")
    assert {key: weight.shape for key, weight in made.items()} == {
        key: weight.shape for key, weight in shipped.items()
    }
    for file in shipped_bases.files(f"touchline:{name}"):
        if file.suffix != ".safetensors":
            assert file.read_bytes() == (tmp_path / "one" / file.name).read_bytes()


def test_the_package_has_the_bases_that_can_be_made():
    assert shipped_bases.names() == sorted(demo_base.RECIPES)


def test_the_tower_learns_faster_than_a_language_model_that_has_read(tmp_path, one_thread):
    recipe = short("qwen2-vl")
    reader = demo_base.teach_reading(tmp_path / "reader", recipe, seed=0)
    before = {name: weight.clone() for name, weight in reader.state_dict().items()}
    model = demo_base.teach_watching(tmp_path / "base", reader, recipe, seed=0)
    after = model.state_dict()
    language = [name for name in after if ".visual." not in name]
    assert all(after[name].shape == before[name].shape for name in language)
    assert any(not torch.equal(after[name], before[name]) for name in language)
    assert all(torch.equal(before[name], weight) for name, weight in reader.state_dict().items())


@pytest.mark.parametrize("size", [(398, 224), (640, 360), (200, 112), footage.FRAME_SIZE])
def test_the_video_base_reduces_frames_of_any_size_to_those_it_has_seen(size):
    _, processor = loader.load_base("touchline:qwen2-vl", None, "cpu", vision=True)
    video = torch.zeros(2, 3, size[1], size[0], dtype=torch.uint8)
    shown = processor.video_processor(videos=[video], do_sample_frames=False, return_tensors="pt")
    assert shown["video_grid_thw"].tolist() == [[1, 4, 8]]

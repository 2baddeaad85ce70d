"""Pretrain one of the package's tiny base models on invented matches.

touchline demo_base --name qwen2-vl --out base

REQUIRES nothing: no data, no network, no GPU.
PRODUCES a folder like any base: safetensors weights and a tokenizer, or for a vision family a
    processor.

One thread computes, so the same command gives the same weights on the same machine and with the same
packages. Other processors add in another order, which gives slightly other ones.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, ProcessorMixin

from touchline.demo import commentary_lessons, footage, tiny_models, video_lessons
from touchline.demo.pretrain import pretrain
from touchline.models.lm import loader
from touchline.models.lm.tokenize import Encoder


@dataclass(frozen=True)
class Recipe:
    """How a base is made: steps on commentary and, for a vision family, steps on footage after it.

    The footage is that of so many `matches`.
    """

    family: str
    reading_steps: int
    watching_steps: int = 0
    matches: int = 0


RECIPES = {"mistral": Recipe("mistral", 900), "qwen2-vl": Recipe("qwen2_vl", 900, 1000, 160)}
SIZES = {"hidden": 128, "layers": 2, "depth": 1, "vocabulary": 1500}
VISION_HIDDEN = 40  # width of the vision tower
# Learning rates of a language model that has read already: higher ones make it forget how to copy
# times.
LANGUAGE_SCALE = 0.25


def make(folder: Path, recipe: Recipe, seed: int = 0) -> None:
    """Write a base."""
    if recipe.family not in loader.VISION_FAMILIES:
        _save(teach_reading(folder, recipe, seed), folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        reader = teach_reading(Path(scratch) / "reader", recipe, seed)
        _save(teach_watching(folder, reader, recipe, seed), folder)


def teach_reading(folder: Path, recipe: Recipe, seed: int) -> PreTrainedModel:
    """Return a model that is pretrained on commentary; its other files are in `folder`."""
    texts = commentary_lessons.tokenizer_texts()
    tiny_models.make(folder, recipe.family, texts, **SIZES, seed=seed)
    is_vision = recipe.family in loader.VISION_FAMILIES
    model, processor = loader.load_base(str(folder), None, "cpu", vision=is_vision)
    encoder = Encoder(
        model, processor, commentary_lessons.STUDY_ACTIONS, commentary_lessons.SETTINGS
    )
    batches = commentary_lessons.batches(encoder, recipe.reading_steps, seed)
    pretrain(model, batches, recipe.reading_steps, decay_ratio=0.5)
    return model


def teach_watching(
    folder: Path, reader: PreTrainedModel, recipe: Recipe, seed: int
) -> PreTrainedModel:
    """Return a model with the language model of `reader`, pretrained on footage.

    Its vision tower is narrower than the reader's, which is not trained. The model's other files
    are in `folder`.
    """
    texts = commentary_lessons.tokenizer_texts()
    sizes = SIZES | {"vision_hidden": VISION_HIDDEN, "frame_pixels": footage.FRAME_PIXELS}
    tiny_models.make(folder, recipe.family, texts, **sizes, seed=seed)
    model, processor = loader.load_base(str(folder), None, "cpu", vision=True)
    assert isinstance(processor, ProcessorMixin)
    read = reader.state_dict()
    ours = model.state_dict()
    model.load_state_dict({name: ours[name] if ".visual." in name else read[name] for name in ours})
    with tempfile.TemporaryDirectory() as scratch:
        filmed = footage.film(f"base {seed}", recipe.matches, Path(scratch))
        batches = video_lessons.batches(model, processor, filmed, recipe.watching_steps, seed)
        pretrain(
            model,
            batches,
            recipe.watching_steps,
            decay_ratio=0.6,
            language_scale=LANGUAGE_SCALE,
        )
    return model


def _save(model: PreTrainedModel, folder: Path) -> None:
    """Write the weights in half precision; the configuration still says that the model is float32.

    Servers compute in the precision that the configuration says, and CPUs are slow in float16.
    """
    halves = {name: weight.half() for name, weight in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=halves)


def main(argv: list[str]) -> None:
    """Make the base model that the arguments describe."""
    parser = argparse.ArgumentParser(prog="touchline demo_base", description=__doc__)
    parser.add_argument("--name", choices=RECIPES, required=True, help="of the base")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)  # more threads do not speed up a model of this size
    make(args.out, RECIPES[args.name], args.seed)

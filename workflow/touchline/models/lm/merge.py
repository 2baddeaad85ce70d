"""Merge an adapter into its base: the result is a base model that needs no adapter.

touchline merge --folder results/models/qwen2-vl --out qwen2-vl-merged

REQUIRES the adapter's base, which is loaded unquantised.
PRODUCES a base: weights (safetensors) and a processor or tokenizer.
"""

import argparse
from pathlib import Path

from touchline.core.files import write_text
from touchline.models.lm import loader


def merge(folder: Path, out: Path) -> None:
    """Merge the adapter in `folder` into its base, and write the result into `out`."""
    name = loader.base_of(folder)
    vision = loader.read_config(name).model_type in loader.VISION_FAMILIES
    model, processor = loader.load_base(name, quantize=None, device="cpu", vision=vision)
    merged = loader.load_adapter(model, name, folder).merge_and_unload()
    merged.save_pretrained(str(out))
    processor.save_pretrained(out)
    write_text(out / "merged_from.txt", f"{folder} on {name}\n")


def main(argv: list[str]) -> None:
    """Merge an adapter into its base."""
    parser = argparse.ArgumentParser(prog="touchline merge", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of the fine-tuned model")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(argv)
    merge(args.folder, args.out)

"""Merge an adapter into its base: a folder of plain weights that needs no adapter.

python -m touchline.merge --folder results/models/qwen2-vl --out qwen2-vl-merged

REQUIRES the adapter's base, which is loaded unquantised.
PRODUCES a base: weights (safetensors) and a processor or tokenizer.
"""

import argparse
from pathlib import Path

from transformers import AutoConfig

from touchline import base, cli
from touchline.files import write_text


def merge(folder: Path, out: Path) -> None:
    """Write the merge of the adapter in `folder` and its base into `out`."""
    name = base.base_of(folder)
    vision = AutoConfig.from_pretrained(name).model_type in base.VISION_FAMILIES
    model, processor = base.load(name, quantize=None, device="cpu", vision=vision)
    merged = base.load_adapter(model, name, folder).merge_and_unload()
    merged.save_pretrained(out)
    processor.save_pretrained(out)
    write_text(out / "merged_from.txt", f"{folder} on {name}\n")


def main(argv: list[str]) -> None:
    """Merge an adapter into its base."""
    parser = argparse.ArgumentParser(prog="python -m touchline.merge", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of the fine-tuned model")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(argv)
    merge(args.folder, args.out)


if __name__ == "__main__":
    cli.run(main)

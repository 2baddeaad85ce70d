"""Checkpoints that are whole or not there, and found again after whatever ended the run.

A checkpoint is a folder `checkpoint-<step>`. It is written beside its final place, listed with the
size and checksum of each file in `complete.json`, forced to the disk and then renamed.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from touchline.core.files import checksum, write_text

LIST = "complete.json"
NAME = "checkpoint-"


def seal(written: Path, folder: Path, keep: int = 2) -> Path:
    """Move a written checkpoint into `folder`, keep the newest `keep` and return its place."""
    files = sorted(path for path in written.rglob("*") if path.is_file())
    for path in files:
        _to_disk(path)
    listed = {
        str(path.relative_to(written)): [path.stat().st_size, checksum(path)] for path in files
    }
    write_text(written / LIST, json.dumps(listed, indent=1))
    _to_disk(written)
    sealed = folder / written.name
    shutil.rmtree(sealed, ignore_errors=True)  # a damaged one of the same step
    written.rename(sealed)
    _to_disk(folder)
    for old in list(_newest_first(folder))[keep:]:
        shutil.rmtree(old)
    return sealed


def newest(folder: Path) -> Path | None:
    """Return the newest undamaged checkpoint; say on stderr which ones were passed over."""
    for checkpoint in _newest_first(folder):
        damage = find_damage(checkpoint)
        if damage is None:
            return checkpoint
        print(f"{checkpoint}: {damage}, so the checkpoint before it is used.", file=sys.stderr)
    return None


def step_of(checkpoint: Path) -> int:
    """Return the number of steps that were done when the checkpoint was written."""
    return int(checkpoint.name.removeprefix(NAME))


def find_damage(checkpoint: Path) -> str | None:
    """Return what is wrong with a checkpoint in a few words, or None."""
    try:
        listed = json.loads((checkpoint / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{LIST} is not readable"
    for name, (size, digest) in listed.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes instead of {size}"
        if checksum(path) != digest:
            return f"{name} has another content than was written"
    return None


def drop_checkpoints(models: Path, checkpoints: Path) -> None:
    """Delete the checkpoints of the trained models.

    Not before Snakemake knows that they are done: one that is killed in between trains again, from there.
    """
    for made_from in models.glob("*/trained_on.json"):
        name = json.loads(made_from.read_text(encoding="utf-8")).get("checkpoints")
        if name:
            shutil.rmtree(checkpoints / name, ignore_errors=True)


def _newest_first(folder: Path) -> Iterator[Path]:
    found = [path for path in folder.glob(f"{NAME}*") if path.name[len(NAME) :].isdigit()]
    yield from sorted(found, key=step_of, reverse=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

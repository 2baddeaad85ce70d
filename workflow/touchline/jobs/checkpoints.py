"""Atomic training checkpoints with checksums; damaged ones are skipped when a training resumes.

A checkpoint is a folder `checkpoint-<step>`. It is written beside its final place; then the size
and checksum of each file are listed in `complete.json`, everything is forced to the disk, and the
folder is renamed.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from touchline.core.files import checksum, inside, read_control_file, write_text
from touchline.core.problems import InputError

LIST = "complete.json"
NAME = "checkpoint-"
_LIST_SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "minItems": 2,
        "maxItems": 2,
    },
}
_TRAINED_ON_SCHEMA = {
    "type": "object",
    "properties": {"checkpoints": {"type": ["string", "null"]}},
}


def seal(written: Path, folder: Path, keep: int = 2) -> Path:
    """Move a written checkpoint into `folder`, keep the newest `keep`, return its new path."""
    files = sorted(path for path in written.rglob("*") if path.is_file())
    for path in files:
        _flush_to_disk(path)
    listed = {
        str(path.relative_to(written)): [path.stat().st_size, checksum(path)] for path in files
    }
    write_text(written / LIST, json.dumps(listed, indent=1))
    _flush_to_disk(written)
    sealed = folder / written.name
    shutil.rmtree(sealed, ignore_errors=True)  # a damaged checkpoint of the same step
    written.rename(sealed)
    _flush_to_disk(folder)
    for old in list(_newest_first(folder))[keep:]:
        shutil.rmtree(old)
    return sealed


def newest(folder: Path) -> Path | None:
    """Return the newest undamaged checkpoint, or None; print on stderr which ones are damaged."""
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
    """Return what is wrong with a checkpoint, or None for an undamaged one."""
    try:
        listed = read_control_file(checkpoint / LIST, _LIST_SCHEMA, "")
        for name, (size, digest) in listed.items():
            path = inside(checkpoint, name, LIST)
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != size:
                return f"{name} has {path.stat().st_size} bytes instead of {size}"
            if checksum(path) != digest:
                return f"{name} has another content than was written"
    except (OSError, InputError):
        return f"{LIST} is not readable"
    return None


def drop_checkpoints(models: Path, checkpoints: Path) -> None:
    """Delete the checkpoints of all models in `models`, which are trained.

    To be called when Snakemake has recorded that they are done: if it is killed before, it trains
    them again, and resumes from these checkpoints. A model whose record is damaged, or names
    something that is no folder of checkpoints, is told on stderr, and nothing of it is deleted.
    """
    for record in sorted(models.glob("*/trained_on.json")):
        try:
            cost = f"Nothing is lost: {checkpoints} can be deleted by hand after a study."
            name = read_control_file(record, _TRAINED_ON_SCHEMA, cost).get("checkpoints")
            if name:
                folder = inside(checkpoints, name, record, links=False)
                shutil.rmtree(folder, ignore_errors=True)
        except (InputError, OSError) as error:
            print(f"{error} Its checkpoints are kept.", file=sys.stderr)


def _newest_first(folder: Path) -> Iterator[Path]:
    saved = [path for path in folder.glob(f"{NAME}*") if path.name[len(NAME) :].isdecimal()]
    yield from sorted(saved, key=step_of, reverse=True)


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""`micro_batch_size: auto`: the largest number of chunks whose pass fits into the GPU's memory.

A training starts with all chunks of a step in one pass. Where memory runs out, at whatever step, it
goes on from its last checkpoint with half as many. The number is kept beside the checkpoints, so
that a training that was interrupted goes on with the same passes.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.models.lm.lm_settings import AUTO_SIZE, TrainingSettings

FILE = "micro_batch_size"  # in the folder of checkpoints


def settle(settings: TrainingSettings, checkpoints: Path) -> TrainingSettings:
    """Return settings with a number for `auto`: the kept one, or the first to try.

    Without a GPU, whose memory it fills, that is 1. Raises `InputError` for several processes, of
    which one alone may run out of memory.
    """
    if settings.micro_batch_size != AUTO_SIZE:
        return settings
    if settings.processes > 1:
        raise InputError("micro_batch_size is auto, which works with one process: give a number.")
    kept = checkpoints / FILE
    size = settings.batch_size if torch.cuda.is_available() else 1
    if kept.is_file():
        size = int(kept.read_text(encoding="utf-8"))
    keep(checkpoints, size)
    print(f"micro_batch_size is auto: {size} in a pass", file=sys.stderr)
    return replace(settings, micro_batch_size=size)


def keep(checkpoints: Path, size: int) -> None:
    """Write the number beside the checkpoints."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    write_text(checkpoints / FILE, str(size))


def halve(settings: TrainingSettings, tried: int, checkpoints: Path) -> bool:
    """Keep a smaller number after `tried` ran out of memory; return False where there is none.

    It is the largest divisor of the chunks of a step that is at most half of `tried`.
    """
    if settings.micro_batch_size != AUTO_SIZE or tried == 1:
        return False
    size = next(n for n in range(tried // 2, 0, -1) if settings.batch_size % n == 0)
    print(f"out of memory with {tried} chunks in a pass, so {size} are tried.", file=sys.stderr)
    keep(checkpoints, size)
    return True

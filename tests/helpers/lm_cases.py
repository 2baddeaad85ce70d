"""Settings and copies of tiny base models, for the tests of the language models."""

import shutil
from pathlib import Path


def entry(folder: Path, **more) -> dict:
    """Return a model's entry of the configuration."""
    prompt = {"examples": False} | more.pop("prompt", {})
    return {"base": str(folder), "max_new_tokens": 8, "prompt": prompt} | more


def copied(folder: Path, to: Path, but: str = "") -> Path:
    """Return a copy of a base, without the files whose names start with `but`."""
    skip = shutil.ignore_patterns(f"{but}*") if but else None
    return Path(shutil.copytree(folder, to, ignore=skip))

"""What a job is told and what makes it run again: command-line flags, code, package versions."""

import contextlib
import json
import shlex
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import yaml

from touchline.core import commands
from touchline.core.digest import digest
from touchline.models.fit import TRAINING_DATA

ENVIRONMENTS = Path(__file__).parents[3] / "envs"


def code_of(command: str) -> str:
    """Return the digest of the code that a command's results depend on."""
    return digest(*modules_of(command))


def modules_of(command: str) -> list[str]:
    """Return the modules whose code a command's results depend on, apart from a model's backend.

    `fit` itself is not one: all that its model depends on, beside the backend, is what it reads.
    """
    return [TRAINING_DATA if command == "fit" else commands.module_of(command)]


def flags(**settings: object) -> str:
    """Render settings as one sorted string of command-line arguments, quoted for a shell.

    A rule passes this string to its command and carries it as a parameter, so that what a stage is
    told and what makes it run again are the same. A name `length_s` becomes `--length-s`; None is
    left out, a list gives several arguments, a mapping is JSON, true and false are `--x` and `--no-x`.
    """
    words = []
    for name, value in sorted(settings.items()):
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, Mapping):
            words += [flag, json.dumps(value, sort_keys=True)]
        elif isinstance(value, list | tuple):
            words += [flag, *map(str, value)]
        elif value is not None:
            words += [flag, str(value)]
    return shlex.join(words)


@cache
def versions(environment: str) -> str:
    """Return the installed versions of the packages that one of envs/*.yaml names, sorted.

    A package that is not installed here (a job's conda environment has it) is left out.
    """
    listed = yaml.safe_load((ENVIRONMENTS / f"{environment}.yaml").read_text(encoding="utf-8"))
    names = (package.split("==")[0] for package in listed["dependencies"][-1]["pip"])
    found = []
    for name in sorted(names, key=str.lower):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name}={metadata.version(name)}")
    return " ".join(found)

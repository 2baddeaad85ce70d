"""Parameters of jobs: command-line flags, code digests, checksums and package versions.

Snakemake runs a job again when one of its parameters changes.
"""

import contextlib
import json
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import yaml

from touchline.core import commands
from touchline.core.digest import digest
from touchline.core.files import checksum
from touchline.models.fit import TRAINING_DATA

ENVIRONMENTS = Path(__file__).parents[3] / "envs"


def code_of(command: str) -> str:
    """Return the digest of the code that a command's results depend on."""
    return digest(*modules_of(command))


def modules_of(command: str) -> list[str]:
    """Return the modules whose code a command's results depend on, apart from a model's backend.

    `fit` itself is not among them: a model depends on its backend and on how the training data is
    read. Raises ValueError for an unknown command.
    """
    module = TRAINING_DATA if command == "fit" else commands.module_of(command)
    if module is None:
        raise ValueError(f"there is no command touchline {command}")
    return [module]


def flags(**settings: object) -> str:
    """Render settings as one sorted string of command-line arguments, quoted for a shell.

    A rule passes this string to its command and carries it as a parameter, so that the command's
    arguments are also what makes the job run again. A name `length_s` becomes `--length-s`; None is
    left out, a list gives several arguments, a mapping is JSON, a bool is `--x` or `--no-x`.
    """
    words: list[str] = []
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


def checksums(paths: Iterable[Path | str]) -> str:
    """Return the checksums of a job's raw files, so that an edit counts even while the job runs."""
    return " ".join(checksum(path) for path in paths)


@cache
def versions(environment: str) -> str:
    """Return the installed versions of the packages that one of envs/*.yaml names, sorted.

    A package that is not installed here (a job's conda environment has it) is left out.
    """
    content = yaml.safe_load((ENVIRONMENTS / f"{environment}.yaml").read_text(encoding="utf-8"))
    names = (package.split("==")[0] for package in content["dependencies"][-1]["pip"])
    pins = []
    for name in sorted(names, key=str.lower):
        with contextlib.suppress(metadata.PackageNotFoundError):
            pins.append(f"{name}={metadata.version(name)}")
    return " ".join(pins)

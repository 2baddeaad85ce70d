"""Parameters of jobs: command-line flags, code digests, checksums and package versions.

Snakemake runs a job again when one of its parameters changes.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import yaml

from touchline import commands
from touchline.core import cli
from touchline.core.config import WORKFLOW
from touchline.core.digest import digest
from touchline.core.files import checksum, write_text
from touchline.core.text_files import UnreadableError, check_regular
from touchline.models.fit import TRAINING_DATA
from touchline.study.paths import JOURNALS

LONGEST_SETTING = 8192  # bytes; what is longer goes through a file
ENVIRONMENTS = WORKFLOW.parent / "envs"


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
    left out, a list gives several arguments, a mapping is JSON, a bool is `--x` or `--no-x`. The
    values of a long setting are written into a file, since a shell command has at most 128 KiB.
    """
    words: list[str] = []
    for name, value in sorted(settings.items()):
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, Mapping):
            words += _with_values(flag, [json.dumps(value, sort_keys=True)])
        elif isinstance(value, list | tuple):
            words += _with_values(flag, [str(item) for item in value])
        elif value is not None:
            words += _with_values(flag, [str(value)])
    return shlex.join(words)


def _with_values(flag: str, values: list[str]) -> list[str]:
    """Return the words of one setting; its values are in a file where they are long."""
    if sum(len(value.encode()) for value in values) > LONGEST_SETTING:
        return [flag, f"{cli.LIST_PREFIX}{_write_list(values)}"]
    if len(values) == 1 and values[0].startswith(("-", cli.LIST_PREFIX)):
        return [f"{flag}={values[0]}"]
    return [flag, *values]


def _write_list(values: list[str]) -> str:
    """Write values into a file named by their content, so that other values are another parameter."""
    content = json.dumps(values)
    path = cli.LISTS / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    if not path.is_file():
        write_text(path, content)
    return str(path)


def checksums(paths: Iterable[Path | str]) -> str:
    """Return the checksums of a job's raw files, so that an edit counts even while the job runs.

    A file that cannot be read has none: the job itself says why.
    """
    return " ".join(_checksum(path) for path in paths)


def _checksum(path: Path | str) -> str:
    try:
        check_regular(path)
        return checksum(path)
    except (UnreadableError, OSError) as error:
        return f"unreadable: {error}"


def as_inputs(paths: Iterable[str]) -> list[str]:
    """Return the paths that a rule can have as inputs: Snakemake takes {name} for a wildcard.

    The state of the others is a parameter (`state_of_others`, or `checksums` of all).
    """
    return [path for path in paths if "{" not in path]


def state_of_others(paths: Iterable[str]) -> str:
    """Return size and time of the files that a rule cannot have as inputs (see `as_inputs`)."""
    return _states((path, Path(path)) for path in paths if "{" in path)


def state_of_journals(wildcards: object) -> str:
    """Return name, size and time of the paid models' journals: an estimate is of what is not there."""
    return _states((path.name, path) for path in sorted(Path().glob(JOURNALS)))


def _states(files: Iterable[tuple[str, Path]]) -> str:
    stated = [(name, path.stat()) for name, path in files]
    return " ".join(f"{name}:{status.st_size}:{status.st_mtime_ns}" for name, status in stated)


@cache
def versions(environment: str) -> str:
    """Return the installed versions of the packages that one of envs/*.yaml names, sorted.

    A package that is not installed here (a job's conda environment has it) is left out.
    """
    content = yaml.safe_load((ENVIRONMENTS / f"{environment}.yaml").read_text(encoding="utf-8"))
    names = (package.split("==")[0] for package in content["dependencies"][-1]["pip"])
    return " ".join(filter(None, map(package_version, sorted(names, key=str.lower))))


def package_version(name: str) -> str:
    """Return a package's name and installed version; nothing where it is not installed."""
    try:
        return f"{name}={metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return ""

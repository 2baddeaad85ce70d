"""Provenance of a study's files: inputs, code, versions, times, maker, and changes since then.

The record joins what Snakemake keeps of each job (inputs, parameters, times) with checksums,
digests of the code, package versions and the attempts of each training. `touchline provenance FILE`
prints the part of it that led to one file.
"""

import argparse
import base64
import getpass
import json
import os
import platform
import shlex
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from touchline import commands
from touchline.core import cli
from touchline.core.digest import digest
from touchline.core.files import read_control_file, write_text
from touchline.core.problems import InputError
from touchline.jobs import attempts
from touchline.models import catalogue
from touchline.study.job_arguments import modules_of
from touchline.study.lineage import (
    RECORD_SCHEMA,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    describe,
    fingerprint,
    installed,
    object_schema,
)

RECORD = Path("results/provenance.json")
OTHER_CODE = "another version than the present one"  # in place of a digest
METADATA = Path(".snakemake/metadata")
_COST = "Snakemake writes it again, with the files as they are then."
# What is read of Snakemake's record of a job.
_JOB_SCHEMA = object_schema(
    rule=TEXT,
    input=TEXTS,
    params=TEXTS,
    shellcmd=TEXT_OR_NULL,
    starttime={"type": "number"},
    endtime={"type": "number"},
)
_SHELL_OPERATORS = frozenset("();<>|&")


def snakemake_records(folder: Path) -> Iterator[tuple[str, dict]]:
    """Yield (output, record) of every file that Snakemake has made, from its metadata folder.

    A record's name is the output's in base64; a long one is spread over folders that start with @.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts = [part.removeprefix("@") for part in path.relative_to(folder).parts]
            try:
                name = base64.urlsafe_b64decode("".join(parts)).decode()
            except ValueError as error:
                raise InputError(f"{path}: is no record of Snakemake's. Delete it.") from error
            yield name, read_control_file(path, _JOB_SCHEMA, f"Snakemake makes {name} again.")


def owner(path: Path) -> str:
    """Return the user who made a file, by number where the machine knows no name."""
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def modules(shell_command: str) -> list[str]:
    """Return the project modules that a shell command runs: its stage and its model's backend.

    A stage is what follows `touchline` where the shell takes it for the name of a command, so that
    neither a path nor a quoted text, such as a query, is mistaken for one.
    """
    words = _shell_words(shell_command)
    stages = [
        word
        for before, program, word in zip(["&", *words], words, words[1:], strict=False)
        if program == "touchline" and _is_operator(before) and commands.module_of(word)
    ]
    backend_code = catalogue.trainer_of if "fit" in stages else catalogue.module_of
    backends = [value for option, value in pairwise(words) if option == "--backend"]
    return [module for stage in stages for module in modules_of(stage)] + [
        backend_code(backend) for backend in backends if stages
    ]


def _shell_words(command: str) -> list[str]:
    """Return the words and operators of a shell command, without quotes."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return list(lexer)
    except ValueError:  # unbalanced quotes, as in a here-document: no rule of this project has one
        return []


def _is_operator(word: str) -> bool:
    return set(word) <= _SHELL_OPERATORS


def executed_code(module: str, params: list[str]) -> str:
    """Return the digest of a module's code as a job ran it, or `OTHER_CODE`.

    Snakemake keeps the job's `params`, in which the digest of that time stands.
    """
    present = digest(module)
    return present if repr(present) in params else OTHER_CODE


def commit() -> str | None:
    """Return the git commit of the code, marked where it has changes; None without a repository."""
    folder = str(Path(__file__).parent)
    command = [
        "git",
        "-C",
        folder,
        "describe",
        "--always",
        "--abbrev=40",
        "--exclude=*",
        "--dirty=, with changes",
    ]
    process = subprocess.run(command, capture_output=True, text=True)
    return process.stdout.strip() if process.returncode == 0 else None


def collect(config: dict, settings: list[str]) -> dict:
    """Return the record of the study in the working directory.

    `config` is its configuration, `settings` are the files that it was read from.
    """
    made, raw = {}, set(settings)
    records = {name: record for name, record in snakemake_records(METADATA) if Path(name).exists()}
    for name, record in records.items():
        raw |= {path for path in record["input"] if path not in records}
        command = record["shellcmd"] or ""
        made[name] = {
            "rule": record["rule"],
            "began": iso_time(record["starttime"]),
            "ended": iso_time(record["endtime"]),
            "by": owner(Path(name)),
            "inputs": record["input"],
            "command": command,
            "code": {
                module: executed_code(module, record["params"]) for module in modules(command)
            },
            "content": fingerprint(Path(name)),
        }
    models = sorted(path.name for path in Path("results/models").glob("*") if path.is_dir())
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": getpass.getuser(),
        "host": socket.gethostname(),
        "commit": commit(),
        "python": platform.python_version(),
        "packages": installed(),
        "settings": settings,
        "config": config,
        "attempts": {
            model: attempts.read_attempts(Path("results/models") / model) for model in models
        },
        "raw": {path: fingerprint(Path(path)) for path in sorted(raw)},
        "made": made,
    }


def iso_time(seconds: float) -> str:
    """Return a Unix time in ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def main(argv: list[str]) -> None:
    """Print what a file of a study was made from, or write the record of all files."""
    parser = argparse.ArgumentParser(prog="touchline provenance", description=__doc__)
    parser.add_argument("file", nargs="?", help="such as results/metrics.csv")
    parser.add_argument("--record", type=Path, default=RECORD, help="(%(default)s)")
    parser.add_argument("--config", type=cli.json_object(), metavar="JSON", help="write the record")
    parser.add_argument(
        "--settings", nargs="*", default=[], metavar="YAML", help="configuration files"
    )
    args = parser.parse_args(argv)
    if args.config is not None:
        write_text(args.record, json.dumps(collect(args.config, args.settings), indent=1))
        return
    if args.file is None:
        raise InputError("name a file, such as results/metrics.csv.")
    if not args.record.exists():
        raise InputError(
            f"there is no {args.record} in this folder. Run the command in the study's folder, "
            "after snakemake has finished."
        )
    record = read_control_file(args.record, RECORD_SCHEMA, _COST)
    name = os.path.relpath(args.file)
    if name not in record["made"]:
        raise InputError(
            f"{args.record} has no entry for {name}: no rule made it, or one did after the record "
            "was written."
        )
    print("\n".join(describe(record, name, args.record)))

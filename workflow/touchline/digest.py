"""A digest of code: what it does, not how it is laid out or commented.

Snakemake's own `code` trigger does not see imported modules, so every rule carries the digest of
its stage as a parameter: a stage runs again exactly when its module, or a project module that it
imports (at any depth), does something else.
"""

import ast
import contextlib
import hashlib
import json
import shlex
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import yaml

PACKAGE = "touchline"
ENVIRONMENTS = Path(__file__).parents[2] / "envs"
_ROOT = Path(__file__).parent


def digest(*modules: str) -> str:
    """Return a short hash of the named modules and all project modules that they import.

    Comments, docstrings and layout do not count. Raises ModuleNotFoundError for an unknown module.
    """
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += _parsed(module)[1]
    text = "\n".join(f"{module} {_parsed(module)[0]}" for module in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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


def checksum(path: Path | str) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path(module: str) -> Path | None:
    parts = module.split(".")[1:]
    for path in (_ROOT.joinpath(*parts, "__init__.py"), _ROOT.joinpath(*parts).with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Return (rendered code, imported project modules) of a module."""
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} in {_ROOT}")
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports = tuple(sorted(_imports(tree)))
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree), imports


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        name for name in found if name.split(".")[0] == PACKAGE and _path(name) and name != PACKAGE
    }

"""A digest of code: what it computes, not how it is laid out, commented or worded.

Snakemake's own `code` trigger does not see imported modules, so every rule carries the digest of
its stage as a parameter: a stage runs again exactly when its module, or a project module that it
imports (at any depth), does something else.

Parsing all modules takes a third of the time in which Snakemake plans, and every job of a cluster
plans again. So what a module says is kept in the user's cache folder, by its content.
"""

import ast
import contextlib
import hashlib
import json
import re
import sys
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from touchline.core.files import write_text

PACKAGE = "touchline"
# What no result depends on, and all that is imported through it alone.
BYSTANDERS = (
    "touchline.core.cli",  # prints errors and problems
    "touchline.core.errors",  # the words of errors
    "touchline.jobs",  # Slurm, attempts, locks and checkpoints: when a job runs, not what it makes
    # A row about one backend says nothing of another; each backend's own code has its own digest.
    "touchline.models.catalogue",
)
# Calls whose strings are for people: messages and texts of --help. Exceptions count by their name.
_TELLING = ("print", "Problem", "ArgumentParser", "add_argument_group", "tqdm")
_HELP = ("help", "metavar", "description", "epilog", "prog")
_ROOT = Path(__file__).parents[1]
_MOST_KEPT = 2000  # modules, of several versions of the code


def digest(*modules: str) -> str:
    """Return a short hash of the named modules and all project modules that they import.

    Comments, docstrings, layout, the words of messages and help texts do not count, nor do
    `BYSTANDERS`. Raises ModuleNotFoundError for an unknown module.
    """
    seen: set[str] = set()
    waiting = list(modules)
    known = len(_kept())
    while waiting:
        module = waiting.pop()
        if module not in seen and not _is_bystander(module):
            seen.add(module)
            waiting += _parsed(module)[1]
    if len(_kept()) > known:
        _keep()
    text = "\n".join(f"{module} {_parsed(module)[0]}" for module in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _is_bystander(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in BYSTANDERS)


def _path(module: str) -> Path | None:
    parts = module.split(".")[1:]
    for path in (_ROOT.joinpath(*parts, "__init__.py"), _ROOT.joinpath(*parts).with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _parsed(module: str) -> tuple[str, list[str]]:
    """Return (hash of what the code does, imported project modules) of a module."""
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} in {_ROOT}")
    source = path.read_bytes()
    name = hashlib.sha256(source).hexdigest()
    if name not in _kept():
        tree = ast.parse(source, filename=str(path))
        _kept()[name] = _rendered(tree), _imports(tree)
    code, imports = _kept()[name]
    return code, [one for one in imports if _path(one)]


def _rendered(tree: ast.Module) -> str:
    """Return a hash of code without docstrings and words for people; layout and comments are gone."""
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Call):
            _drop_words(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _kept() -> dict[str, tuple[str, list[str]]]:
    """Return what is known of modules by the hash of their source, from earlier processes too."""
    try:
        kept = json.loads(_cache_file().read_text())
        return {name: value for name, value in kept.items() if _is_whole(value)}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}  # there is none yet, or it was damaged: it is written again


def _is_whole(value: object) -> bool:
    """Say whether a value is a hash and a list of names of modules."""
    match value:
        case [str(code), list(imports)]:
            names = all(isinstance(one, str) and one.startswith(f"{PACKAGE}.") for one in imports)
            return bool(re.fullmatch("[0-9a-f]{64}", code)) and names
    return False


def _keep() -> None:
    """Write what is known of the modules, for the next process. Without a folder for it, do nothing."""
    newest = dict(list(_kept().items())[-_MOST_KEPT:])
    if _cache_file().is_absolute():  # or there is no home, and this would be a folder of the study
        with contextlib.suppress(OSError):
            write_text(_cache_file(), json.dumps(newest))


@cache
def _cache_file() -> Path:
    """Return the file for what this version of this module and of Python says of code."""
    made_by = Path(__file__).read_bytes() + sys.version.encode()
    name = hashlib.sha256(made_by).hexdigest()[:12]
    return user_cache_path("touchline", appauthor=False) / "digests" / f"{name}.json"


def _drop_words(call: ast.Call) -> None:
    """Blank the strings that a call shows to people."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name == "add_argument":
        call.keywords = [one for one in call.keywords if one.arg not in _HELP]
    elif name in _TELLING or name.endswith("Error"):
        call.args = [_BLANK if _is_text(one) else one for one in call.args]
        call.keywords = [one for one in call.keywords if not _is_text(one.value)]


_BLANK = ast.Constant("")


def _is_text(node: ast.expr) -> bool:
    """Say whether an expression is a string written out in the code, or several joined by +."""
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _imports(tree: ast.Module) -> list[str]:
    """Return the names below the package that code imports: modules, and what may be one."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return sorted(name for name in found if name.startswith(f"{PACKAGE}."))

"""What becomes of an error: `explain` tells a user's error, in a sentence, from a bug.

The sentences are those of `InputError`, and of errors of the disk and of file names, whichever
library raised them.
"""

import errno
import importlib.util
import os
import re
from collections.abc import Iterator

from touchline.core.problems import InputError

_SPACE = "Free some space on the disk, or raise its quota, and run the same command again."
_ACCESS = "Change its permissions, or those of its folder, or write to another folder."
_PATH = "Correct the path."
# What to do about errors of the disk, and of the names of files, by number.
DISK_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "The limit on the size of files (ulimit -f) or the file system's is too low; "
    "raise it, or write to another folder.",
    errno.EROFS: "Write to another folder.",
    errno.EIO: "The disk or its connection fails; see to it and run the same command again.",
    errno.ESTALE: "The network disk has changed meanwhile; run the same command again.",
}
_REMEDIES = DISK_REMEDIES | {
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.ENOENT: "Correct the path, or make the file.",
    errno.ENOTDIR: _PATH,
    errno.EISDIR: _PATH,
    errno.EEXIST: "Move it away, or name another one.",
    errno.ENOTEMPTY: "Something else writes into this folder; end it and run the same command again.",
    errno.ELOOP: "Correct its symbolic links.",
    errno.ENAMETOOLONG: "Choose shorter names.",
    errno.EMFILE: "Raise the limit on open files (ulimit -n).",
    errno.ENFILE: "Raise the machine's limit on open files.",
}
# Errors of the disk in the texts of libraries that do not raise an OSError with a number: the
# number itself (polars, safetensors and other libraries in Rust), the system's text, SQLite's, and
# that of PyTorch, which does not say why.
_NUMBER_IN_TEXT = re.compile(r"\(os error (\d+)\)|\[[Ee]rrno (\d+)\]")
_DISK_TEXTS = {os.strerror(number): number for number in DISK_REMEDIES} | {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "PytorchStreamWriter failed writing": errno.ENOSPC,
    "[enforce fail at inline_container": errno.ENOSPC,
}
_LONGEST_TEXT = 300
# What the core installation lacks: each extra of pyproject.toml, and the modules that it brings.
EXTRAS = {
    "models": ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "bitsandbytes"),
    "api": ("openai", "httpx2"),
    "scoreboard": ("rapidocr", "onnxruntime"),
    "slurm": ("snakemake_executor_plugin_slurm",),
    "soccernet": ("SoccerNet", "huggingface_hub"),
    "transcribe": ("faster_whisper", "ctranslate2"),
}


def explain(error: BaseException) -> str | None:
    """Return the sentence that a user is shown for an error; None for a bug: it is a traceback."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (extra := extra_of(error.name)):
        return f"{error.name} is not installed. {how_to_install(extra)}"
    named = getattr(error, "filename", None)
    number = error.errno if isinstance(error, OSError) else None
    if named is not None and number in _REMEDIES:
        return f"{named}: {os.strerror(number)}. {_REMEDIES[number]}"
    number = disk_errno(error)
    if number is not None:
        return f"{os.strerror(number)} ({_first_line(error)}). {DISK_REMEDIES[number]}"
    if isinstance(error, OSError) and (found := _NUMBER_IN_TEXT.search(str(error))):
        remedy = _REMEDIES.get(int(found[1] or found[2]))
        return remedy and f"{_first_line(error)}. {remedy}"
    return None


def extra_of(module: str | None) -> str | None:
    """Return the extra (of `EXTRAS`) that brings a module, or None for any other module."""
    top = (module or "").split(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed; none of them is imported."""
    # A folder of that name in the working folder, such as SoccerNet's data, has no origin.
    specs = {name: importlib.util.find_spec(name) for name in EXTRAS[extra]}
    return [name for name, spec in specs.items() if spec is None or spec.origin is None]


def how_to_install(extra: str) -> str:
    """Return the sentence that says how an extra is installed."""
    return (
        f"Install it in Touchline's folder: pip install -c requirements.lock '.[{extra}]' "
        "(or '.[all]' for everything)."
    )


def disk_errno(error: BaseException) -> int | None:
    """Return the number (of `DISK_REMEDIES`) of the disk's error that led to this one, or None."""
    for cause in _causes(error):
        if isinstance(cause, InputError):
            return None
        number = getattr(cause, "errno", None)
        if isinstance(number, int) and number in DISK_REMEDIES:
            return number
        if number is None:
            text = str(cause)
            in_text = [int(found[1] or found[2]) for found in _NUMBER_IN_TEXT.finditer(text)]
            in_text += [number for phrase, number in _DISK_TEXTS.items() if phrase in text]
            for number in in_text:
                if number in DISK_REMEDIES:
                    return number
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:_LONGEST_TEXT].rstrip(".")

"""Models that no job of a study makes: the package's tiny bases, and trained weights from elsewhere.

A model's setting `base` may name a base of the package, `touchline:NAME`. Its setting `weights` names
a model that was trained before: one of the package, the folder of another study's, or
`hub:user/name`, a repository of the Hugging Face hub.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from touchline.core.errors import how_to_install
from touchline.core.files import checksum
from touchline.core.problems import InputError, quoted

PREFIX = "touchline:"
FOLDER = Path(__file__).parents[1] / "demo" / "bases"
TRAINED = {"touchline:commentary": Path(__file__).parent / "words" / "shipped"}
HUB = "hub:"
RETRAIN = "Delete the folder; the model is trained again."
_CARD = "README.md"  # says what a base is; nothing depends on it


def names() -> list[str]:
    """Return the names of the bases, as they stand after `PREFIX`."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def is_shipped(base: str) -> bool:
    """Return whether a model's `base` names one of the package."""
    return base.startswith(PREFIX)


def locate(base: str) -> str:
    """Return the folder of a base of the package, and every other base as it is.

    Raises `InputError` where the package has no base of that name.
    """
    if not is_shipped(base):
        return base
    name = base.removeprefix(PREFIX)
    if name not in names():
        known = ", ".join(PREFIX + other for other in names())
        raise InputError(f"base {base}: the package has no such base. It has {known}.")
    return str(FOLDER / name)


def files(base: str | None) -> list[Path]:
    """Return the files that a base of the package consists of; none for another base."""
    if base is None or not is_shipped(base):
        return []
    return sorted(path for path in Path(locate(base)).iterdir() if path.name != _CARD)


@cache
def content(base: str | None) -> str:
    """Return a checksum of a base of the package; empty for another base."""
    sums = "\n".join(f"{path.name} {checksum(path)}" for path in files(base))
    return hashlib.sha256(sums.encode()).hexdigest()[:12] if sums else ""


def weights_folder(weights: str, files: Sequence[str]) -> Path:
    """Return the folder with the files of the setting `weights`; the hub's are fetched once.

    Raises `InputError` for a name that neither the package nor the hub has.
    """
    if weights.startswith(HUB):
        return _fetch(weights.removeprefix(HUB), files)
    if weights.startswith(PREFIX) and weights not in TRAINED:
        raise InputError(f"weights: no {weights} comes with Touchline, but {', '.join(TRAINED)}.")
    return TRAINED.get(weights, Path(weights))


def remedy_of(weights: str | None) -> str:
    """Return what to do about damaged files of the setting `weights`, or of a study's own model."""
    if weights is None:
        return RETRAIN
    if weights in TRAINED:
        return "Install Touchline again."
    return "Copy the folder of the trained model again, or correct the setting weights."


def _fetch(name: str, files: Sequence[str]) -> Path:
    """Return the folder with the files of a model of the hub, which is in its client's cache."""
    try:
        import httpx2
        from huggingface_hub import errors as hub
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name} is not installed. {how_to_install('soccernet')}") from error
    try:
        paths = [Path(hf_hub_download(name, file)) for file in files]
    except (hub.HfHubHTTPError, hub.LocalEntryNotFoundError, hub.HFValidationError,
            httpx2.HTTPError) as error:  # fmt: skip
        reason = quoted((str(error).strip().splitlines() or [type(error).__name__])[0])
        raise InputError(
            f"weights: {HUB}{quoted(name)} cannot be had from the hub ({reason}). Correct the name, "
            "log in with `hf auth login` where it is private, or give a folder."
        ) from error
    return paths[0].parent

"""Cache of what was read from a user's own videos, by their content: a second query reads nothing again.

It lies in `touchline/` of the user's cache folder (XDG_CACHE_HOME, else ~/.cache). Every entry can be
deleted at any time, and is then made again.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from platformdirs import user_cache_path

from touchline.core.digest import digest
from touchline.core.files import checksum
from touchline.core.problems import InputError


def default_folder() -> Path:
    """Return the folder of the cache of the user who runs this."""
    return user_cache_path("touchline", appauthor=False)


class Cache:
    """A folder with one file for each kind of reading, video, settings and version of the code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checksums: dict[Path, str] = {}

    def get(
        self,
        kind: str,
        suffix: str,
        video: Path,
        settings: Mapping[str, object],
        module: str,
        make: Callable[[Path], object],
    ) -> Path:
        """Return the file of a reading; `make` writes it where there is none yet.

        `settings` are all that the reading depends on beside the bytes of `video` and the code of
        `module`. `make` gets the path, and writes it whole or not at all.
        """
        path = self.path(kind, suffix, video, settings, module)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
        return path

    def path(
        self, kind: str, suffix: str, video: Path, settings: Mapping[str, object], module: str
    ) -> Path:
        """Return where a reading is, or would be (see `get`)."""
        parts = [self._checksum(video), settings, digest(module)]
        text = json.dumps(parts, sort_keys=True, default=str)
        return self.folder / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}{suffix}"

    def reserve(self, out: Path) -> None:
        """Keep other commands with this cache from writing into the folder `out` until this one ends.

        Raises `InputError` where another one does.
        """
        name = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:24]
        path = self.folder / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Kept open: the operating system releases the lock when this process ends for whatever reason.
        self._reserved = open(path, "w")  # noqa: SIM115
        try:
            fcntl.lockf(self._reserved, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{out}: another command is writing into it. Wait for its end, or name another folder "
                "with --out."
            ) from error
        except OSError:
            pass  # a file system without locks

    def _checksum(self, video: Path) -> str:
        """Return the checksum of a video; a file is read once in a command."""
        place = Path(os.path.realpath(video))
        if place not in self._checksums:
            self._checksums[place] = checksum(place)
        return self._checksums[place]

"""Parts of a long job's result, kept on the disk until the result is whole.

A job that is killed goes on after its last part. The folder is hidden beside the result, and deleted
when that is written.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from touchline.core.files import read_control_file, write_text


class KeptParts:
    """The folder of the parts of one result; `parts` are the JSON values of those that were there."""

    def __init__(
        self, folder: Path, made_from: Sequence[object], schema: Mapping[str, Any], cost: str
    ) -> None:
        """Open the folder; what was made from anything else than `made_from` (JSON) is deleted.

        `schema` is the JSON Schema of a part, `cost` the sentence that says what deleting a damaged
        one costs. Raises `InputError` for a damaged part.
        """
        self.folder = folder
        key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        note = folder / "key.txt"
        if not note.is_file() or note.read_text(encoding="utf-8", errors="replace") != key:
            shutil.rmtree(folder, ignore_errors=True)
            write_text(note, key)
        self.parts: list[Any] = []
        while (file := self._file(len(self.parts))).is_file():
            self.parts.append(read_control_file(file, schema, cost))
        self._count = len(self.parts)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:04d}.json"

    def add(self, part: object) -> None:
        """Keep a part on the disk."""
        write_text(self._file(self._count), json.dumps(part))
        self._count += 1

    def delete(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

"""Recognised stretches of a video's sound, kept on the disk until the transcript is whole."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from touchline.data.transcripts import Line
from touchline.jobs.kept_parts import KeptParts

SILENT = 1e-3  # largest amplitude of silence, of 1
_COST = "What is done of the transcript is made again."
_STRETCH_SCHEMA = {
    "type": "object",
    "required": ["end", "language", "peak", "has_speech", "lines"],
    "properties": {
        "end": {"type": "integer"},
        "language": {"type": ["string", "null"]},
        "peak": {"type": "number"},
        "has_speech": {"type": "boolean"},
        "lines": {"type": "array", "items": {"type": "array", "minItems": 3, "maxItems": 3}},
    },
}


@dataclass(frozen=True)
class Stretch:
    """A recognised stretch: its last sample (exclusive), counted from the start of the span."""

    end: int
    language: str | None
    peak: float
    has_speech: bool
    lines: list[Line]


class StretchFolder:
    """The folder of the stretches of one transcription; `stretches` are those that are done."""

    def __init__(self, path: Path, made_from: Sequence[object]) -> None:
        """Open the folder; what was made from anything else than `made_from` (JSON) is deleted."""
        self._kept = KeptParts(path, made_from, _STRETCH_SCHEMA, _COST)
        self.stretches = [Stretch(**part) for part in self._kept.parts]

    def add(self, stretch: Stretch) -> None:
        """Keep a stretch on the disk."""
        self._kept.add(asdict(stretch))
        self.stretches.append(stretch)

    @property
    def end(self) -> int:
        """The first sample after what is done."""
        return self.stretches[-1].end if self.stretches else 0

    def delete(self) -> None:
        """Delete the folder."""
        self._kept.delete()


def language_of(stretches: Sequence[Stretch]) -> str | None:
    """Return the language that was spoken, None where nothing was recognised yet."""
    return next((one.language for one in stretches if one.language), None)


def note_of(stretches: Sequence[Stretch]) -> str:
    """Return the sentence that says why there are no lines; nothing where there are some."""
    if any(one.lines for one in stretches):
        return ""
    if max((one.peak for one in stretches), default=0.0) < SILENT:
        return "its sound is silent."
    if not any(one.has_speech for one in stretches):
        return "nobody speaks in it: all of its sound was taken for music or noise."
    return "no words were recognised in what was taken for speech."

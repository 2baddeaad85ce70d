"""An entry of an edit list."""

from dataclasses import dataclass
from pathlib import Path

from touchline.reels.clips import Clip


@dataclass(frozen=True)
class EditEntry:
    """An entry of an edit list: a clip with its exact seconds in the source and in the reel.

    `video` is None where no video was cut; the entry then says what would be cut.
    """

    clip: Clip
    video: Path | None
    start_s: float
    end_s: float
    reel_start_s: float
    reel_end_s: float

"""The reel of a match: its clips out of the videos of the halves, and what was cut of each."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from touchline.reels import edit_lists
from touchline.reels.clips import Clip
from touchline.reels.cutting.cut import Piece, splice
from touchline.reels.cutting.stream_copy import copy_pieces
from touchline.reels.edit_lists import EditEntry
from touchline.reels.reel_settings import ReelSettings
from touchline.video.frame_reader import VideoError
from touchline.video.source import Source


@dataclass(frozen=True)
class HalfVideo:
    """A half: its video, None where it has none, its duration, and its start in the video."""

    video: Path | None
    duration_s: float
    start_s: float = 0.0


class Videos:
    """The videos of a match's halves, each of which is opened once; a context that closes them."""

    def __init__(self, halves: Mapping[int, HalfVideo], threads: int) -> None:
        self.halves, self.threads = halves, threads
        self._opened: dict[Path, Source] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def open(self, half: int) -> Source | None:
        """Return the source of a half, None for one without a video; raise `VideoError`."""
        path = self.halves[half].video
        if path is None:
            return None
        if path not in self._opened:
            self._opened[path] = self._stack.enter_context(closing(Source(path, self.threads)))
        return self._opened[path]


@dataclass(frozen=True)
class CutReel:
    """A reel as it was cut: the entry of each clip in it, the first source's rate, and messages."""

    entries: dict[Clip, EditEntry]
    fps: float | None
    has_sound: bool
    messages: list[str]


def cut_reel(out: Path, clips: Sequence[Clip], videos: Videos, settings: ReelSettings) -> CutReel:
    """Write the reel of the clips that have a video."""
    begins_s = {number: half.start_s for number, half in videos.halves.items()}
    messages: list[str] = []
    sources: dict[int, Source] = {}
    for half in sorted({clip.half for clip in clips}):
        try:
            source = videos.open(half)
        except VideoError as error:
            messages.append(f"Half {half}: {error} Its clips are in the lists alone.")
            continue
        if source is None:
            messages.append(f"Half {half} has no video: its clips are in the lists alone.")
        else:
            sources[half] = source
    filmed = [clip for clip in clips if clip.half in sources]
    if not filmed:
        entries = edit_lists.entries_without_video(clips, begins_s, edit_lists.list_rate(None))
        return CutReel(dict(zip(clips, entries, strict=True)), None, False, messages)
    rates = (float(source.video.average_rate or 0) for source in sources.values())
    fps = next(filter(None, rates), 0.0)
    has_sound = any(source.sound is not None for source in sources.values())
    pieces = [
        Piece(
            sources[clip.half],
            clip.start_s + begins_s[clip.half],
            clip.end_s + begins_s[clip.half],
            clip.title,
        )
        for clip in filmed
    ]
    try:
        if settings.stream_copy:
            cuts = copy_pieces(pieces, out)
        else:
            cuts = splice(
                pieces,
                out,
                fade_s=settings.fade_s,
                titles=settings.titles,
                threads=settings.threads,
            )
    except VideoError as error:
        entries = edit_lists.entries_without_video(clips, begins_s, edit_lists.list_rate(fps))
        messages.append(str(error))
        return CutReel(dict(zip(clips, entries, strict=True)), fps, has_sound, messages)
    cut_entries = {}
    for clip, piece, cut in zip(filmed, pieces, cuts, strict=True):
        if cut is None:
            messages.append(f"{clip.title}: the video has no picture of it.")
            continue
        times_s = map(float, (cut.start_s, cut.end_s, cut.reel_start_s, cut.reel_end_s))
        cut_entries[clip] = EditEntry(clip, piece.source.path, *times_s)
    return CutReel(cut_entries, fps, has_sound, messages)

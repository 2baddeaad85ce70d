"""A reel as lists that editors, players and YouTube read, each with the times in the source.

A source's time code counts from 00:00:00:00 at its first picture, at the list's frame rate: that of
the first source where it is one that time codes are made for, else 25. An EDL names half 2's
source as reel H2. Nothing here makes up a time: all are those of the clips.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange, to_timecode

from touchline.core.files import write_text
from touchline.reels.clips import Clip

RATES = (Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, Fraction(60000, 1001), 60)
USUAL_RATE = 25
_SLACK = 0.0005  # share by which a rate may be off and still be meant


@dataclass(frozen=True)
class Entry:
    """A clip of the reel: what it shows, seconds of its source as they were cut, and of the reel.

    `video` is None where the match has none: then the list says what would be cut.
    """

    clip: Clip
    video: Path | None
    start_s: float
    end_s: float
    reel_start_s: float
    reel_end_s: float

    @property
    def title(self) -> str:
        """Return the clip's title in one line."""
        return " ".join(self.clip.title.split())


def list_rate(fps: float | None) -> float:
    """Return the frame rate of the lists for a source of so many frames per second."""
    near = [rate for rate in RATES if fps and abs(fps / float(rate) - 1) < _SLACK]
    return float(near[0]) if near else float(USUAL_RATE)


def write(folder: Path, title: str, entries: Sequence[Entry], rate: float, sound: bool) -> None:
    """Write every list of a reel into a folder; a reel without clips has lists without entries."""
    title = " ".join(title.split())
    timeline = to_timeline(title, entries, rate, sound)
    write_text(folder / "reel.otio", otio.adapters.write_to_string(timeline, "otio_json"))
    write_text(folder / "reel.edl", to_edl(title, entries, rate))
    write_text(folder / "reel.vtt", to_vtt(entries, rate))
    write_text(folder / "chapters.txt", to_chapters(entries, rate))
    for half in sorted({entry.clip.half for entry in entries}):
        own = [entry for entry in entries if entry.clip.half == half]
        write_text(folder / f"losslesscut-half{half}.csv", to_losslesscut(own))


def timecode(time_s: float, rate: float) -> str:
    """Return a time as hours, minutes, seconds and frames."""
    return to_timecode(_frames(time_s, rate), rate)


def _frames(time_s: float, rate: float) -> RationalTime:
    return RationalTime(round(time_s * rate), rate)


def _span(entry: Entry, rate: float) -> TimeRange:
    start, end = _frames(entry.start_s, rate), _frames(entry.end_s, rate)
    return TimeRange(start, end - start)


def to_timeline(
    title: str, entries: Sequence[Entry], rate: float, sound: bool
) -> otio.schema.Timeline:
    """Return the reel as OpenTimelineIO has it: a video track, and one of sound where there is any."""
    timeline = otio.schema.Timeline(title)
    for name, kind in (("V1", "Video"), ("A1", "Audio"))[: 2 if sound else 1]:
        track = otio.schema.Track(name, kind=kind)
        track.extend(_otio_clip(entry, rate) for entry in entries)
        timeline.tracks.append(track)
    return timeline


def _otio_clip(entry: Entry, rate: float) -> otio.schema.Clip:
    media = otio.schema.MissingReference()
    if entry.video is not None:
        media = otio.schema.ExternalReference(entry.video.absolute().as_uri())
    clip = otio.schema.Clip(entry.title, media, _span(entry, rate))
    clip.metadata["cmx_3600"] = {"reel": f"H{entry.clip.half}"}
    clip.metadata["touchline"] = {
        "half": entry.clip.half,
        "confidence": entry.clip.confidence,
        "start_s": entry.start_s,
        "end_s": entry.end_s,
    }
    return clip


def to_edl(title: str, entries: Sequence[Entry], rate: float) -> str:
    """Return a CMX3600 list. Times of 29.97 and 59.94 frames/s are drop-frame."""
    if not entries:
        return f"TITLE: {title}\n\n"
    timeline = to_timeline(title, entries, rate, sound=False)
    return otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate)


def to_vtt(entries: Sequence[Entry], rate: float) -> str:
    """Return subtitles for the reel: what a clip shows, and where in the source it is."""
    cues = ["WEBVTT\n"]
    for number, entry in enumerate(entries, start=1):
        title = entry.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        times = f"{_vtt_time(entry.reel_start_s)} --> {_vtt_time(entry.reel_end_s)}"
        cues.append(f"{number}\n{times}\n{title}\n{_source(entry, rate)}\n")
    return "\n".join(cues)


def _vtt_time(time_s: float) -> str:
    ms = round(time_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _source(entry: Entry, rate: float) -> str:
    ends = f"{timecode(entry.start_s, rate)} to {timecode(entry.end_s, rate)}"
    return f"half {entry.clip.half}, {ends}"


def to_chapters(entries: Sequence[Entry], rate: float) -> str:
    """Return chapters for the description of a YouTube video, one a line."""
    lines = []
    for entry in entries:
        whole = int(entry.reel_start_s)
        start = f"{whole // 60}:{whole % 60:02d}"
        if whole >= 3600:
            start = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        lines.append(f"{start} {entry.title} ({_source(entry, rate)})\n")
    return "".join(lines)


def to_losslesscut(entries: Sequence[Entry]) -> str:
    """Return the clips of one source as LosslessCut imports them: start, end (seconds), label."""
    text = io.StringIO()
    rows = ((f"{entry.start_s:.6f}", f"{entry.end_s:.6f}", entry.title) for entry in entries)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

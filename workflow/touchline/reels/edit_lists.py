"""Edit lists of a reel: OpenTimelineIO, EDL, Final Cut Pro XML, WebVTT, chapters and LosslessCut.

Paths of videos are relative to the list, so that a folder with the videos and the reel can be moved.

Time codes of a source count from 00:00:00:00 at its first picture, at the list's frame rate: that
of the first source where it is a time-code rate, else 25. An EDL names the source of half 2 as reel
H2.
"""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

import opentimelineio as otio  # type: ignore[import-untyped]  # no type information
from opentimelineio.opentime import (  # type: ignore[import-untyped]  # no type information
    RationalTime,
    TimeRange,
    to_timecode,
)

from touchline.core.files import write_text
from touchline.core.problems import printable
from touchline.reels.clips import Clip
from touchline.reels.lists.entry import EditEntry
from touchline.reels.lists.fcpxml import to_fcpxml

# The rates for which time codes are defined, in frames per second.
RATES = (Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, Fraction(60000, 1001), 60)
DEFAULT_RATE = 25
_TOLERANCE = 0.0005  # relative deviation up to which a frame rate is taken for one of `RATES`


def list_rate(fps: float | None) -> float:
    """Return the frame rate of the lists for a source of so many frames per second."""
    return float(exact_rate(fps))


def exact_rate(fps: float | None) -> Fraction:
    """Return the frame rate of the lists for such a source, such as 30000/1001."""
    rates = [rate for rate in RATES if fps and abs(fps / float(rate) - 1) < _TOLERANCE]
    return Fraction(rates[0] if rates else DEFAULT_RATE)


def entries_without_video(
    clips: Sequence[Clip], begins_s: Mapping[int, float], rate: float
) -> list[EditEntry]:
    """Return the entries of clips that were not cut, one after the other in whole frames.

    `begins_s` is the start of each half in its video.
    """
    entries, reel_start = [], 0
    for clip in clips:
        ends_s = (clip.start_s + begins_s[clip.half], clip.end_s + begins_s[clip.half])
        first, last = (round(end_s * rate) for end_s in ends_s)
        reel_end = reel_start + last - first
        times_s = (frame / rate for frame in (first, last, reel_start, reel_end))
        entries.append(EditEntry(clip, None, *times_s))
        reel_start = reel_end
    return entries


def write_lists(
    folder: Path, title: str, entries: Sequence[EditEntry], rate: float, sound: bool
) -> None:
    """Write every list of a reel into a folder; a reel without clips has lists without entries."""
    title = printable(" ".join(title.split()))
    urls = {str(entry.video): relative_url(entry.video, folder) for entry in entries if entry.video}
    timeline = to_timeline(title, entries, rate, sound, urls)
    write_text(folder / "reel.otio", otio.adapters.write_to_string(timeline, "otio_json"))
    write_text(folder / "reel.edl", to_edl(title, entries, rate, urls))
    fcpxml = to_fcpxml(title, entries, exact_rate(rate), sound, urls)
    write_text(folder / "reel.fcpxml", fcpxml)
    write_text(folder / "reel.vtt", to_vtt(entries, rate))
    write_text(folder / "chapters.txt", to_chapters(entries, rate))
    for half in sorted({entry.clip.half for entry in entries}):
        of_half = [entry for entry in entries if entry.clip.half == half]
        write_text(folder / f"losslesscut-half{half}.csv", to_losslesscut(of_half))


def relative_url(video: Path, folder: Path) -> str:
    """Return the URL of a video relative to a list in `folder` (RFC 3986, a relative reference)."""
    path = os.path.relpath(video.absolute(), folder.absolute())
    path = path if path.startswith(os.pardir) else f"{os.curdir}/{path}"
    return quote(os.fsencode(path))  # a name that is not UTF-8 too


def timecode(time_s: float, rate: float) -> str:
    """Return a time as hours, minutes, seconds and frames."""
    return to_timecode(_frames(time_s, rate), rate)


def _frames(time_s: float, rate: float) -> RationalTime:
    return RationalTime(round(time_s * rate), rate)


def _span(entry: EditEntry, rate: float) -> TimeRange:
    start, end = _frames(entry.start_s, rate), _frames(entry.end_s, rate)
    return TimeRange(start, end - start)


def to_timeline(
    title: str,
    entries: Sequence[EditEntry],
    rate: float,
    sound: bool,
    urls: Mapping[str, str],
) -> otio.schema.Timeline:
    """Return the reel as OpenTimelineIO: a video track and, with `sound`, an audio track.

    `urls` is the URL of each video's path.
    """
    timeline = otio.schema.Timeline(title)
    for name, kind in (("V1", "Video"), ("A1", "Audio"))[: 2 if sound else 1]:
        track = otio.schema.Track(name, kind=kind)
        track.extend(_otio_clip(entry, rate, urls) for entry in entries)
        timeline.tracks.append(track)
    return timeline


def _otio_clip(entry: EditEntry, rate: float, urls: Mapping[str, str]) -> otio.schema.Clip:
    media = otio.schema.MissingReference()
    if entry.video is not None:
        media = otio.schema.ExternalReference(urls[str(entry.video)])
    clip = otio.schema.Clip(entry.clip.title, media, _span(entry, rate))
    clip.metadata["cmx_3600"] = {"reel": f"H{entry.clip.half}"}
    clip.metadata["touchline"] = {
        "half": entry.clip.half,
        "confidence": entry.clip.confidence,
        "start_s": entry.start_s,
        "end_s": entry.end_s,
    }
    return clip


def to_edl(title: str, entries: Sequence[EditEntry], rate: float, urls: Mapping[str, str]) -> str:
    """Return a CMX3600 edit decision list, drop-frame at 29.97 and 59.94 frames/s."""
    if not entries:
        return f"TITLE: {title}\n\n"
    timeline = to_timeline(title, entries, rate, sound=False, urls=urls)
    return otio.adapters.write_to_string(timeline, "cmx_3600", rate=rate)


def to_vtt(entries: Sequence[EditEntry], rate: float) -> str:
    """Return WebVTT subtitles for the reel: each clip's title and its time codes in the source."""
    cues = ["WEBVTT\n"]
    for number, entry in enumerate(entries, start=1):
        title = entry.clip.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        times = f"{_vtt_time(entry.reel_start_s)} --> {_vtt_time(entry.reel_end_s)}"
        cues.append(f"{number}\n{times}\n{title}\n{_source_span(entry, rate)}\n")
    return "\n".join(cues)


def _vtt_time(time_s: float) -> str:
    ms = round(time_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _source_span(entry: EditEntry, rate: float) -> str:
    ends = f"{timecode(entry.start_s, rate)} to {timecode(entry.end_s, rate)}"
    return f"half {entry.clip.half}, {ends}"


def to_chapters(entries: Sequence[EditEntry], rate: float) -> str:
    """Return chapters for the description of a YouTube video, one per line."""
    lines = []
    for entry in entries:
        start_s = int(entry.reel_start_s)
        start = f"{start_s // 60}:{start_s % 60:02d}"
        if start_s >= 3600:
            start = f"{start_s // 3600}:{start_s // 60 % 60:02d}:{start_s % 60:02d}"
        lines.append(f"{start} {entry.clip.title} ({_source_span(entry, rate)})\n")
    return "".join(lines)


def to_losslesscut(entries: Sequence[EditEntry]) -> str:
    """Return the clips of one source as a CSV for LosslessCut: start, end (seconds), label."""
    text = io.StringIO()
    rows = ((f"{entry.start_s:.6f}", f"{entry.end_s:.6f}", entry.clip.title) for entry in entries)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

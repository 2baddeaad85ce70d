"""Transcripts in the formats that people have: Whisper's JSON, SRT and WebVTT, SoccerNet-Echoes' JSON."""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from touchline.core.text_files import NotUtf8Error, UnreadableError, parse_json, read_text

Line = tuple[float, float, str]  # start and end in seconds, and the text

_TIME = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:[.,]\d{1,6})?)"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_ARROW = "-->"
# Tags of SRT and WebVTT: <i>, <font color="red">, <c.yellow>, <v Speaker>, <00:01:02.000>, {\an8}.
_TAGS = re.compile(r"</?[A-Za-z][^<>]*>|</?\d[\d:.]*>|\{\\[^{}]*\}")
# Captions that roll repeat the last row of the caption before, which ended this much earlier at most.
_ROLLING_S = 0.1
_FOR_LISTS = "Write [start in seconds, end in seconds, text]."
_FOR_OBJECTS = "Write start and end in seconds, and the text."
_FOR_CUES = "Write the times above the text as 00:01:02,000 --> 00:01:04,500."


@dataclass(frozen=True)
class TranscriptFile:
    """What a file says: `entries` are [start, end, text], or any other JSON value where they are wrong.

    `rows` are the numbers of the entries, or of their lines in a text file; `remedy` says how a
    wrong one is corrected; `note` is a sentence about the file, or empty.
    """

    entries: list[Any]
    rows: Sequence[int]
    remedy: str
    note: str = ""


def read_transcript(path: Path | str) -> TranscriptFile:
    """Return the transcript in a file, whose format is told by its content.

    A file of subtitles that is not UTF-8 is read as Windows-1252, with a note. Raises
    `UnreadableError` for a file that cannot be read or is none of these formats.
    """
    try:
        text, note = read_text(path), ""
    except NotUtf8Error as error:
        # Other programs write subtitles in the encoding of Windows; JSON is always UTF-8.
        text = Path(path).read_bytes().decode("cp1252", "replace")
        if not _is_subtitles(text):
            raise
        note = f"line {error.line} is not UTF-8: the file was read as Windows-1252."
    if _is_subtitles(text):
        return _read_subtitles(text, note)
    return _read_json(parse_json(text))


def _is_subtitles(text: str) -> bool:
    start = text.lstrip()
    return start.startswith("WEBVTT") or (not start.startswith(("{", "[")) and _ARROW in text)


def _read_json(content: Any) -> TranscriptFile:
    """Return the segments of SoccerNet-Echoes (an object), or of Whisper and its kin (a list)."""
    segments = content.get("segments") if isinstance(content, dict) else content
    note = content.get("note", "") if isinstance(content, dict) else ""
    note = note if isinstance(note, str) else ""
    if isinstance(segments, dict):
        entries = list(segments.values())
        return TranscriptFile(entries, range(1, len(entries) + 1), _FOR_LISTS, note)
    if not isinstance(segments, list) or not (isinstance(content, dict) or segments):
        raise UnreadableError("it has no 'segments'")
    entries = [
        [entry.get(name) for name in ("start", "end", "text")] if isinstance(entry, dict) else entry
        for entry in segments
    ]
    return TranscriptFile(entries, range(1, len(entries) + 1), _FOR_OBJECTS, note)


def _read_subtitles(text: str, note: str) -> TranscriptFile:
    """Return the cues of SRT or WebVTT; `rows` are the lines of their times."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    is_vtt = text.lstrip().startswith("WEBVTT")
    places = [number for number, line in enumerate(lines) if _ARROW in line]
    entries: list[Any] = []
    last_row, last_end_s = "", 0.0
    for place, following in pairwise([*places, len(lines)]):
        found = _TIMES.fullmatch(lines[place])
        if not found:
            entries.append(lines[place])
            continue
        start_s, end_s = _seconds(*found.groups()[:3]), _seconds(*found.groups()[3:])
        rows = _rows_of_cue(lines[place + 1 : following], following < len(lines), is_vtt)
        if is_vtt and rows and rows[0] == last_row and start_s <= last_end_s + _ROLLING_S:
            rows = rows[1:]
        last_row, last_end_s = rows[-1] if rows else last_row, end_s
        entries.append([start_s, end_s, " ".join(rows)])
    return TranscriptFile(entries, [place + 1 for place in places], _FOR_CUES, note)


def _rows_of_cue(lines: Sequence[str], has_following: bool, is_vtt: bool) -> list[str]:
    """Return the rows of text of a cue, of the lines up to the times of the following one."""
    if is_vtt:  # a blank line ends it: notes, styles and the name of the following one come after
        lines = list(takewhile(str.strip, lines))
    elif has_following and lines and lines[-1].strip().isdecimal():  # number of the following one
        lines = lines[:-1]
    plain = (_TAGS.sub("", line) for line in lines)
    rows = (html.unescape(line) if is_vtt else line for line in plain)
    return [" ".join(row.split()) for row in rows if row.strip()]


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))


def format_json(lines: Iterable[Line], header: Mapping[str, object]) -> str:
    """Return lines as SoccerNet-Echoes' JSON, with further fields."""
    segments = {str(number): list(line) for number, line in enumerate(lines)}
    return json.dumps({**header, "segments": segments}, ensure_ascii=False, indent=1) + "\n"


def format_srt(lines: Iterable[Line]) -> str:
    """Return lines as SRT."""
    cues = (
        f"{number}\n{_srt_time(start_s)} --> {_srt_time(end_s)}\n{text}\n"
        for number, (start_s, end_s, text) in enumerate(lines, start=1)
    )
    return "\n".join(cues)


def _srt_time(time_s: float) -> str:
    minutes, ms = divmod(round(time_s * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d},{ms % 1000:03d}"

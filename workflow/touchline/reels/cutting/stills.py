"""Stills of a reel's folder: a picture of each clip's moment, and what the players show before they play."""

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path

from touchline.reels.clips import Clip
from touchline.reels.cutting.reel_cutter import HalfVideo, Videos
from touchline.reels.edit_lists import EditEntry
from touchline.video.frame_reader import VideoError
from touchline.video.picture_fitter import PictureFitter, shown_size
from touchline.video.source import Source

FOLDER = "stills"  # in the reel's folder
CLIP_PX = (320, 180)  # (width, height) into which the picture of a clip is fitted
POSTER_PX = (960, 540)  # the same for what a player shows before it plays
INTO_HALF_S = 10.0  # the poster of a half is from so much after its start, when play is under way
_QUALITY = 80  # of 95
# The matrix that FFmpeg takes where none is stated, so that colours are converted once.
_BT601 = 6  # AVCOL_SPC_SMPTE170M


def write_stills(
    folder: Path,
    clips: Sequence[Clip],
    entries: Mapping[Clip, EditEntry],
    halves: Mapping[int, HalfVideo],
) -> tuple[list[str | None], str | None]:
    """Write the picture of each clip's moment, and the reel's poster, out of `folder`/reel.mp4.

    Returns the file of each clip, None for one that is not in the reel, and the file of the poster:
    that of the first clip's moment. Files are named relative to the folder.
    """
    files: list[str | None] = [None] * len(clips)
    poster = None
    reel = folder / "reel.mp4"
    if not reel.is_file():
        return files, poster
    with suppress(VideoError), closing(Source(reel)) as source:
        for number, clip in enumerate(clips):
            if clip not in entries:
                continue
            time_s = _moment_s(clip, entries[clip], halves[clip.half].start_s)
            files[number] = _write(source, time_s, CLIP_PX, folder, f"clip-{number + 1}")
            poster = poster or _write(source, time_s, POSTER_PX, folder, "reel")
    return files, poster


def write_half_posters(folder: Path, videos: Videos) -> dict[str, str]:
    """Write a picture of each half that has a video; return the files: "half1" → file."""
    files = {}
    for number, half in sorted(videos.halves.items()):
        with suppress(VideoError):  # which cutting reports, where a clip is of that half
            source = videos.open(number)
            time_s = max(0.0, half.start_s) + min(INTO_HALF_S, half.duration_s / 2)
            file = source and _write(source, time_s, POSTER_PX, folder, f"half{number}")
            if file:
                files[f"half{number}"] = file
    return files


def _moment_s(clip: Clip, entry: EditEntry, begins_s: float) -> float:
    """Return the second of the reel that shows the moment of the clip's most confident answer."""
    best = max(clip.hits, key=lambda hit: 1.0 if hit.confidence is None else hit.confidence)
    time_s = entry.reel_start_s + best.time_s + begins_s - entry.start_s
    return min(max(entry.reel_start_s, time_s), entry.reel_end_s)


def _write(
    source: Source, time_s: float, box: tuple[int, int], folder: Path, name: str
) -> str | None:
    """Write the picture on screen at a time as JPEG, fitted into `box`; None where there is none.

    It is upright, with square pixels, and not larger than in the video.
    """
    found = next(source.pictures_from(Fraction(time_s)), None)
    if found is None:
        return None
    picture, aspect = found[1]
    width, height = shown_size(picture, aspect)
    scale = min(1.0, box[0] / width, box[1] / height)
    size = max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)
    _, fitted = next(PictureFitter(size, _BT601).fit([(None, picture, aspect)]))
    file = f"{FOLDER}/{name}.jpg"
    (folder / FOLDER).mkdir(exist_ok=True)
    fitted.to_image().save(folder / file, "JPEG", quality=_QUALITY)
    return file

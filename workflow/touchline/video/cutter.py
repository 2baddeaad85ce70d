"""Cutting of a video into chunk files, in one pass of decoding; damaged chunks are left out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from touchline.core.files import checksum
from touchline.core.intervals import exact_fraction
from touchline.video.decoder import Fault, Picture, decode, fill_ticks
from touchline.video.encoder import Encode, open_encoder
from touchline.video.frame_reader import Video, VideoError, probe
from touchline.video.grid import Box, Chunk, ChunkSettings, plan_chunks

# `MAX_HALF_S`, 4 hours, at 50 Mbit/s, above the bit rate of any delivered broadcast.
MAX_BYTES = 100 * 10**9
# 8K. Scaling holds 12 bytes per pixel: 400 MB.
MAX_PIXELS = 7680 * 4320


def check_size(path: Path) -> None:
    """Raise `VideoError` for a file of more than `MAX_BYTES`."""
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise VideoError(
            path,
            f"it has {path.stat().st_size / 1e9:.0f} GB; the limit is {MAX_BYTES / 1e9:.0f} GB.",
            "Cut it to one half per file, or encode it smaller.",
        )


def check_limits(path: Path, video: Video, score_bug: Box | None) -> None:
    """Raise `VideoError` for a video that is too large, or lacks the score bug's place."""
    picture = f"{video.width}x{video.height} picture"
    if video.width * video.height > MAX_PIXELS:
        raise VideoError(path, f"its {picture} is beyond the limit of 7680x4320.", "Scale it down.")
    if score_bug is not None and (
        score_bug.x + score_bug.w > video.width or score_bug.y + score_bug.h > video.height
    ):
        raise VideoError(
            path,
            f"score_bug {score_bug._asdict()} reaches beyond its {picture}.",
            "Give x, y, w and h in pixels of the source picture.",
        )


def cut_chunks(
    path: Path,
    folder: Path,
    settings: ChunkSettings,
    *,
    span_s: tuple[float, float] | None = None,
    threads: int = 1,
    progress: Callable[[float], object] = lambda time_s: None,
) -> tuple[list[dict], dict[int, str]]:
    """Write the chunks of the video at `path` into `folder`, in one pass.

    Returns the rows of the manifest, without the half and with paths that are not relative to it,
    and the reason for each chunk that was set aside. `progress` is called with the time in the half
    that is reached, in seconds. `span_s` says where in the video the half starts and how long it is,
    in seconds; without it the half is the whole video. Raises `VideoError`, and OSError when a chunk cannot be written.
    """
    check_size(path)
    video = probe(path)
    check_limits(path, video, settings.score_bug)
    start_s, duration_s = span_s or (0.0, video.duration_s)
    chunks = plan_chunks(duration_s, settings)
    decoding = decode(
        path,
        video,
        settings.rate,
        settings.height,
        score_bug=settings.score_bug,
        tick_filter=settings.tick_filter,
        span_s=span_s,
        threads=threads,
    )
    with decoding as (pictures, log):
        _encode(pictures, chunks, folder, settings, progress)
    breaks_off = video.truncated and start_s + duration_s > video.duration_s - 1 / settings.fps
    set_aside = _reasons_to_set_aside(chunks, log.faults(), breaks_off, video.duration_s)
    rows = []
    for i, chunk in enumerate(chunks):
        row = {"chunk": i, "start_s": chunk.start_s, "end_s": chunk.end_s, "frame_s": []}
        files = {"file": _file(folder, i, False)}
        if settings.score_bug is not None:
            files["bug_file"] = _file(folder, i, True)
        for column, file in files.items():
            if i in set_aside:
                file.unlink()
            else:
                row |= {column: file, column.replace("file", "sha256"): checksum(file)}
                row["frame_s"] = log.shown_s([tick / settings.rate for tick in chunk.ticks])
        rows.append(row)
    return rows, set_aside


def _file(folder: Path, chunk: int, is_score_bug: bool) -> Path:
    return folder / f"{chunk:03d}{'.bug' if is_score_bug else ''}.mkv"


def _reasons_to_set_aside(
    chunks: list[Chunk], faults: list[Fault], breaks_off: bool, duration_s: float
) -> dict[int, str]:
    """Return the reason for each chunk that contains a fault or the end of a truncated file."""
    reasons: dict[int, str] = {}
    for fault in faults:
        for i, chunk in enumerate(chunks):
            if fault.start_s < chunk.end_s and fault.end_s > chunk.start_s:
                at_s = max(fault.start_s, chunk.start_s)
                reasons.setdefault(
                    i, f"its pictures from {at_s:.2f} s on are damaged ({fault.message})"
                )
    if breaks_off:
        reasons[len(chunks) - 1] = f"the file breaks off at {duration_s:.2f} s, before its end"
    return reasons


def _encode(
    pictures: Iterator[Picture],
    chunks: list[Chunk],
    folder: Path,
    settings: ChunkSettings,
    progress: Callable[[float], object],
) -> None:
    """Encode each picture in the chunks of which it is a frame; close each file after its last."""
    open_files: dict[tuple[int, bool], tuple[ExitStack, Encode]] = {}
    last_tick = max(chunk.ticks[-1] for chunk in chunks)
    with ExitStack() as all_files:
        for tick, is_score_bug, frame in fill_ticks(pictures, last_tick):
            for i in settings.chunks_around(tick, len(chunks)):
                if tick not in chunks[i].ticks:
                    continue
                if tick == chunks[i].ticks[0]:
                    file = all_files.enter_context(ExitStack())
                    encode = file.enter_context(
                        open_encoder(
                            _file(folder, i, is_score_bug), exact_fraction(settings.fps), frame
                        )
                    )
                    open_files[i, is_score_bug] = file, encode
                open_files[i, is_score_bug][1](chunks[i].ticks.index(tick), frame)
                if tick == chunks[i].ticks[-1]:
                    open_files.pop((i, is_score_bug))[0].close()
            progress(float(tick / settings.rate))

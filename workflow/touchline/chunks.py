"""Cut a half's video into chunks, each with the time of every frame.

    python -m touchline.chunks --video FILE --match NAME --half 1 \\
        --folder results/chunks/NAME/1 --manifest results/chunks/NAME/1.parquet

The time contract: time 0 is the first picture of the video. Chunk i starts at exactly
i * (length_s - overlap_s), wherever the source's key frames are. Frame k of a chunk is at its start_s +
k / fps and shows what is on screen in the source at that moment; `frame_s` in the manifest is the time of that
source frame. The chunk file's own time stamps count from the chunk's start. The last chunk may be shorter.

The half is decoded once, from front to back, and each chunk is encoded as its pictures arrive. A
chunk is moved to its name when it is whole; the manifest, with the checksums, is written last.
"""

import argparse
import errno
import json
import math
import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline import schema
from touchline.cli import report, run
from touchline.decoding import Box, Fault, decode, every_tick
from touchline.digest import checksum
from touchline.encoding import encoder
from touchline.intervals import exact, grid
from touchline.problems import CHUNK_SET_ASIDE, InputError, Problem, stop_on_any
from touchline.video import Video, VideoError, probe

# A half with stoppages, a break and the studio around it stays under 2 hours; 4 are surely
# no half, and would keep a job's slot for nothing.
MAX_DURATION_S = 4 * 3600
# 4 hours at 50 Mbit/s, more than any broadcast is delivered in.
MAX_BYTES = 100 * 10**9
# 8K. Twelve bytes a pixel are held while a picture is scaled: 400 MB.
MAX_PIXELS = 7680 * 4320
# Ticks a second of the grid that holds every chunk's start and frames: ffmpeg counts through them all.
MAX_RATE = 1000

# The names of chunks, and of what `files.whole` leaves when it is killed.
_OURS = re.compile(r"\d{3,}(\.bug)?\.mkv|\..*\.partial\.mkv")

_FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Settings:
    """How a half is cut; raises `InputError` for settings that cannot be met."""

    length_s: float = 60.0
    overlap_s: float = 0.0
    fps: float = 1.0
    height: int = 224
    score_bug: Box | None = None

    def __post_init__(self):
        if not 0 <= self.overlap_s < self.length_s < math.inf:
            raise InputError(
                f"chunks of {self.length_s} s cannot overlap by {self.overlap_s} s. "
                "Set overlap_s to 0 or more and below length_s."
            )
        if self.height < 2 or self.height % 2:
            raise InputError(f"height is {self.height}. Set it to an even number of pixels.")
        if self.score_bug and (min(self.score_bug[:2]) < 0 or min(self.score_bug[2:]) < 2):
            raise InputError(
                f"score_bug is {self.score_bug._asdict()}. Set x and y to 0 or more, w and h to "
                "2 or more, in pixels of the source picture."
            )
        if not 0 < self.fps <= MAX_RATE or self.rate > MAX_RATE:
            raise InputError(
                f"{self.fps} frames/s with chunks that start every "
                f"{self.length_s - self.overlap_s:g} s need a grid finer than 1/{MAX_RATE} s. "
                "Lower fps, or let length_s - overlap_s be a whole number of frames."
            )

    @property
    def step(self) -> tuple[int, int]:
        """Return (p, q): chunks start p ticks of the grid apart, and their frames are q apart."""
        frames = (exact(self.length_s) - exact(self.overlap_s)) * exact(self.fps)
        return frames.as_integer_ratio()

    @property
    def rate(self) -> Fraction:
        """Return the grid's ticks per second: every chunk's start and every frame is on one."""
        return exact(self.fps) * self.step[1]

    @property
    def wanted(self) -> str | None:
        """Return ffmpeg's expression for "tick n is a frame of a chunk"; None when all are.

        The chunk that started last before n started mod(n, p) ticks ago, the one before it p more.
        """
        p, q = self.step
        if q == 1:
            return None
        at_once = math.ceil(exact(self.length_s) * self.rate / p)
        return "+".join(f"not(mod(mod(n,{p})+{i * p},{q}))" for i in range(at_once))

    def chunks_around(self, tick: int, count: int) -> range:
        """Return which of `count` chunks can have a frame at a tick."""
        per_step, _ = self.step
        length = exact(self.length_s) * self.rate
        return range(max(0, int((tick - length) // per_step)), min(tick // per_step, count - 1) + 1)


@dataclass(frozen=True)
class Chunk:
    """A chunk's span in the half, in seconds, and the ticks of the grid that are its frames."""

    start_s: float
    end_s: float
    ticks: range


def plan(duration_s: float, settings: Settings) -> list[Chunk]:
    """Return the chunks of a half, with every frame that is before the chunk's end."""
    per_step, per_frame = settings.step
    spans = grid(duration_s, settings.length_s, settings.overlap_s)
    return [
        Chunk(
            start_s,
            end_s,
            range(i * per_step, math.ceil(exact(end_s) * settings.rate), per_frame),
        )
        for i, (start_s, end_s) in enumerate(spans)
    ]


def check_size(path: Path) -> None:
    """Raise `VideoError` for a file that is not worth reading through."""
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise VideoError(
            path,
            f"it has {path.stat().st_size / 1e9:.0f} GB; the limit is {MAX_BYTES / 1e9:.0f} GB.",
            "Cut it to one half per file, or encode it smaller.",
        )


def check(path: Path, video: Video, score_bug: Box | None) -> None:
    """Raise `VideoError` for a video beyond the limits or without the score bug's place."""
    if video.duration_s > MAX_DURATION_S:
        raise VideoError(
            path,
            f"it lasts {video.duration_s / 3600:.1f} hours; the limit is {MAX_DURATION_S // 3600}.",
            "Cut it to one half per file.",
        )
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


def cut(
    path: Path,
    folder: Path,
    settings: Settings,
    *,
    threads: int = 1,
    progress: Callable[[float], object] = lambda time_s: None,
) -> tuple[list[dict], dict[int, str]]:
    """Write the chunks of the video at `path` into `folder`, in one pass.

    Returns the manifest's rows, with whole paths and without the half, and why each chunk that was
    set aside was. `progress` is told the time in the half that is reached. Raises
    `VideoError`, and OSError when a chunk cannot be written.
    """
    check_size(path)
    video = probe(path)
    check(path, video, settings.score_bug)
    chunks = plan(video.duration_s, settings)
    decoding = decode(
        path,
        video,
        settings.rate,
        settings.height,
        score_bug=settings.score_bug,
        wanted=settings.wanted,
        threads=threads,
    )
    with decoding as (pictures, log):
        _encode(pictures, chunks, folder, settings, progress)
    aside = _set_aside(chunks, log.faults(), video)
    rows = []
    for i, chunk in enumerate(chunks):
        row = {"chunk": i, "start_s": chunk.start_s, "end_s": chunk.end_s, "frame_s": []}
        files = {"file": _file(folder, i, False)}
        if settings.score_bug is not None:
            files["bug_file"] = _file(folder, i, True)
        for column, file in files.items():
            if i in aside:
                file.unlink()
            else:
                row |= {column: file, column.replace("file", "sha256"): checksum(file)}
                row["frame_s"] = log.shown_s([tick / settings.rate for tick in chunk.ticks])
        rows.append(row)
    return rows, aside


def _file(folder: Path, chunk: int, bug: bool) -> Path:
    return folder / f"{chunk:03d}{'.bug' if bug else ''}.mkv"


def _set_aside(chunks: list[Chunk], faults: list[Fault], video: Video) -> dict[int, str]:
    """Return why, for each chunk that holds a fault or the end of a broken file."""
    aside = {}
    for fault in faults:
        for i, chunk in enumerate(chunks):
            if fault.start_s < chunk.end_s and fault.end_s > chunk.start_s:
                at_s = max(fault.start_s, chunk.start_s)
                aside.setdefault(
                    i, f"its pictures from {at_s:.2f} s on are damaged ({fault.words})"
                )
    if video.broken:
        last = len(chunks) - 1
        aside[last] = f"the file breaks off at {video.duration_s:.2f} s, before its end"
    return aside


def _encode(pictures, chunks: list[Chunk], folder: Path, settings: Settings, progress) -> None:
    """Give each picture to the chunks that it is a frame of; each file is closed with its last."""
    open_files: dict[tuple[int, bool], tuple[ExitStack, Callable]] = {}
    last_tick = max(chunk.ticks[-1] for chunk in chunks)
    with ExitStack() as all_files:
        for tick, bug, frame in every_tick(pictures, last_tick):
            for i in settings.chunks_around(tick, len(chunks)):
                if tick not in chunks[i].ticks:
                    continue
                if tick == chunks[i].ticks[0]:
                    file = all_files.enter_context(ExitStack())
                    encode = file.enter_context(
                        encoder(_file(folder, i, bug), exact(settings.fps), frame)
                    )
                    open_files[i, bug] = file, encode
                open_files[i, bug][1](chunks[i].ticks.index(tick), frame)
                if tick == chunks[i].ticks[-1]:
                    open_files.pop((i, bug))[0].close()
            progress(float(tick / settings.rate))


def clear(folder: Path, manifest: Path) -> None:
    """Delete the manifest, then the chunks, whole or not, that an earlier run left."""
    manifest.unlink(missing_ok=True)
    for file in folder.glob("*.mkv"):
        if _OURS.fullmatch(file.name):
            file.unlink()


def chunk_half(
    path: Path,
    match: str,
    half: int,
    folder: Path,
    manifest: Path,
    settings: Settings,
    *,
    threads: int = 1,
    stop_on_problem: bool = False,
) -> list[Problem]:
    """Write the chunks and, last, the manifest of a half; return the problems met.

    A video that cannot be used gives an empty manifest that carries the problem. Raises
    `InputError` on a full disk, and on any problem with `stop_on_problem`.
    """
    about = {"match": match, "stage": "chunks", "half": half, "file": str(path)}
    clear(folder, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tqdm(desc=f"{match} half {half}", unit=" s of video", disable=None) as bar:
            rows, aside = cut(
                path,
                folder,
                settings,
                threads=threads,
                progress=lambda time_s: bar.update(time_s - bar.n),
            )
        remedy = "It is left out of training and inference; fetch or encode the file again."
        problems = [
            Problem(**about, problem=f"chunk {i}: {why}.", remedy=remedy, effect=CHUNK_SET_ASIDE)
            for i, why in sorted(aside.items())
        ]
    except VideoError as error:
        rows, problems = [], [Problem(**about, problem=error.problem, remedy=error.remedy)]
    except OSError as error:
        if error.errno not in _FULL_DISK:
            raise
        raise InputError(
            f"{folder}: the chunks do not fit on the disk ({error.strerror}). "
            "Free some space and run it again; no part of a chunk was left."
        ) from error
    if stop_on_problem:
        stop_on_any(problems)
    _write(manifest, half, rows, problems)
    return problems


def _write(manifest: Path, half: int, rows: list[dict], problems: list[Problem]) -> None:
    files = ("file", "bug_file")
    for row in rows:
        row |= {"half": half}
        row |= {f: os.path.relpath(row[f], manifest.parent) for f in files if f in row}
    schema.write(manifest, pl.DataFrame(rows, schema=schema.CHUNKS), schema.CHUNKS, problems)


def _box(text: str) -> Box:
    try:
        fields = json.loads(text)
        if not all(isinstance(value, int) for value in fields.values()):
            raise TypeError
        return Box(**fields)
    except (ValueError, TypeError, AttributeError) as error:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not of the form {{"x": 10, "y": 8, "w": 90, "h": 20}} '
            "(whole pixels of the source picture)"
        ) from error


def main(argv: list[str]) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m touchline.chunks",
        description="Cut a half's video into chunks and list them, with their frames' times, "
        "in a manifest.",
        epilog="A file name that starts with a dash is given as --video=-name.mkv.",
    )
    defaults = Settings()
    add = parser.add_argument
    add("--video", type=Path, required=True, metavar="FILE", help="the half's video, a local file")
    add("--match", required=True, metavar="NAME", help="the match, for messages and problems")
    add("--half", type=int, required=True, metavar="N", help="the half: 1, 2, …")
    add("--folder", type=Path, required=True, help="where the chunks go: 000.mkv, 001.mkv, …")
    add("--manifest", type=Path, required=True, metavar="PARQUET", help="the table to write")
    add("--length-s", type=float, default=defaults.length_s, metavar="S", help="length of a chunk")
    add("--overlap-s", type=float, default=defaults.overlap_s, metavar="S", help="shared seconds")
    add("--fps", type=float, default=defaults.fps, help="frames per second of a chunk")
    add("--height", type=int, default=defaults.height, metavar="PX", help="height of a chunk")
    add(
        "--score-bug",
        type=_box,
        metavar="JSON",
        help='cut this box of the source picture into NNN.bug.mkv: {"x": 10, "y": 8, "w": 90, "h": 20}',
    )
    add("--threads", type=int, default=1, metavar="N", help="threads that decode (1)")
    add(
        "--on-problem",
        choices=["set-aside", "stop"],
        default="set-aside",
        help="what to do with damaged parts: leave them out and list them, or stop",
    )
    args = parser.parse_args(argv)
    report(
        chunk_half(
            args.video,
            args.match,
            args.half,
            args.folder,
            args.manifest,
            Settings(args.length_s, args.overlap_s, args.fps, args.height, args.score_bug),
            threads=args.threads,
            stop_on_problem=args.on_problem == "stop",
        )
    )


if __name__ == "__main__":
    run(main)

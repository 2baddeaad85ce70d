"""Cut a half's video into chunks, and list them with the time of every frame in a manifest.

    touchline chunks --video FILE --match NAME --half 1 \\
        --folder results/chunks/NAME/1 --manifest results/chunks/NAME/1.parquet

The time contract: time 0 is the first picture of the video. Chunk i starts at exactly
i * (length_s - overlap_s), wherever the source's key frames are. Frame k of a chunk is at
start_s + k / fps and shows the picture that is on screen in the source at that time; `frame_s` in
the manifest is the time of that source frame. The time stamps of the chunk file count from the
chunk's start. The last chunk may be shorter.

The half is decoded once, from start to end, and the chunks are encoded meanwhile. A chunk file
appears when it is complete; the manifest, with the checksums, is written last.
"""

import argparse
import errno
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.cli import json_object, report
from touchline.core.problems import (
    CHUNK_SET_ASIDE,
    MATCH_SET_ASIDE,
    NOTED,
    InputError,
    Problem,
    quoted,
    raise_problems,
)
from touchline.video.cutter import cut_chunks
from touchline.video.frame_reader import VideoError
from touchline.video.grid import Box, ChunkSettings

# The names of chunk files, and of the partial files that `atomic_file` leaves when it is killed.
_CHUNK_FILE = re.compile(r"\d{3,}(\.bug)?\.mkv|\..*\.partial\.mkv")

_COVERED = 0.9  # share of the score bug that a box for it should contain
_LARGER = 12.0  # times the area of the score bug that a box for it may have

_FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def delete_outputs(folder: Path, manifest: Path) -> None:
    """Delete the manifest, then the chunks, complete or not, of an earlier run."""
    manifest.unlink(missing_ok=True)
    for file in folder.glob("*.mkv"):
        if _CHUNK_FILE.fullmatch(file.name):
            file.unlink()


def chunk_half(
    path: Path,
    match: str,
    half: int,
    folder: Path,
    manifest: Path,
    settings: ChunkSettings,
    *,
    span_s: tuple[float, float] | None = None,
    threads: int = 1,
    stop_on_problem: bool = False,
    notes: Sequence[Problem] = (),
) -> list[Problem]:
    """Write the chunks and then the manifest of a half; return the problems.

    `span_s` says where in the video the half starts and how long it is, in seconds; without it the
    half is the whole video. `notes` are problems that are known already. A video that cannot be used gives an empty manifest with the problem.
    Raises `InputError` on a full disk, for a folder that is not below the manifest's, and on any
    problem if `stop_on_problem`.
    """

    def problem(text: str, remedy: str, effect: str) -> Problem:
        return Problem(match, "chunks", text, remedy, effect, half, str(path))

    if not Path(os.path.abspath(folder)).is_relative_to(os.path.abspath(manifest.parent)):
        raise InputError(f"{folder}: put the chunks into a folder below {manifest.parent}.")
    delete_outputs(folder, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tqdm(desc=f"{match} half {half}", unit=" s of video", disable=None) as bar:
            rows, set_aside = cut_chunks(
                path,
                folder,
                settings,
                span_s=span_s,
                threads=threads,
                progress=lambda time_s: bar.update(time_s - bar.n),
            )
        remedy = "It is left out of training and inference; fetch or encode the file again."
        problems = [
            problem(f"chunk {i}: {reason}.", remedy, CHUNK_SET_ASIDE)
            for i, reason in sorted(set_aside.items())
        ]
    except VideoError as error:
        rows, problems = [], [problem(error.problem, error.remedy, MATCH_SET_ASIDE)]
    except OSError as error:
        if error.errno not in _FULL_DISK:
            raise
        raise InputError(
            f"{folder}: the chunks do not fit on the disk ({error.strerror}). "
            "Free some space and run it again; no part of a chunk was left."
        ) from error
    problems += notes
    if stop_on_problem:
        raise_problems(problems)
    _write_manifest(manifest, half, rows, problems)
    return problems


def _write_manifest(manifest: Path, half: int, rows: list[dict], problems: list[Problem]) -> None:
    columns = ("file", "bug_file")
    for row in rows:
        row |= {"half": half}
        row |= {c: os.path.relpath(row[c], manifest.parent) for c in columns if c in row}
    schema.write(manifest, pl.DataFrame(rows, schema=schema.CHUNKS), schema.CHUNKS, problems)


def _parse_box(text: str) -> Box:
    try:
        return Box(**json_object({"type": "integer"})(text))
    except (argparse.ArgumentTypeError, TypeError) as error:
        raise argparse.ArgumentTypeError(
            f"'{quoted(text)}' is not of the form "
            '{"x": 10, "y": 8, "w": 90, "h": 20} (whole pixels of the source picture)'
        ) from error


def read_box(path: Path) -> Box | None:
    """Return the box of the score bug that was found in a video, None where none was.

    Raises `InputError` for a file that `touchline scoreboard` did not write.
    """
    try:
        box = json.loads(schema.read_metadata(path)[schema.SCOREBOARD_KEY])["box"]
        return box and Box(**box)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: it is not what `touchline scoreboard` writes. Delete it; it is made again."
        ) from error


def choose_box(given: Box | None, found: Box | None) -> tuple[Box | None, str]:
    """Return the box to cut, and what is odd about it (a sentence, or nothing)."""
    if found is None:
        text = "no score bug was found in the picture"
        return given, f"{text}." if given else f"{text}, so that no video of it is cut."
    if given is None:
        return found, ""
    place = f"the score bug is at {found._asdict()}"
    shared = max(0, min(given.x + given.w, found.x + found.w) - max(given.x, found.x)) * max(
        0, min(given.y + given.h, found.y + found.h) - max(given.y, found.y)
    )
    if shared < _COVERED * found.w * found.h:
        kind = "cuts off a part of the score bug" if shared else "does not show the score bug"
        return given, f"the box {given._asdict()} {kind}: {place}."
    if given.w * given.h > _LARGER * found.w * found.h:
        return given, f"the box {given._asdict()} is far larger than the score bug: {place}."
    return given, ""


def main(argv: list[str]) -> None:
    """Write the chunks and the manifest of one half."""
    parser = argparse.ArgumentParser(
        prog="touchline chunks",
        description="Cut a half's video into chunks and list them, with their frames' times, "
        "in a manifest. Time 0 is the first picture; what is damaged is left out and listed.",
        epilog="A file name that starts with a dash is given as --video=-name.mkv.",
    )
    defaults = ChunkSettings()
    add = parser.add_argument
    add("--video", type=Path, required=True, metavar="FILE", help="the half's video, a local file")
    add("--match", required=True, metavar="NAME", help="the match, for messages and problems")
    add("--half", type=int, required=True, metavar="N", help="the half: 1, 2, …")
    add("--folder", type=Path, required=True, help="where the chunks go: 000.mkv, 001.mkv, …")
    add("--manifest", type=Path, required=True, metavar="PARQUET", help="the table to write")
    add(
        "--length-s",
        type=float,
        default=defaults.length_s,
        metavar="S",
        help="seconds of a chunk (%(default)g)",
    )
    add(
        "--overlap-s",
        type=float,
        default=defaults.overlap_s,
        metavar="S",
        help="seconds that a chunk shares with the next (%(default)g)",
    )
    add(
        "--fps",
        type=float,
        default=defaults.fps,
        metavar="N",
        help="frames per second of a chunk (%(default)g)",
    )
    add(
        "--height",
        type=int,
        default=defaults.height,
        metavar="PX",
        help="height of a chunk's picture, even (%(default)s); its width keeps the aspect",
    )
    add(
        "--score-bug",
        type=_parse_box,
        metavar="JSON",
        help="also cut this box, in pixels of the source, into NNN.bug.mkv: "
        '{"x":10,"y":8,"w":90,"h":20}',
    )
    add(
        "--scoreboard",
        type=Path,
        metavar="PARQUET",
        help="what touchline scoreboard found: its box is cut, or compared with that of --score-bug",
    )
    add("--threads", type=int, default=1, metavar="N", help="threads that decode (%(default)s)")
    add(
        "--on-problem",
        choices=["set-aside", "stop"],
        default="set-aside",
        help="leave damaged parts out and list them in the manifest (the default), or stop",
    )
    args = parser.parse_args(argv)
    box, notes = args.score_bug, []
    if args.scoreboard is not None:
        box, text = choose_box(box, read_box(args.scoreboard))
        remedy = (
            "Look at touchline scoreboard --preview; set chunks.score_bug, or leave it to auto."
        )
        if text:
            notes = [Problem(args.match, "chunks", text, remedy, NOTED, args.half, str(args.video))]
    report(
        chunk_half(
            args.video,
            args.match,
            args.half,
            args.folder,
            args.manifest,
            ChunkSettings(args.length_s, args.overlap_s, args.fps, args.height, box),
            threads=args.threads,
            stop_on_problem=args.on_problem == "stop",
            notes=notes,
        )
    )

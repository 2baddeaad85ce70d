"""SoccerNet's format of action-spotting predictions: reading and writing `results_spotting.json`.

It is the format of SoccerNet's challenge, in which other systems publish their predictions: one
file in each game's folder, all of them in a folder or a zip archive. A prediction has a half, a
label, a position in milliseconds from the start of the half, and a confidence from 0 to 1.
spivak's predictions of single videos are read too: a file for each half, `1_results_spotting.json`
and `2_results_spotting.json`, whose predictions name no half.
"""

import functools
import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from touchline.core.clock import game_time
from touchline.core.files import write_text
from touchline.core.problems import InputError, quoted
from touchline.core.text_files import UnreadableError, check_regular, parse_json
from touchline.data.matches import slug

FILE = "results_spotting.json"
_NAME = re.compile(rf"(?:([1-4])_)?{re.escape(FILE)}")
SPOTS = pl.Schema(
    {"half": pl.Int64, "time_s": pl.Float64, "label": pl.String, "confidence": pl.Float64}
)
# A typical file has a thousand predictions of 150 bytes; that of a dense detector is below 10 MB.
LARGEST_BYTES = 64 * 2**20
# What zipfile raises for damaged archives, unknown compression (NotImplementedError is a
# RuntimeError), encryption and undecodable names (a ValueError).
_ZIP_ERRORS = (
    OSError, RuntimeError, EOFError, ValueError, KeyError, OverflowError, MemoryError, struct.error,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
BIN_S = 0.5  # the evaluator keeps one prediction per label in each bin of this length


def write_spots(folder: Path, game: str, spots: pl.DataFrame) -> None:
    """Write the spots of a game (columns `SPOTS`) to folder/game/results_spotting.json.

    Of the predictions of a label in one half second, the evaluator keeps the last in the file, so
    the most confident is written last.
    """
    ordered = spots.sort("half", pl.col("time_s") // BIN_S, "confidence", "time_s", "label")
    predictions = [
        {
            "gameTime": game_time(half, time_s),
            "label": label,
            "position": str(round(time_s * 1000)),
            "half": str(half),
            "confidence": confidence,
        }
        for half, time_s, label, confidence in ordered.select(SPOTS.names()).iter_rows()
    ]
    text = json.dumps({"UrlLocal": game, "predictions": predictions}, indent=1, ensure_ascii=False)
    write_text(folder / game / FILE, text)


def find_files(path: Path, match: str) -> list[str]:
    """Return the names of a match's files within a folder or a zip archive: one, or one of a half.

    A game's folder belongs to the match of the same name, or of the name that `slug` makes of it.
    Raises `InputError` when there is no such file, or more than one.
    """
    names = [name for name in _names(path) if match in _match_names(name)]
    halves = [_half_of(name) for name in names]
    if names and (len(names) == 1 or (None not in halves and len(set(halves)) == len(halves))):
        return names
    if names:
        listed = ", ".join(quoted(name) for name in names[:5])
        raise InputError(f"{path}: {match} has {len(names)} files: {listed}. Keep one.")
    raise InputError(
        f"{path}: no {FILE} for {match}. It needs one for every match that is scored, and for "
        "those of the valid split with `threshold: tuned`; without these, set a number instead."
    )


def halves_of(path: Path, match: str) -> set[int] | None:
    """Return the halves that a match's files have, each one; None for a file of a whole match."""
    halves = [_half_of(name) for name in find_files(path, match)]
    return None if None in halves else {half for half in halves if half}


def has_files(path: Path, matches: Iterable[str]) -> bool:
    """Say whether a folder or a zip archive has a file for each of these matches.

    What cannot be read has none: the job that reads it says why.
    """
    try:
        known = {name for file in _names(path) for name in _match_names(file)}
    except InputError:
        return False
    return known.issuperset(matches)


def read_spots(path: Path, match: str) -> pl.DataFrame:
    """Return the spots of a match (columns `SPOTS`) from a folder or a zip archive.

    The archive is not extracted, so that no name in it is used as a path. Raises `InputError` for a
    file that is missing, too large or malformed.
    """
    rows = []
    for name in find_files(path, match):
        where, half = f"{path}: {quoted(name)}", _half_of(name)
        predictions = _predictions(path, name, where)
        rows += [_spot(entry, row, where, half) for row, entry in enumerate(predictions, start=1)]
    return pl.DataFrame(rows, schema=SPOTS, orient="row")


def _predictions(path: Path, name: str, where: str) -> list:
    """Return the predictions of a file in a folder or a zip archive, which may be any JSON values."""
    try:
        if path.is_dir():
            check_regular(path / name)
            with open(path / name, "rb") as file:
                raw = file.read(LARGEST_BYTES + 1)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(name) as member:
                raw = member.read(LARGEST_BYTES + 1)
        if len(raw) > LARGEST_BYTES:
            raise InputError(f"{where}: is over {LARGEST_BYTES} bytes. Leave out improbable spots.")
        content = parse_json(raw)
        predictions = content.get("predictions") if isinstance(content, dict) else None
        if not isinstance(predictions, list):
            raise UnreadableError("it has no list 'predictions'")
    except UnreadableError as error:
        raise InputError(
            f"{where}: is not SoccerNet's JSON ({error}). Write it as the challenge asks for it."
        ) from error
    except _ZIP_ERRORS as error:
        raise InputError(
            f"{where}: cannot be read ({quoted(str(error))}). Write the file again."
        ) from error
    return predictions


@functools.lru_cache(maxsize=8)
def _listed(path: Path, state: tuple[int, int]) -> list[str]:
    """Return the names of the prediction files in a zip archive in a certain state."""
    with zipfile.ZipFile(path) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    return sorted(name for name in names if _NAME.fullmatch(_posix(name).name))


def _names(path: Path) -> list[str]:
    """Return the names of all prediction files in a folder or a zip archive."""
    if path.is_dir():
        files = (file for file in path.rglob(f"*{FILE}") if _NAME.fullmatch(file.name))
        return sorted(file.relative_to(path).as_posix() for file in files)
    try:
        check_regular(path)
        status = path.stat()
        return _listed(path.absolute(), (status.st_mtime_ns, status.st_size))
    except (UnreadableError, *_ZIP_ERRORS) as error:
        raise InputError(
            f"{path}: neither a folder nor a zip ({quoted(str(error))}). Correct `path`."
        ) from error


def _posix(name: str) -> PurePosixPath:
    """Return the path of a name in a zip archive; archives of Windows may have backslashes."""
    return PurePosixPath(name.replace("\\", "/"))


def _match_names(name: str) -> tuple[str, str]:
    """Return the names of matches that a file's folder may stand for."""
    folder = _posix(name).parent
    return folder.name, slug(str(folder))


def _half_of(name: str) -> int | None:
    """Return the half that the name of a file says it has, or None for a file of a whole match."""
    found = _NAME.fullmatch(_posix(name).name)
    return int(found[1]) if found and found[1] else None


def _spot(
    prediction: Any, row: int, where: str, file_half: int | None
) -> tuple[int, float, str, float]:
    """Return (half, time_s, label, confidence) of a prediction, which may be any JSON value."""
    try:
        half = int(prediction["half"] if file_half is None else file_half)
        time_s = int(prediction["position"]) / 1000
        label, confidence = str(prediction["label"]), float(prediction["confidence"])
        label.encode()  # a lone surrogate (half a character) is an error
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{where}: prediction {row}: {quoted(repr(error))}. "
            "It needs half, position in milliseconds, label and confidence."
        ) from error
    if not 1 <= half <= 4 or time_s < 0 or not 0 <= confidence <= 1:
        raise InputError(
            f"{where}: prediction {row}: half {half}, {time_s} s, confidence {confidence}. "
            "Halves are 1 to 4, times from 0 on, confidences from 0 to 1."
        )
    return half, time_s, label, confidence

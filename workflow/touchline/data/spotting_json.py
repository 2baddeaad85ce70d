"""SoccerNet's spotting files: `results_spotting.json`, one per game folder, in a folder or a zip.

They are what SoccerNet's challenge takes and what other systems publish. A prediction is a moment:
half, label, position in milliseconds from the start of the half, and a confidence from 0 to 1.
"""

import json
import zipfile
from pathlib import Path, PurePosixPath

import polars as pl

from touchline.core.clock import game_time
from touchline.core.files import write_text
from touchline.core.problems import InputError
from touchline.data.matches import slug

FILE = "results_spotting.json"
SPOTS = pl.Schema(
    {"half": pl.Int64, "time_s": pl.Float64, "label": pl.String, "confidence": pl.Float64}
)
# A game has about a thousand predictions of 150 bytes; a file of a dense detector stays below 10 MB.
LARGEST_BYTES = 64 * 2**20
BIN_S = 0.5


def write_spots(folder: Path, game: str, spots: pl.DataFrame) -> None:
    """Write the spots of a game (columns `SPOTS`) to folder/game/results_spotting.json.

    The evaluator keeps one prediction per label and half second, the last in the file: so the most
    confident one comes last.
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


def find_file(path: Path, match: str) -> str:
    """Return the file of a match in a folder or a zip, as its name in there.

    A game folder belongs to the match that has its name, or the name that the sheet makes of it.
    Raises `InputError` when there is no such file, or more than one.
    """
    found = [
        name for name in _names(path)
        if match in (PurePosixPath(name).parent.name, slug(str(PurePosixPath(name).parent)))
    ]  # fmt: skip
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{path}: {match} has {len(found)} files: {', '.join(found)}. Keep one.")
    raise InputError(
        f"{path}: no {FILE} for {match}. It needs one for every match that is scored, and for those "
        "of the valid split with `threshold: tuned`; without these, set a number instead."
    )


def read_spots(path: Path, match: str) -> pl.DataFrame:
    """Return the spots of a match (columns `SPOTS`) from a folder or a zip.

    Nothing is unpacked, so a name in the zip never becomes a path. Raises `InputError` for a file
    that is missing, too large or malformed.
    """
    name = find_file(path, match)
    where = f"{path}: {name}"
    try:
        if path.is_dir():
            with open(path / name, "rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(name) as file:
                content = file.read(LARGEST_BYTES + 1)
    # An encrypted member is a RuntimeError, an unknown compression a NotImplementedError.
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise InputError(f"{where}: cannot be read ({error}). Write the file again.") from error
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{where}: is over {LARGEST_BYTES} bytes. Leave out improbable spots.")
    try:
        predictions = json.loads(content)["predictions"]
        if not isinstance(predictions, list):
            raise TypeError("predictions is no list")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{where}: is not SoccerNet's JSON ({error!r}). Write it as the challenge asks for it."
        ) from error
    rows = [_spot(entry, row, where) for row, entry in enumerate(predictions, start=1)]
    return pl.DataFrame(rows, schema=SPOTS, orient="row")


def _names(path: Path) -> list[str]:
    """Return the names of all spotting files in a folder or a zip."""
    if path.is_dir():
        return sorted(found.relative_to(path).as_posix() for found in path.rglob(FILE))
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: neither a folder nor a zip ({error}). Correct `path`."
        ) from error
    return sorted(name for name in names if PurePosixPath(name).name == FILE)


def _spot(entry: object, row: int, where: str) -> tuple[int, float, str, float]:
    """Return (half, time_s, label, confidence) of one prediction."""
    try:
        half, time_s = int(entry["half"]), int(entry["position"]) / 1000
        label, confidence = str(entry["label"]), float(entry["confidence"])
        label.encode()  # half a character (a lone surrogate) is an error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where}: prediction {row}: {error!r}. "
            "It needs half, position in milliseconds, label and confidence."
        ) from error
    if not 1 <= half <= 4 or time_s < 0 or not 0 <= confidence <= 1:
        raise InputError(
            f"{where}: prediction {row}: half {half}, {time_s} s, confidence {confidence}. "
            "Halves are 1 to 4, times from 0 on, confidences from 0 to 1."
        )
    return half, time_s, label, confidence

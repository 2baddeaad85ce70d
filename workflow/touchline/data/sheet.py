"""Write the sheet (matches.csv) of a SoccerNet folder; other matches can be added by hand."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from tqdm import tqdm

from touchline.core import cli
from touchline.core.intervals import MAX_HALF_S
from touchline.core.problems import NOTED, InputError, Problem
from touchline.core.text_files import UnreadableError, read_text
from touchline.data import matches
from touchline.data.download import fetch_echoes, fetch_games
from touchline.data.exchange.osl_json import read_osl
from touchline.data.matches import SHEET, SPLITS, probe_half, slug

LABELS_FILE = "Labels-v2.json"


def from_soccernet(
    soccernet: Path,
    echoes: Path | None,
    splits: dict[str, str],
    lengths: dict[tuple[str, int], float],
    commentary_order: list[str],
    video_order: list[str],
    further: Sequence[str] = (),
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return the sheet of the games of `splits` that have a folder in `soccernet`, and problems.

    `splits` maps a game path to its split, `lengths` a (game, half) without a video to its seconds.
    A half's commentary is taken from the first version of `commentary_order` that has it, and from
    every version of `further` that has it; its video is the first file of `video_order` that exists.
    """
    rows: list[tuple] = []
    problems: list[Problem] = []
    versions = [echoes / "Dataset" / version for version in commentary_order] if echoes else []
    further_versions = [echoes / "Dataset" / version for version in further] if echoes else []
    for game, split in tqdm(splits.items(), desc="games", unit="game", disable=None):
        folder = soccernet / game
        if not folder.is_dir():
            continue
        labels = folder / LABELS_FILE
        for half in (1, 2):
            video = _first_file(folder / f"{half}_{name}" for name in video_order)
            duration_s = lengths.get((game, half))
            video_problems: list[Problem] = []
            if video:
                probed, video_problems = probe_half(video, slug(game), half)
                duration_s = probed.duration_s if probed else None
            problems += video_problems
            commentary = _first_file(version / game / f"{half}_asr.json" for version in versions)
            if commentary:
                others = [str(version / game / f"{half}_asr.json") for version in further_versions]
                others = [path for path in others if path != commentary and Path(path).is_file()]
                commentary = matches.BETWEEN.join([commentary, *others])
            rows.append(
                (slug(game), half, split, video, duration_s,
                 str(labels) if labels.is_file() else None, commentary)
            )  # fmt: skip
            text = None
            if duration_s is None and not video_problems:
                text, remedy = "no video and no length.", "Add the half to the file of --lengths."
            elif duration_s is not None and not 0 < duration_s <= MAX_HALF_S:
                text = f"the length {duration_s} s is not one of a half."
                remedy = f"Write seconds, at most {MAX_HALF_S:.0f}, in the file of --lengths."
            if text:
                problems.append(
                    Problem(slug(game), "sheet", text, remedy, half=half, file=str(folder))
                )
            if commentary is None:
                problems.append(
                    Problem(
                        slug(game), "sheet", "no commentary.",
                        "Nothing to do: the half stays in the study without commentary.",
                        NOTED, half=half, file=str(folder),
                    )
                )  # fmt: skip
    return pl.DataFrame(rows, schema=SHEET, orient="row"), problems


def _first_file(paths: Iterator[Path]) -> str | None:
    return next((str(path) for path in paths if path.is_file()), None)


def soccernet_splits() -> dict[str, str]:
    """Return the official split of each SoccerNet-v2 game, from the SoccerNet package."""
    from SoccerNet.utils import getListGames  # type: ignore[import-untyped]  # no type information

    return {game: split for split in SPLITS for game in getListGames(split)}


def _by_split(splits: dict[str, str]) -> list[list[tuple[str, str]]]:
    """Return the (game, split) pairs of each split, in the order given."""
    return [[pair for pair in splits.items() if pair[1] == split] for split in SPLITS]


def read_columns(path: Path, columns: list[str]) -> pl.DataFrame:
    """Return these columns of a CSV file; raise `InputError` where one is missing or malformed."""
    kinds = {"half": pl.Int64, "duration_s": pl.Float64}
    try:
        text = read_text(path).encode()
        table = pl.read_csv(text, infer_schema=False).select(columns)
        return table.select(pl.col(name).cast(kinds.get(name, pl.String)) for name in columns)
    except (UnreadableError, pl.exceptions.PolarsError) as error:
        reason = (str(error).splitlines() or ["empty"])[0]
        raise InputError(
            f"{path}: not a CSV with columns {','.join(columns)} ({reason}). Correct it."
        ) from error


def read_splits(path: Path) -> dict[str, str]:
    """Return the split of each game from a CSV file; raise `InputError` for an unknown split."""
    pairs = read_columns(path, ["game", "split"]).rows()
    for row, (game, split) in enumerate(pairs, start=2):
        if split not in SPLITS:
            raise InputError(
                f"{path}: row {row}: {game} has unknown split '{split}'. "
                f"Write one of {', '.join(SPLITS)}."
            )
    return dict(pairs)


def shipped_lengths() -> dict[tuple[str, int], float]:
    """Return the seconds of each (game, half) of SoccerNet-v2's train, valid and test games.

    They are the numbers of frames of the 224p and 720p videos, divided by their 25 frames a second.
    """
    seconds = json.loads(Path(__file__).with_name("soccernet_half_lengths.json").read_bytes())
    return {(game, half): s for game, pair in seconds.items() for half, s in enumerate(pair, 1)}


def main(argv: list[str]) -> None:
    """Write the sheet of a SoccerNet folder."""
    parser = argparse.ArgumentParser(prog="touchline sheet", description=__doc__)
    parser.add_argument(
        "--soccernet", type=Path, metavar="DIR",
        help="folder of the leagues: DIR/<league>/<season>/<game>/Labels-v2.json",
    )  # fmt: skip
    parser.add_argument(
        "--echoes", type=Path, metavar="DIR",
        help="SoccerNet-Echoes checkout: DIR/Dataset/<version>/<league>/<season>/<game>/1_asr.json",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("matches.csv"), help="(%(default)s)")
    parser.add_argument(
        "--lengths", type=Path, metavar="CSV",
        help="game,half,duration_s of halves that have no video here; those of SoccerNet-v2 are known",
    )  # fmt: skip
    parser.add_argument(
        "--splits", type=Path, metavar="CSV",
        help="game,split instead of the official splits of the SoccerNet package",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="take every Nth game of each split"
    )
    parser.add_argument(
        "--commentary", nargs="+", metavar="VERSION", default=["whisper_v1_en", "whisper_v1"],
        help="Echoes versions, the most wanted first (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--further", nargs="+", metavar="VERSION", default=[],
        help="Echoes versions that are named beside it, for models that hear several transcripts",
    )  # fmt: skip
    parser.add_argument(
        "--videos", nargs="+", metavar="NAME", default=["224p.mkv", "720p.mkv"],
        help="video files without the half's number, the most wanted first (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--download", nargs="*", metavar="FILE",
        help=f"first fetch what is missing: {LABELS_FILE} of every game, with --echoes the "
        "commentary, and these files of every game, such as 1_224p.mkv 2_224p.mkv",
    )  # fmt: skip
    parser.add_argument(
        "--osl", type=Path, nargs="+", metavar="JSON",
        help="OSL JSON of opensportslib instead of --soccernet: samples are halves; events and "
        "captions are written into the folder osl beside --out",
    )  # fmt: skip
    parser.add_argument(
        "--media", type=Path, default=Path(), metavar="DIR",
        help="with --osl: folder that the paths of its videos are in (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--split", choices=SPLITS, help="with --osl: instead of the files' own")
    args = parser.parse_args(argv)
    if (args.soccernet is None) == (args.osl is None):
        parser.error("give either --soccernet or --osl")
    if args.osl:
        _write(args.out, *read_osl(args.osl, args.media, args.out.parent / "osl", args.split))
        return
    if args.every < 1:
        parser.error("--every takes a number of 1 or more")
    splits = read_splits(args.splits) if args.splits else soccernet_splits()
    splits = {game: split for games in _by_split(splits) for game, split in games[:: args.every]}
    if args.download is not None:
        games = [game for game, split in splits.items() if split != "challenge"]
        cli.report(fetch_games(args.soccernet, games, [LABELS_FILE, *args.download]))
        if args.echoes:
            fetch_echoes(args.echoes)
    lengths = shipped_lengths()
    if args.lengths:
        table = read_columns(args.lengths, ["game", "half", "duration_s"])
        lengths |= {(game, half): length for game, half, length in table.iter_rows()}
    rows, problems = from_soccernet(
        args.soccernet, args.echoes, splits, lengths, args.commentary, args.videos, args.further
    )
    if rows.is_empty():
        raise InputError(
            f"{args.soccernet}: no game of the splits has a folder there. Name the folder that "
            "holds the leagues (england_epl, …)."
        )
    _write(args.out, rows, problems)


def _write(path: Path, rows: pl.DataFrame, problems: list[Problem]) -> None:
    """Write the sheet, and print its problems and how many matches it has."""
    matches.write_sheet(path, rows)
    cli.report(problems)
    counts = rows.group_by("split").agg(pl.col("match").n_unique()).sort("split").iter_rows()
    print(f"{path}: {', '.join(f'{count} {split}' for split, count in counts)} matches")

"""Invent a few matches and write them as SoccerNet and SoccerNet-Echoes are laid out.

touchline demo_matches --out demo
touchline demo_matches --contact-sheet sheet.png --match 2
touchline demo_matches --broadcast match.mp4 --match 2

REQUIRES nothing: no data, no network, no GPU.
PRODUCES DIR/SoccerNet (labels and videos), DIR/sn-echoes (commentary), DIR/half_lengths.csv and
    DIR/splits.csv; or FILE: the frames around every action of one of these matches, or this whole
    match as one video, with what is sent before, between and after its halves.
"""

import argparse
import csv
import io
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tqdm import tqdm

from touchline.core.clock import game_time
from touchline.core.digest import digest
from touchline.core.files import inside, read_control_file, write_text
from touchline.core.problems import InputError
from touchline.demo.broadcast import speech
from touchline.demo.broadcast.script import HALVES, SHORTEST_HALF_S, Script, invent
from touchline.demo.drawing import broadcast_film, contact_sheet, film
from touchline.demo.drawing.broadcast_film import Broadcast

FEWEST_MATCHES = 3
BROADCAST_SUFFIXES = (".mp4", ".mkv")
STATE = ".made.json"
_STATE_SCHEMA = {
    "type": "object",
    "properties": {
        "arguments": {"type": "object"},
        "code": {"type": "string"},
        "files": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["arguments", "code", "files"],
}
_STATE_COST = "The matches are made again; files of earlier ones stay where the new ones have none."
_LEAGUE = "demo_coastal-league"
_SEASON = "2024-2025"
_FIRST_DAY = date(2024, 8, 17)


@dataclass(frozen=True)
class Game:
    """An invented match with its date, kick-off time and split (train, valid or test)."""

    script: Script
    date: str
    time: str
    split: str

    @property
    def path(self) -> str:
        """The game as SoccerNet writes it: league/season/date - time Home 1 - 0 Away."""
        home, away = self.script.score()
        teams = f"{self.script.home.name} {home} - {away} {self.script.away.name}"
        return f"{_LEAGUE}/{_SEASON}/{self.date} - {self.time} {teams}"


def games(matches: int, half_s: float, seed: int) -> list[Game]:
    """Invent the games of a demo: about a third for test, a sixth for valid, the rest for train."""
    test, valid = max(1, matches // 3), max(1, matches // 6)
    splits = ["train"] * (matches - test - valid) + ["valid"] * valid + ["test"] * test
    return [
        Game(
            script=invent(f"{seed}/{index}", half_s),
            date=str(_FIRST_DAY + timedelta(days=index)),
            time=("15-00", "17-30", "20-45")[index % 3],
            split=split,
        )
        for index, split in enumerate(splits)
    ]


def labels(game: Game) -> dict:
    """Return the game's labels as SoccerNet's Labels-v2.json has them."""
    home, away = game.script.score()
    year, month, day = game.date.split("-")
    return {
        "UrlLocal": f"{game.path}/",
        "UrlYoutube": "",
        "annotations": [
            {
                "gameTime": game_time(event.half, event.time_ms / 1000),
                "label": event.label,
                "position": str(event.time_ms),
                "team": event.team,
                "visibility": event.visibility,
            }
            for event in game.script.events
        ],
        "gameAwayTeam": game.script.away.name,
        "gameDate": f"{day}/{month}/{year} - {game.time.replace('-', ':')}",
        "gameHomeTeam": game.script.home.name,
        "gameScore": f"{home} - {away}",
    }


def commentary(script: Script, half: int) -> dict:
    """Return the commentary of a half as SoccerNet-Echoes has it: number -> [start, end, text]."""
    segments = speech.segments(script, half)
    return {"segments": {str(index): list(segment) for index, segment in enumerate(segments)}}


def text_files(demo_games: list[Game]) -> dict[str, str]:
    """Return every text file of the demo: path relative to its folder -> content."""
    lengths: list[tuple[object, ...]] = [("game", "half", "duration_s")]
    splits: list[tuple[object, ...]] = [("game", "split")]
    files = {}
    for game in demo_games:
        files[f"SoccerNet/{game.path}/Labels-v2.json"] = _json(labels(game))
        splits.append((game.path, game.split))
        for half in HALVES:
            echoes = f"sn-echoes/Dataset/whisper_v1_en/{game.path}/{half}_asr.json"
            files[echoes] = _json(commentary(game.script, half))
            lengths.append((game.path, half, game.script.half_s))
    return files | {"half_lengths.csv": _csv(lengths), "splits.csv": _csv(splits)}


def videos(demo_games: list[Game]) -> dict[str, tuple[Script, int]]:
    """Return every video of the demo: path relative to its folder -> (script, half)."""
    return {
        f"SoccerNet/{game.path}/{half}_224p.mkv": (game.script, half)
        for game in demo_games
        for half in HALVES
    }


def _json(content: dict) -> str:
    return json.dumps(content, indent=4, ensure_ascii=False) + "\n"


def _csv(rows: list[tuple]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def make(out: Path, matches: int, half_s: float, seed: int, video: bool) -> bool:
    """Write the demo's files; return False where they exist, by the same arguments and code.

    Otherwise the files of an earlier call are deleted first.
    """
    request = {
        "arguments": {"matches": matches, "half_s": half_s, "seed": seed, "video": video},
        "code": digest("touchline.demo.demo_matches"),
    }
    state = _read_state(out)
    if {key: state.get(key) for key in request} == request and _all_exist(out, state):
        return False
    demo_games = games(matches, half_s, seed)
    files, halves = text_files(demo_games), videos(demo_games) if video else {}
    _remove(out, state.get("files", []))
    for path, text in files.items():
        write_text(out / path, text)
    _render(out, halves)
    write_text(out / STATE, _json(request | {"files": sorted([*files, *halves])}))
    return True


def _render(out: Path, halves: dict[str, tuple[Script, int]]) -> None:
    """Render the videos, one process per core, a half at a time."""
    if not halves:
        return
    cores = min(len(os.sched_getaffinity(0)), len(halves))
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(cores, mp_context=spawn) as pool,
        tqdm(total=len(halves), desc="demo videos", unit="half") as progress,
    ):
        renderings = [pool.submit(film.render, out / path, *half) for path, half in halves.items()]
        for rendering in as_completed(renderings):
            rendering.result()
            progress.update()


def _read_state(out: Path) -> dict:
    """Return the arguments, code and files of the last call for this folder; empty without one."""
    try:
        return read_control_file(out / STATE, _STATE_SCHEMA, _STATE_COST)
    except FileNotFoundError:
        return {}


def _all_exist(out: Path, state: dict) -> bool:
    return all(inside(out, path, out / STATE).is_file() for path in state["files"])


def _remove(out: Path, paths: list[str]) -> None:
    """Delete the files of an earlier call, and the folders that they leave empty."""
    files = [inside(out, path, out / STATE, links=False) for path in paths]
    (out / STATE).unlink(missing_ok=True)
    for path, file in zip(paths, files, strict=True):
        file.unlink(missing_ok=True)
        for folder in list(Path(path).parents)[:-1]:
            if (out / folder).is_dir() and not any((out / folder).iterdir()):
                (out / folder).rmdir()


def main(argv: list[str]) -> None:
    """Write the matches, or draw one of them: its contact sheet or its broadcast."""
    parser = argparse.ArgumentParser(
        prog="touchline demo_matches", description=__doc__.split("\n")[0]
    )
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--out", type=Path, metavar="DIR", help="write the matches here")
    output.add_argument(
        "--contact-sheet", type=Path, metavar="FILE", help="draw one match's actions as a PNG"
    )
    output.add_argument(
        "--broadcast", type=Path, metavar="FILE", help="draw one whole match as an mp4 or mkv"
    )
    parser.add_argument("--matches", type=int, default=6, help="how many (default 6)")
    parser.add_argument("--half-s", type=float, default=180.0, help="length of a half (180)")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the matches (1)")
    parser.add_argument("--no-video", action="store_true", help="labels and commentary only")
    parser.add_argument("--match", type=int, default=1, help="match of the picture or video (1)")
    args = parser.parse_args(argv)
    _check(args)
    if args.contact_sheet:
        game = games(args.matches, args.half_s, args.seed)[args.match - 1]
        contact_sheet.write(args.contact_sheet, game.script)
        print(f"{args.contact_sheet}: {game.path}")
        return
    if args.broadcast:
        game = games(args.matches, args.half_s, args.seed)[args.match - 1]
        broadcast_film.render(args.broadcast, Broadcast(game.script))
        print(f"{args.broadcast}: {game.path}")
        return
    is_new = make(args.out, args.matches, args.half_s, args.seed, not args.no_video)
    print(f"{args.out}: {'made' if is_new else 'already made, nothing to do'}")


def _check(args: argparse.Namespace) -> None:
    """Raise `InputError` for arguments out of range."""
    if args.matches < FEWEST_MATCHES:
        raise InputError(
            f"--matches {args.matches}: train, valid and test need {FEWEST_MATCHES} matches or more."
        )
    if not SHORTEST_HALF_S <= args.half_s <= 3600:
        raise InputError(
            f"--half-s {args.half_s:g}: a half lasts {SHORTEST_HALF_S:g} to 3600 seconds."
        )
    if args.out and args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out}: there is a file of that name; name a folder.")
    if args.broadcast and args.broadcast.suffix not in BROADCAST_SUFFIXES:
        raise InputError(f"--broadcast {args.broadcast}: name an .mp4 or .mkv file.")
    if not 1 <= args.match <= args.matches:
        raise InputError(f"--match {args.match}: there are matches 1 to {args.matches}.")

"""Names of matches: the clubs in them, and the form that people read.

SoccerNet calls a match `2015-02-21 - 18-00 Chelsea 1 - 1 Burnley`; `matches.slug` makes of it the name
that a study's files have, `2015-02-21-18-00-Chelsea-1-1-Burnley`.
"""

import datetime
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from touchline.data.matches import slug
from touchline.scoreboard.result import Scoreboard, ScoreGoal

HOME, AWAY = "home", "away"
OTHER = {HOME: AWAY, AWAY: HOME}
SIDES = {"left": HOME, "right": AWAY}  # of a score bug, whose names are the home team's first
Score = tuple[int, int]  # goals of the home team, goals of the away team
# A score has no leading zero and is below 20, so that the numbers of clubs ("Schalke 04", "Hannover
# 96") are none. Something may stand before the date, such as the league.
_GOALS = r"(\d|1\d)"
_GAME = re.compile(
    r"(?:.*[^\d])?(\d{4}-\d\d-\d\d)[ -]+\d\d-\d\d[ -]+"
    rf"(.+?)[ -]{_GOALS}(?:-| - ){_GOALS}[ -](.+)"
)


@dataclass(frozen=True)
class Game:
    """A match as its name tells it: the clubs, the goals of each, and the date."""

    home: str
    away: str
    goals: tuple[int, int]
    date: datetime.date

    def __str__(self) -> str:
        home_goals, away_goals = self.goals
        date = f"{self.date.day} {self.date:%B %Y}"
        return f"{self.home} {home_goals}–{away_goals} {self.away}, {date}"


def read_game(name: str) -> Game | None:
    """Return what the name of a match tells, None for a name of another form."""
    parts = _GAME.fullmatch(name)
    if parts is None:
        return None
    try:
        date = datetime.date.fromisoformat(parts[1])
    except ValueError:
        return None
    home, away = (_club(text, is_slug=" " not in name) for text in (parts[2], parts[5]))
    return Game(home, away, (int(parts[3]), int(parts[4])), date)


def _club(text: str, is_slug: bool) -> str:
    if not is_slug:
        return text.strip()
    text = text.replace("-", " ").strip()
    return text.title() if text.islower() else text


def teams(match: str) -> dict[str, str]:
    """Return the clubs of a match by side, from its name; empty for a name of another form."""
    game = read_game(match)
    return {} if game is None else {HOME: game.home, AWAY: game.away}


def written_name(match: str, files: Iterable[str | None] = ()) -> str:
    """Return a match's name as people write it, such as "Chelsea 1–1 Burnley, 21 February 2015".

    Hyphens and letters with accents are lost in the names of a study. `files` are the match's; where
    one lies in a folder that `matches.slug` would call like the match, as SoccerNet's do, that
    folder's name is read. A name of another form stays as it is.
    """
    folders = {Path(file).parent.name for file in files if file}
    original = next((name for name in sorted(folders) if slug(name) == match), match)
    return str(read_game(original) or original)


def names_by_side(boards: Iterable[Scoreboard]) -> dict[str, str]:
    """Return the names on the score bugs of a match, home for left; empty where they are not known.

    They are not known where none were read, or others in another video.
    """
    names = {board.names for board in boards if all(board.names)}
    if len(names) != 1:
        return {}
    left, right = next(iter(names))
    return {HOME: left or "", AWAY: right or ""}


def is_swapped(clubs: Mapping[str, str], names: Mapping[str, str]) -> bool:
    """Say whether the names on the score bug fit to the clubs only the other way round.

    A name fits to a club if its letters stand in the club's name in this order, from the first
    letter of a word on, as in ATM for Atlético Madrid.
    """
    if not clubs or not names:
        return False
    return _fitting(clubs, {OTHER[side]: names[side] for side in names}) > _fitting(clubs, names)


def fits(clubs: Mapping[str, str], names: Mapping[str, str]) -> bool:
    """Say whether any name on the score bug fits to any of the clubs (see `is_swapped`)."""
    crossed = {OTHER[side]: names[side] for side in names}
    return _fitting(clubs, names) + _fitting(clubs, crossed) > 0


def _fitting(clubs: Mapping[str, str], names: Mapping[str, str]) -> int:
    return sum(_abbreviates(names[side], clubs[side]) for side in (HOME, AWAY))


def home_first(goal: ScoreGoal, swapped: bool) -> tuple[Score, Score, str]:
    """Return the score before and after a goal, home first, and the team, home or away.

    The left side of the score bug is the home team's, unless they are `swapped` (see `is_swapped`).
    """
    before, after, team = goal.before, (goal.left, goal.right), SIDES[goal.side]
    return (before[::-1], after[::-1], OTHER[team]) if swapped else (before, after, team)


def name_clubs(names: Mapping[str, str], words: Collection[str]) -> dict[str, str]:
    """Return the clubs by side, as the score bug names them, or as words of a query spell them out.

    So "Brazil" is the home team where the score bug has BRA on the left, and not both fit.
    """
    clubs = dict(names)
    for word in words:
        fitting = [side for side, name in names.items() if _abbreviates(name, word)]
        if len(fitting) == 1 and len(word) > len(names[fitting[0]]):
            clubs[fitting[0]] = word.title()
    return clubs


def _abbreviates(name: str, club: str) -> bool:
    letters = [re.escape(letter) for letter in name.casefold() if letter.isalnum()]
    return bool(letters) and bool(re.search(r"\b" + ".*?".join(letters), club.casefold()))

"""Names of matches: the clubs in them, and the form that people read.

SoccerNet calls a match `2015-02-21 - 18-00 Chelsea 1 - 1 Burnley`; `matches.slug` makes of it the name
that a study's files have, `2015-02-21-18-00-Chelsea-1-1-Burnley`.
"""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from touchline.data.matches import slug

HOME, AWAY = "home", "away"
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

"""Answers of a model that a query may show: what is known of each, and whose action it is."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from touchline.core.intervals import INTERVAL_S
from touchline.data.match_names import (
    AWAY,
    HOME,
    OTHER,
    Score,
    home_first,
    is_swapped,
    names_by_side,
)
from touchline.models.scoreboard import GOAL, moment_s
from touchline.scoreboard.result import Scoreboard

# An answer is attributed to a team that the commentary names this near to it.
NAMED_WITHIN_S = 10.0
SHORTEST_TEAM_WORD = 4  # letters; shorter words of a club's name, such as "FC", do not identify it
_SCORE = re.compile(r"(\d{1,3})-(\d{1,3})")
# What the table of answers may say of an answer's evidence: the score before and after the action,
# such as "1-0" (the home team's goals first), the team, home or away, and what it was read from.
EVIDENCE_COLUMNS = ("score_before", "score_after", "team", "source")
READ_FROM = "score bug"  # where the table does not say what the evidence was read from


@dataclass(frozen=True)
class Evidence:
    """What something other than the model that answered tells of an action, such as the score bug.

    `side` is the team's, home or away; `source` says what it was read from, in words. What is not
    known is None.
    """

    score_before: Score | None = None
    score_after: Score | None = None
    side: str | None = None
    source: str = READ_FROM


@dataclass(frozen=True)
class Hit:
    """A model's answer that a clip shows, in seconds of the half; no confidence counts as 1."""

    action: str
    start_s: float
    end_s: float
    confidence: float | None
    evidence: Evidence | None = None

    @property
    def time_s(self) -> float:
        """The middle of the answer's interval: the moment that a clip is about."""
        return (self.start_s + self.end_s) / 2


def read_hits(answers: pl.DataFrame) -> list[tuple[int, Hit]]:
    """Return (half, answer) for each row, in order of time.

    `answers` has half, action, start_s, end_s and confidence, and may have `EVIDENCE_COLUMNS`, each
    of which may be null. Raises ValueError for a score or a team of another form.
    """
    rows = answers.sort("half", "start_s", "end_s", "action").iter_rows(named=True)
    return [
        (
            row["half"],
            Hit(
                row["action"], row["start_s"], row["end_s"], row["confidence"], _read_evidence(row)
            ),
        )
        for row in rows
    ]


def _read_evidence(row: Mapping) -> Evidence | None:
    before, after, side, source = (row.get(name) for name in EVIDENCE_COLUMNS)
    if before is None and after is None and side is None:
        return None
    if side not in (None, HOME, AWAY):
        raise ValueError(f"'{side}' is no team of a match")
    return Evidence(_read_score(before), _read_score(after), side, source or READ_FROM)


def _read_score(text: str | None) -> Score | None:
    if text is None:
        return None
    goals = _SCORE.fullmatch(text)
    if goals is None:
        raise ValueError(f"'{text}' is no score")
    return int(goals[1]), int(goals[2])


def written_score(score: Sequence[int], dash: str = "-") -> str:
    """Return a score as people read it, such as "1-0"."""
    return dash.join(map(str, score))


def with_score(
    answers: pl.DataFrame, boards: Sequence[Scoreboard], clubs: Mapping[str, str]
) -> pl.DataFrame:
    """Return a study's answers with what the score bugs of the match say (`EVIDENCE_COLUMNS`).

    `boards` are those of the halves' videos. An answer "goal" gets the score of the goal that is
    nearest to it; `clubs`, by side, tell which side of the score bug is the home team's.
    """
    swapped = is_swapped(clubs, names_by_side(boards))
    goals = [goal for board in boards for goal in board.goals]
    rows = []
    for half, action, start_s, end_s in answers.select(
        "half", "action", "start_s", "end_s"
    ).iter_rows():
        middle_s = (start_s + end_s) / 2
        near = [goal for goal in goals if action == GOAL and goal.half == half]
        goal = min(near, key=lambda goal: abs(moment_s(goal) - middle_s), default=None)
        if goal is None or abs(moment_s(goal) - middle_s) > INTERVAL_S:
            rows.append(dict.fromkeys(EVIDENCE_COLUMNS))
            continue
        before, after, team = home_first(goal, swapped)
        values = written_score(before), written_score(after), team, READ_FROM
        rows.append(dict(zip(EVIDENCE_COLUMNS, values, strict=True)))
    evidence = pl.DataFrame(rows, schema=dict.fromkeys(EVIDENCE_COLUMNS, pl.String))
    return pl.concat([answers, evidence], how="horizontal")


def of_team(
    team: str,
    hits: Sequence[tuple[int, Hit]],
    clubs: Mapping[str, str],
    lines: pl.DataFrame | None,
) -> tuple[list[tuple[int, Hit]], list[str]]:
    """Return the answers of a team (home, away or a club's name), and messages for the user.

    `clubs` are the names of the clubs by side, as far as they are known. Whose action it is, is told
    by the answer's evidence; where there is none, by the names in the commentary near to it.
    """
    side = team if team in (HOME, AWAY) else _side_of(team, clubs)
    if side is None:
        return [], [f"{team} do not play in this match."]
    told = [(half, hit) for half, hit in hits if hit.evidence and hit.evidence.side]
    if not told:
        return _of_named_team(side, hits, clubs, lines)
    chosen = {(half, hit) for half, hit in told if hit.evidence and hit.evidence.side == side}
    sources = sorted({hit.evidence.source for _, hit in told if hit.evidence})
    messages = [
        f"The {' and the '.join(sources)} tells whose action it is: shown are {len(chosen)} of "
        f"{len(told)} answers, those of {clubs.get(side, f'the {side} team')}."
    ]
    others = [(half, hit) for half, hit in hits if not (hit.evidence and hit.evidence.side)]
    if others:
        named, more = _of_named_team(side, others, clubs, lines)
        chosen |= set(named)
        messages += [f"Of {len(others)} other answers it does not tell. {more[0]}"]
    return [pair for pair in hits if pair in chosen], messages


def _side_of(club: str, clubs: Mapping[str, str]) -> str | None:
    return next((side for side, name in clubs.items() if name == club), None)


def _of_named_team(
    side: str,
    hits: Sequence[tuple[int, Hit]],
    clubs: Mapping[str, str],
    lines: pl.DataFrame | None,
) -> tuple[list[tuple[int, Hit]], list[str]]:
    """Return the answers near which the commentary names a side's club, and messages."""
    if side not in clubs:
        return list(hits), [
            "The match's name does not give the clubs: clips of both teams are shown."
        ]
    if lines is None or lines.is_empty():
        return list(hits), [
            "Without commentary an action cannot be attributed to a team: both teams are shown."
        ]
    name, opponent = clubs[side].casefold(), clubs.get(OTHER[side], "").casefold()
    words = {word for word in name.split() if len(word) >= SHORTEST_TEAM_WORD} or {name}
    words = {word for word in words if word not in opponent.split()} or words
    named = [(half, hit) for half, hit in hits if _is_named(words, half, hit, lines)]
    return named, [
        f"Models do not say whose action it is: shown are the {len(named)} of {len(hits)} answers "
        f"near which the commentary names {clubs[side]}."
    ]


def _is_named(words: Collection[str], half: int, hit: Hit, lines: pl.DataFrame) -> bool:
    """Say whether any of the words starts a word of the commentary near an answer."""
    near = lines.filter(
        pl.col("half") == half,
        pl.col("start_s") < hit.end_s + NAMED_WITHIN_S - INTERVAL_S / 2,
        pl.col("end_s") > hit.start_s - NAMED_WITHIN_S + INTERVAL_S / 2,
    )
    text = " ".join(near["text"]).casefold()
    return any(re.search(rf"\b{re.escape(word)}", text) for word in words)

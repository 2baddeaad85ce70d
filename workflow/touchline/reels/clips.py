"""Which stretches of a match answer a query: from a model's answers to clips. Pure arithmetic."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from touchline.core import clock
from touchline.core.actions import action_name
from touchline.core.intervals import INTERVAL_S
from touchline.reels import query_times
from touchline.reels.query import AWAY, CONFIDENCE, HOME, Query

# A team is taken to be meant where its name is said so near to an answer.
NAMED_WITHIN_S = 10.0
# `date-time-home-score-away`, as SoccerNet's matches are called.
_GAME = re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d-(.+?)-\d+-\d+-(.+)")


@dataclass(frozen=True)
class Settings:
    """How clips are made of answers (the configuration's `highlights:`)."""

    before_s: float = 4.0
    after_s: float = 4.0
    min_s: float = 8.0
    max_s: float = 60.0
    order: str = "time"


@dataclass(frozen=True)
class Hit:
    """A model's answer that a clip shows: seconds in the half; no confidence is a certain one."""

    action: str
    start_s: float
    end_s: float
    confidence: float | None

    @property
    def time_s(self) -> float:
        """Return the moment that the answer stands for."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class Clip:
    """A stretch of a half, in seconds of its video, and the answers that it shows."""

    half: int
    start_s: float
    end_s: float
    hits: tuple[Hit, ...]

    @property
    def confidence(self) -> float:
        """Return that of the most confident answer."""
        return max(1.0 if hit.confidence is None else hit.confidence for hit in self.hits)

    @property
    def title(self) -> str:
        """Return what is shown, with the match clock: "Goal 52:07, Corner 51:58"."""
        shown = (
            f"{action_name(hit.action)} {clock.show(hit.time_s, 'match', self.half, 0.0)}"
            for hit in self.hits
        )
        return ", ".join(dict.fromkeys(shown))


def teams(match: str) -> dict[str, str]:
    """Return the clubs of a match by side, from its name; empty where it is not called so."""
    found = _GAME.fullmatch(match)
    return {HOME: _words(found[1]), AWAY: _words(found[2])} if found else {}


def _words(slug: str) -> str:
    return slug.replace("-", " ")


def choose(
    query: Query,
    answers: pl.DataFrame,
    durations_s: Mapping[int, float],
    settings: Settings,
    threshold: float | Mapping[str, float] = 0.0,
    match: str = "",
    lines: pl.DataFrame | None = None,
) -> tuple[list[Clip], list[str]]:
    """Return the clips that a query asks for, in the reel's order, and what is to be said about them.

    `answers` has half, action, start_s, end_s and confidence; those below the threshold (of each
    action) do not count. `lines` is the commentary (half, start_s, end_s, text): where the query
    names a team, it tells whose an answer is, since no model does.
    """
    spans = query_times.spans(query.halves, query.windows, durations_s)
    if not spans:
        return [], ["The match has no such time: nothing to show."]
    rows = answers.filter(pl.col("action").is_in(list(query.actions)))
    rows = rows.sort("half", "start_s", "end_s", "action")
    sure, near = [], 0
    for row in rows.iter_rows(named=True):
        half = row.pop("half")
        hit = Hit(**{key: row[key] for key in ("action", "start_s", "end_s", "confidence")})
        first_s, last_s = spans.get(half, (0.0, 0.0))
        if not first_s <= hit.time_s < last_s:
            continue
        least = threshold.get(hit.action, 0.0) if isinstance(threshold, Mapping) else threshold
        if (1.0 if hit.confidence is None else hit.confidence) >= least:
            sure.append((half, hit))
        else:
            near += 1
    said = []
    if query.team:
        sure, said = _of_team(query.team, sure, match, lines)
    if not sure:
        said.append("No answer fits the query: the list is empty.")
        if near:
            said.append(f"{near} are below the threshold; a lower one shows them.")
        return [], said
    clips = _pick(query, _join(sure, durations_s, settings))
    if (query.order or settings.order) == CONFIDENCE:
        clips.sort(key=lambda clip: (-clip.confidence, clip.half, clip.start_s))
    return clips, said if clips else ["There are fewer clips than that: the list is empty."]


def _of_team(
    team: str, hits: list[tuple[int, Hit]], match: str, lines: pl.DataFrame | None
) -> tuple[list[tuple[int, Hit]], list[str]]:
    """Return the answers near to which the commentary says a team's name, and what is to be said."""
    clubs = teams(match)
    club = clubs.get(team, team)
    if team not in clubs and team not in clubs.values():
        if team in (HOME, AWAY):
            return hits, ["The match's name says no clubs: the clips are of both teams."]
        return [], [f"{team} do not play in this match."]
    if lines is None or lines.is_empty():
        return hits, ["Without commentary nothing tells whose an action is: both teams are shown."]
    own = {word for word in club.casefold().split() if len(word) > 3} or {club.casefold()}
    other = next(one for one in clubs.values() if one != club).casefold()
    own = {word for word in own if word not in other.split()} or own
    kept = [(half, hit) for half, hit in hits if _is_said(own, half, hit, lines)]
    return kept, [
        f"No model says whose an action is: kept are the {len(kept)} of {len(hits)} answers near "
        f"to which the commentary names {club}."
    ]


def _is_said(words: Collection[str], half: int, hit: Hit, lines: pl.DataFrame) -> bool:
    near = lines.filter(
        pl.col("half") == half,
        pl.col("start_s") < hit.end_s + NAMED_WITHIN_S - INTERVAL_S / 2,
        pl.col("end_s") > hit.start_s - NAMED_WITHIN_S + INTERVAL_S / 2,
    )
    spoken = " ".join(near["text"]).casefold()
    return any(re.search(rf"\b{re.escape(word)}", spoken) for word in words)


def _join(
    hits: Sequence[tuple[int, Hit]], durations_s: Mapping[int, float], settings: Settings
) -> list[Clip]:
    """Return a clip around each answer, in time; those that overlap are one, up to the longest."""
    single = sorted(
        (_around(half, hit, durations_s[half], settings) for half, hit in hits),
        key=lambda clip: (clip.half, clip.start_s),
    )
    joined = single[:1]
    for clip in single[1:]:
        last = joined[-1]
        end_s = max(last.end_s, clip.end_s)
        if clip.half != last.half or clip.start_s >= last.end_s:
            joined.append(clip)
        elif end_s - last.start_s <= settings.max_s:
            joined[-1] = Clip(last.half, last.start_s, end_s, last.hits + clip.hits)
        elif clip.end_s > last.end_s:
            # Too long for one clip: the next goes on where this one ends, so that nothing is twice.
            joined.append(Clip(clip.half, last.end_s, clip.end_s, clip.hits))
        else:
            joined[-1] = Clip(last.half, last.start_s, last.end_s, last.hits + clip.hits)
    assert all(a.half < b.half or a.end_s <= b.start_s for a, b in pairwise(joined))
    return joined


def _around(half: int, hit: Hit, length_s: float, settings: Settings) -> Clip:
    """Return an answer's clip: with a time before and after, neither too short nor too long, in the half."""
    start_s, end_s = hit.start_s - settings.before_s, hit.end_s + settings.after_s
    lack_s = settings.min_s - (end_s - start_s)
    if lack_s > 0:
        start_s, end_s = start_s - lack_s / 2, end_s + lack_s / 2
    if end_s - start_s > settings.max_s:
        start_s, end_s = hit.time_s - settings.max_s / 2, hit.time_s + settings.max_s / 2
    start_s = max(0.0, min(start_s, length_s - settings.min_s))
    end_s = min(length_s, max(end_s, settings.min_s))
    return Clip(half, start_s, end_s, (hit,))


def _pick(query: Query, clips: list[Clip]) -> list[Clip]:
    """Return as many clips as the query wants, in time."""
    if query.limit is None:
        return clips
    if query.pick == "first":
        return clips[: query.limit]
    if query.pick == "last":
        return clips[max(0, len(clips) - query.limit) :]
    if query.pick == "nth":
        return clips[query.limit - 1 : query.limit]
    best = sorted(clips, key=lambda clip: -clip.confidence)[: query.limit]
    return [clip for clip in clips if clip in best]

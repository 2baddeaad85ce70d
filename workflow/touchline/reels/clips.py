"""Selection of clips: a model's answers that fit a query, extended, joined, limited and ordered."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl

from touchline.core import clock
from touchline.core.actions import action_name
from touchline.core.intervals import INTERVAL_S
from touchline.reels import query_times
from touchline.reels.query import AWAY, CONFIDENCE, HOME, Query

# An answer is attributed to a team that the commentary names this near to it.
NAMED_WITHIN_S = 10.0
SHORTEST_TEAM_WORD = 4  # letters; shorter words of a club's name, such as "FC", do not identify it
# `date-time-home-score-away`, the form of SoccerNet's match names.
_GAME = re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d-(.+?)-\d+-\d+-(.+)")


@dataclass(frozen=True)
class ClipSettings:
    """How clips are made of answers: settings of the configuration's `highlights:`."""

    before_s: float = 4.0
    after_s: float = 4.0
    min_s: float = 8.0
    max_s: float = 60.0
    order: str = "time"


@dataclass(frozen=True)
class Hit:
    """A model's answer that a clip shows, in seconds of the half; no confidence counts as 1."""

    action: str
    start_s: float
    end_s: float
    confidence: float | None

    @property
    def time_s(self) -> float:
        """The middle of the answer's interval."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True)
class Clip:
    """A part of a half, in seconds of its video, and the answers that it shows."""

    half: int
    start_s: float
    end_s: float
    hits: tuple[Hit, ...]

    @property
    def confidence(self) -> float:
        """The confidence of the most confident answer."""
        return max(1.0 if hit.confidence is None else hit.confidence for hit in self.hits)

    @property
    def title(self) -> str:
        """Its actions with the match clock, in one line: "Goal 52:07, Corner 51:58"."""
        names = (
            f"{action_name(hit.action)} {clock.show(hit.time_s, 'match', self.half, 0.0)}"
            for hit in self.hits
        )
        return " ".join(", ".join(dict.fromkeys(names)).split())


def teams(match: str) -> dict[str, str]:
    """Return the clubs of a match by side, from its name; empty for a name of another form."""
    parts = _GAME.fullmatch(match)
    if parts is None:
        return {}
    return {HOME: parts[1].replace("-", " "), AWAY: parts[2].replace("-", " ")}


def find_clips(
    query: Query,
    answers: pl.DataFrame,
    asked_actions: Collection[str],
    durations_s: Mapping[int, float],
    settings: ClipSettings,
    threshold: float | Mapping[str, float] = 0.0,
    match: str = "",
    lines: pl.DataFrame | None = None,
) -> tuple[list[Clip], list[str]]:
    """Return the clips that a query asks for, in the reel's order, and messages for the user.

    Arguments are as of `choose_clips`; `asked_actions` are those that the model was asked for. The
    action of an open question is its text.
    """
    actions = (query.open_text,) if query.open_text else query.actions
    clips, messages = choose_clips(
        replace(query, actions=actions), answers, durations_s, settings, threshold, match, lines
    )
    missing = [action for action in actions if action not in asked_actions]
    if missing and not query.everything:
        names = ", ".join(missing)
        messages.insert(0, f"No model was asked for {names}: see samples.actions in config.yaml.")
    return clips, messages


def choose_clips(
    query: Query,
    answers: pl.DataFrame,
    durations_s: Mapping[int, float],
    settings: ClipSettings,
    threshold: float | Mapping[str, float] = 0.0,
    match: str = "",
    lines: pl.DataFrame | None = None,
) -> tuple[list[Clip], list[str]]:
    """Return the clips that a query asks for, in the reel's order, and messages for the user.

    `answers` has half, action, start_s, end_s and confidence; `threshold` is the least confidence,
    of all actions or of each. `lines` is the commentary (half, start_s, end_s, text): models do not
    answer whose action it is, so a team that the query names is looked for in the commentary.
    """
    spans = query_times.spans_of_halves(query.halves, query.windows, durations_s)
    if not spans:
        return [], ["The match has no such time: nothing to show."]
    rows = answers.filter(pl.col("action").is_in(list(query.actions)))
    rows = rows.sort("half", "start_s", "end_s", "action")
    hits: list[tuple[int, Hit]] = []
    below_threshold = 0
    for row in rows.iter_rows(named=True):
        half = row.pop("half")
        hit = Hit(**{key: row[key] for key in ("action", "start_s", "end_s", "confidence")})
        if half not in spans or not _is_within(hit.time_s, spans[half], durations_s[half]):
            continue
        least = threshold.get(hit.action, 0.0) if isinstance(threshold, Mapping) else threshold
        if (1.0 if hit.confidence is None else hit.confidence) >= least:
            hits.append((half, hit))
        else:
            below_threshold += 1
    messages: list[str] = []
    if query.team:
        hits, messages = _filter_by_team(query.team, hits, match, lines)
    if not hits:
        messages.append("No answer fits the query: the list is empty.")
        if below_threshold:
            messages.append(f"{below_threshold} are below the threshold; a lower one shows them.")
        return [], messages
    clips = _limit(query, _join(hits, durations_s, settings))
    if (query.order or settings.order) == CONFIDENCE:
        clips.sort(key=lambda clip: (-clip.confidence, clip.half, clip.start_s))
    return clips, messages if clips else ["There are fewer clips than that: the list is empty."]


def _is_within(time_s: float, span: tuple[float, float], duration_s: float) -> bool:
    """Say whether a moment lies in a span of a half; the half's end belongs to its last span."""
    start_s, end_s = span
    return start_s <= time_s < end_s or time_s == end_s == duration_s


def _filter_by_team(
    team: str, hits: list[tuple[int, Hit]], match: str, lines: pl.DataFrame | None
) -> tuple[list[tuple[int, Hit]], list[str]]:
    """Return the answers near which the commentary names a team, and messages for the user."""
    clubs = teams(match)
    club = clubs.get(team, team)
    if team not in clubs and team not in clubs.values():
        if team in (HOME, AWAY):
            return hits, [
                "The match's name does not give the clubs: clips of both teams are shown."
            ]
        return [], [f"{team} do not play in this match."]
    if lines is None or lines.is_empty():
        return hits, [
            "Without commentary an action cannot be attributed to a team: both teams are shown."
        ]
    name = club.casefold()
    words = {word for word in name.split() if len(word) >= SHORTEST_TEAM_WORD} or {name}
    opponent = next(other for other in clubs.values() if other != club).casefold()
    words = {word for word in words if word not in opponent.split()} or words
    named = [(half, hit) for half, hit in hits if _is_named(words, half, hit, lines)]
    return named, [
        f"Models do not say whose action it is: shown are the {len(named)} of {len(hits)} answers "
        f"near which the commentary names {club}."
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


def _join(
    hits: Sequence[tuple[int, Hit]], durations_s: Mapping[int, float], settings: ClipSettings
) -> list[Clip]:
    """Return clips around the answers, in order of time; overlapping ones are joined up to `max_s`."""
    clips = sorted(
        (_around(half, hit, durations_s[half], settings) for half, hit in hits),
        key=lambda clip: (clip.half, clip.start_s),
    )
    joined = clips[:1]
    for clip in clips[1:]:
        last = joined[-1]
        end_s = max(last.end_s, clip.end_s)
        if clip.half != last.half or clip.start_s >= last.end_s:
            joined.append(clip)
        elif end_s - last.start_s <= settings.max_s:
            joined[-1] = Clip(last.half, last.start_s, end_s, last.hits + clip.hits)
        elif clip.end_s > last.end_s:
            # Too long for one clip: the next one starts at the end of this one, so that nothing
            # repeats.
            joined.append(Clip(clip.half, last.end_s, clip.end_s, clip.hits))
        else:
            joined[-1] = Clip(last.half, last.start_s, last.end_s, last.hits + clip.hits)
    assert all(a.half < b.half or a.end_s <= b.start_s for a, b in pairwise(joined))
    return joined


def _around(half: int, hit: Hit, duration_s: float, settings: ClipSettings) -> Clip:
    """Return an answer's clip with its margins, `min_s` to `max_s` long, within the half."""
    start_s, end_s = hit.start_s - settings.before_s, hit.end_s + settings.after_s
    missing_s = settings.min_s - (end_s - start_s)
    if missing_s > 0:
        start_s, end_s = start_s - missing_s / 2, end_s + missing_s / 2
    if end_s - start_s > settings.max_s:
        start_s, end_s = hit.time_s - settings.max_s / 2, hit.time_s + settings.max_s / 2
    start_s = max(0.0, min(start_s, duration_s - settings.min_s))
    end_s = min(duration_s, max(end_s, settings.min_s))
    return Clip(half, start_s, end_s, (hit,))


def _limit(query: Query, clips: list[Clip]) -> list[Clip]:
    """Return the clips that the query's `limit` and `pick` select, in order of time."""
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

"""Selection of clips: a model's answers that fit a query, extended, joined, limited and ordered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl

from touchline.core import clock
from touchline.core.actions import NAMES, action_name
from touchline.core.problems import InputError, quoted
from touchline.data.match_names import teams
from touchline.reels import query_times
from touchline.reels.hits import Hit, of_team, read_hits, written_score
from touchline.reels.query import CONFIDENCE, Query

Before = float | Mapping[str, float]  # seconds for all actions, or for each of them
# Moments that are nearer to each other than this are never in different clips.
SAME_MOMENT_S = 1.0
DEFAULT = "default"  # the entry of `before_s` for the actions that it does not name


@dataclass(frozen=True)
class ClipSettings:
    """How clips are made of answers: settings of the configuration's `highlights:`.

    `before_s` is shown before an answer's interval: a number, or a mapping of actions to numbers
    with the entry `default`.
    """

    before_s: Before = 4.0
    after_s: float = 4.0
    min_s: float = 8.0
    max_s: float = 60.0
    order: str = "time"

    def before_of(self, action: str) -> float:
        """Return the seconds that are shown before the interval of an action."""
        if isinstance(self.before_s, Mapping):
            return self.before_s.get(action, self.before_s[DEFAULT])
        return self.before_s


def merge_before(common: Before, given: Before) -> Before:
    """Return the seconds before each action: the given ones, and the common ones of the others."""
    if not isinstance(given, Mapping):
        return given
    return {**(common if isinstance(common, Mapping) else {DEFAULT: common}), **given}


def check_actions(before_s: Before, actions: Collection[str], where: str) -> None:
    """Raise `InputError` for a name in `before_s` that no action has; `where` names the setting."""
    named = set(before_s) if isinstance(before_s, Mapping) else set()
    if unknown := sorted(named - {DEFAULT, *NAMES, *actions}):
        raise InputError(
            f"{where}: {quoted(', '.join(unknown))}: no such action. "
            f"There are {', '.join([DEFAULT, *sorted(actions)])}."
        )


@dataclass(frozen=True)
class Clip:
    """A part of a half, in seconds of its video, and the answers that it shows, in order of time."""

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
        """Its actions with the match clock and the score, in one line: "Goal 52:07 (1-0)"."""
        return " ".join(", ".join(dict.fromkeys(map(self._title_of, self.hits))).split())

    def _title_of(self, hit: Hit) -> str:
        title = f"{action_name(hit.action)} {clock.show(hit.time_s, 'match', self.half, 0.0)}"
        score = hit.evidence and (hit.evidence.score_after or hit.evidence.score_before)
        return f"{title} ({written_score(score)})" if score else title


def find_clips(
    query: Query,
    answers: pl.DataFrame,
    asked_actions: Collection[str],
    durations_s: Mapping[int, float],
    settings: ClipSettings,
    threshold: float | Mapping[str, float] = 0.0,
    match: str = "",
    lines: pl.DataFrame | None = None,
    clubs: Mapping[str, str] | None = None,
) -> tuple[list[Clip], list[str]]:
    """Return the clips that a query asks for, in the reel's order, and messages for the user.

    Arguments are as of `choose_clips`; `asked_actions` are those that the model was asked for. The
    action of an open question is its text.
    """
    actions = (query.open_text,) if query.open_text else query.actions
    clips, messages = choose_clips(
        replace(query, actions=actions),
        answers,
        durations_s,
        settings,
        threshold,
        match,
        lines,
        clubs,
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
    clubs: Mapping[str, str] | None = None,
) -> tuple[list[Clip], list[str]]:
    """Return the clips that a query asks for, in the reel's order, and messages for the user.

    `answers` has half, action, start_s, end_s and confidence, and may have `hits.EVIDENCE_COLUMNS`;
    `threshold` is the least confidence, of all actions or of each. `lines` is the commentary (half,
    start_s, end_s, text): where no evidence tells whose action it is, a team that the query names
    is looked for there. `clubs` are the clubs by side, where the match's name does not tell them.
    """
    spans = query_times.spans_of_halves(query.halves, query.windows, durations_s)
    if not spans:
        return [], ["The match has no such time: nothing to show."]
    fitting = answers.filter(pl.col("action").is_in(list(query.actions)))
    hits: list[tuple[int, Hit]] = []
    below_threshold = 0
    for half, hit in read_hits(fitting):
        if half not in spans or not _is_within(hit.time_s, spans[half], durations_s[half]):
            continue
        least = threshold.get(hit.action, 0.0) if isinstance(threshold, Mapping) else threshold
        if (1.0 if hit.confidence is None else hit.confidence) >= least:
            hits.append((half, hit))
        else:
            below_threshold += 1
    messages: list[str] = []
    if query.team:
        hits, messages = of_team(query.team, hits, clubs or teams(match), lines)
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


def _join(
    hits: Sequence[tuple[int, Hit]], durations_s: Mapping[int, float], settings: ClipSettings
) -> list[Clip]:
    """Return clips around the answers, in order of time; nothing is shown twice.

    Overlapping clips are joined up to `max_s`; beyond it they are parted between their moments.
    """
    joined: list[Clip] = []
    for half, hit in sorted(hits, key=lambda pair: (pair[0], pair[1].time_s)):
        clip = _around(half, hit, durations_s[half], settings)
        while joined and joined[-1].half == half and clip.start_s < joined[-1].end_s:
            last = joined.pop()
            union = Clip(
                half,
                min(last.start_s, clip.start_s),
                max(last.end_s, clip.end_s),
                last.hits + clip.hits,
            )
            is_too_long = union.end_s - union.start_s > settings.max_s
            if is_too_long and not _is_one_moment(last, clip, settings.max_s):
                last, clip = _part(last, clip)
                joined.append(last)
                break
            clip = _shorten(union, settings.max_s)
        joined.append(clip)
    assert all(a.half < b.half or a.end_s <= b.start_s for a, b in pairwise(joined))
    return joined


def _is_one_moment(last: Clip, clip: Clip, max_s: float) -> bool:
    """Say whether two clips are about the same moment, so that one of `max_s` shows both."""
    last_s, next_s = last.hits[-1].time_s, clip.hits[0].time_s
    span_s = clip.hits[-1].time_s - last.hits[0].time_s
    return next_s - last_s < SAME_MOMENT_S and span_s <= max_s


def _part(last: Clip, clip: Clip) -> tuple[Clip, Clip]:
    """Return two overlapping clips, the second of which starts where the first one ends.

    The second keeps the time before its moment, or at least half of the time since the moment of
    the first.
    """
    middle_s = (last.hits[-1].time_s + clip.hits[0].time_s) / 2
    cut_s = min(last.end_s, max(clip.start_s, middle_s))
    return replace(last, end_s=cut_s), replace(clip, start_s=cut_s)


def _around(half: int, hit: Hit, duration_s: float, settings: ClipSettings) -> Clip:
    """Return an answer's clip with its margins, `min_s` to `max_s` long, within the half.

    It contains the moment of the answer, whatever the margins.
    """
    start_s = min(hit.start_s - settings.before_of(hit.action), hit.time_s)
    end_s = max(hit.end_s + settings.after_s, hit.time_s)
    missing_s = settings.min_s - (end_s - start_s)
    if missing_s > 0:
        start_s, end_s = start_s - missing_s / 2, end_s + missing_s / 2
    clip = _shorten(Clip(half, start_s, end_s, (hit,)), settings.max_s)
    return replace(
        clip,
        start_s=max(0.0, min(clip.start_s, duration_s - settings.min_s)),
        end_s=min(duration_s, max(clip.end_s, settings.min_s)),
    )


def _shorten(clip: Clip, max_s: float) -> Clip:
    """Return a clip of at most `max_s`: before and after its moments by the same share."""
    length_s = clip.end_s - clip.start_s
    if length_s <= max_s:
        return clip
    first_s, last_s = clip.hits[0].time_s, clip.hits[-1].time_s
    share = max(0.0, max_s - (last_s - first_s)) / (length_s - (last_s - first_s))
    return replace(
        clip,
        start_s=first_s - (first_s - clip.start_s) * share,
        end_s=last_s + (clip.end_s - last_s) * share,
    )


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

"""What the score bugs of a user's own videos tell: where the halves are, and the goals in them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from touchline.core import cli, schema
from touchline.core.clock import format_time, show
from touchline.core.problems import InputError
from touchline.data.match_names import AWAY, HOME, fits, home_first, is_swapped, names_by_side
from touchline.own.join import MOST_LAG_S, Covered, SeenGoal
from touchline.reels.highlights import HalfVideo
from touchline.reels.hits import written_score
from touchline.scoreboard import result
from touchline.scoreboard.result import HalfClock, Scoreboard

# A half goes on this long after its clock was last read: the clock is often gone before the whistle.
AFTER_LAST_CLOCK_S = 60.0
EARLY_S = 5.0  # a kick-off at most this much before the first picture is one in the picture
LONG_UNREAD_S = 60.0  # a longer part of a half without the score is told
# What is said about a goal is heard from this long before the score changes until this long after it.
HEARD_BEFORE_S, HEARD_AFTER_S = 60.0, 30.0

ScoreAt = tuple[float, tuple[int, int]]  # second of the half; the score, left and right


@dataclass(frozen=True)
class Seen:
    """What the pictures of a match tell.

    `halves` are by number; `are_parts` says that they are parts of their videos. `goals` are those of
    the score, which would have shown every goal in `covered`. `names` are those on the score bug, by
    side. `messages` are for the user.
    """

    halves: dict[int, HalfVideo]
    are_parts: bool
    goals: list[SeenGoal]
    covered: list[Covered]
    names: dict[str, str]
    messages: list[str]

    def shows_score(self, halves: Collection[int]) -> bool:
        """Say whether the score was read in each of these halves."""
        return set(halves) <= {stretch.half for stretch in self.covered}


def see(
    readings: Mapping[Path, Path],
    durations_s: Mapping[Path, float],
    given: dict[int, HalfVideo],
    clubs: Mapping[str, str],
) -> Seen:
    """Return what the score bugs of a match's videos tell, from the files of `touchline scoreboard`.

    `given` are the halves that the user gave; without them they are those of the clocks, and without
    clocks each video is one half. `clubs` are the clubs' names by side, where they are known.
    """
    boards = {video: result.load(path) for video, path in readings.items()}
    for board in boards.values():
        cli.report(board.problems)
    messages = []
    by_clock = {} if given else halves_of(boards, durations_s)
    halves = given or by_clock or {
        number: HalfVideo(video, duration_s)
        for number, (video, duration_s) in enumerate(durations_s.items(), start=1)
    }  # fmt: skip
    if by_clock:
        for number, half in by_clock.items():
            name = half.video.name if half.video and len(durations_s) > 1 else "the video"
            start = f"kicks off at {format_time(half.start_s)} of"
            start = start if half.start_s >= -EARLY_S else "began before"
            messages.append(f"Half {number} {start} {name}, by the match clock.")
        unused = durations_s.keys() - {half.video for half in by_clock.values()}
        messages += [
            f"{video}: no match clock was found, so it is left out." for video in sorted(unused)
        ]
    messages += _contradictions(given, boards)
    names = names_by_side(boards.values())
    if clubs and names and not fits(clubs, names):
        messages.append(
            f"The score bug names {names[HOME]} and {names[AWAY]}: {clubs[HOME]} are taken for the team "
            "on its left."
        )
    goals = goals_of(boards, halves, is_swapped(clubs, names))
    known = {number: scores_in(readings, boards, half) for number, half in sorted(halves.items())}
    covered = covered_by(known)
    messages += unseen_goals(known, halves)
    messages += _unread(covered, halves) if covered else []
    return Seen(halves, bool(given or by_clock), goals, covered, names, messages)


def spans_to_hear(
    seen: Seen, durations_s: Mapping[Path, float]
) -> dict[Path, list[tuple[float, float]]]:
    """Return the parts of each video, in seconds of it, in which the goals of the score are spoken of."""
    spans: dict[Path, list[tuple[float, float]]] = {}
    for goal in seen.goals:
        half = seen.halves[goal.half]
        assert half.video is not None, "goals are seen in a video"
        parts = spans.setdefault(half.video, [])
        start_s = max(0.0, half.start_s + goal.earliest_s - HEARD_BEFORE_S)
        end_s = min(durations_s[half.video], half.start_s + goal.time_s + HEARD_AFTER_S)
        if parts and start_s <= parts[-1][1]:
            parts[-1] = parts[-1][0], max(end_s, parts[-1][1])
        else:
            parts.append((start_s, end_s))
    return spans


def halves_of(
    boards: Mapping[Path, Scoreboard], durations_s: Mapping[Path, float]
) -> dict[int, HalfVideo]:
    """Return the halves that the clocks of the videos show, by number; empty where there are none.

    A half that had begun before its video did starts at a negative second of it. Raises `InputError`
    where two videos show the same half.
    """
    found: dict[int, tuple[Path, HalfClock]] = {}
    for video, board in boards.items():
        for half in board.halves:
            if half.half in found:
                raise InputError(
                    f"{found[half.half][0]} and {video}: both show half {half.half} by their clocks. "
                    "Leave one out, or say with --halves where the halves are."
                )
            found[half.half] = video, half
    halves = {}
    for number, (video, half) in sorted(found.items()):
        later = [other.start_s for place, other in found.values() if place == video]
        end_s = min(half.end_s + AFTER_LAST_CLOCK_S, durations_s[video])
        end_s = min([end_s, *(start_s for start_s in later if start_s > half.start_s)])
        halves[number] = HalfVideo(video, end_s - half.start_s, half.start_s)
    return halves


def goals_of(
    boards: Mapping[Path, Scoreboard], halves: Mapping[int, HalfVideo], swapped: bool
) -> list[SeenGoal]:
    """Return the goals of the videos that lie in their halves, in order.

    The team on the left of the score bug is taken for the home team, unless they are `swapped`.
    """
    goals = []
    for number, half in sorted(halves.items()):
        board = boards.get(half.video) if half.video else None
        for goal in board.goals if board else ():
            time_s = goal.time_s - half.start_s
            if 0 <= time_s <= half.duration_s:
                earliest_s = max(0.0, goal.earliest_s - half.start_s)
                before, after, team = home_first(goal, swapped)
                goals.append(
                    SeenGoal(number, earliest_s, time_s, team, before, after, goal.confidence)
                )
    return goals


def covered_by(known: Mapping[int, Sequence[ScoreAt]]) -> list[Covered]:
    """Return the stretches of the halves in which every goal is one that the score shows.

    `known` has the readings of the score in each half (see `scores_in`), in the order of the halves. A
    stretch reaches from the first one to the last one, less the time that the score bug may lag; it
    begins with the half where the first score is that at the end of the half before (0-0 in half 1).
    """
    stretches: list[Covered] = []
    last: tuple[int, int] | None = (0, 0)
    for number, scores in known.items():
        if not scores:
            last = None
            continue
        start_s = 0.0 if scores[0][1] == last else scores[0][0]
        stretches.append(Covered(number, start_s, scores[-1][0] - MOST_LAG_S))
        last = scores[-1][1]
    return stretches


def unseen_goals(
    known: Mapping[int, Sequence[ScoreAt]], halves: Mapping[int, HalfVideo]
) -> list[str]:
    """Return a sentence for each half that begins with another score than the one before ended with."""
    messages: list[str] = []
    before: tuple[int, tuple[int, int]] | None = None
    for number, scores in known.items():
        if not scores:
            continue
        first = scores[0][1]
        if before and before[1] != first and halves[number].video != halves[before[0]].video:
            ended, began = map(written_score, (before[1], first))
            messages.append(
                f"The score is {ended} at the end of half {before[0]} and {began} at the start of "
                f"half {number}: goals between them are in no video."
            )
        before = number, scores[-1][1]
    return messages


def _contradictions(given: Mapping[int, HalfVideo], boards: Mapping[Path, Scoreboard]) -> list[str]:
    """Return a sentence for each half that the user gave and that is another one by its clock."""
    messages = []
    for number, half in given.items():
        board = boards.get(half.video) if half.video else None
        end_s = half.start_s + half.duration_s
        shown = {
            clock.half: min(end_s, clock.end_s) - max(half.start_s, clock.start_s)
            for clock in (board.halves if board else ())
        }
        longest = max(shown, key=lambda one: shown[one], default=number)
        if longest != number and shown[longest] > 0:
            messages.append(
                f"The part that --halves gives as half {number} is half {longest} by the match clock; it "
                f"is called half {number}, since the first part is half 1, the next half 2."
            )
    return messages


def _unread(covered: list[Covered], halves: Mapping[int, HalfVideo]) -> list[str]:
    """Return a sentence for each long part of a half in which the score is not known."""
    stretches = {stretch.half: stretch for stretch in covered}
    messages = []
    for number, half in sorted(halves.items()):
        stretch = stretches.get(number)
        if stretch is None:
            messages.append(f"Half {number}: the score was not read.")
            continue
        first, last = (
            show(time_s, "match", number, 0.0) for time_s in (stretch.start_s, stretch.end_s)
        )
        if stretch.start_s > max(0.0, -half.start_s) + LONG_UNREAD_S:
            messages.append(f"Half {number}: the score is not known before {first}.")
        if stretch.end_s < half.duration_s - AFTER_LAST_CLOCK_S - MOST_LAG_S - LONG_UNREAD_S:
            messages.append(f"Half {number}: the score is not known after {last}.")
    return messages


def scores_in(
    readings: Mapping[Path, Path], boards: Mapping[Path, Scoreboard], half: HalfVideo
) -> list[ScoreAt]:
    """Return the readings of the score in a half that fit to its goals.

    `readings` are the files of `touchline scoreboard`, `boards` what they say, by video.
    """
    if half.video is None or half.video not in readings:
        return []
    end_s = half.start_s + half.duration_s
    table = (
        schema.read(readings[half.video], schema.READINGS)
        .drop_nulls(["half", "left", "right"])
        .filter(pl.col("time_s").is_between(half.start_s, end_s))
        .sort("time_s")
    )
    goals = sorted(boards[half.video].goals, key=lambda goal: goal.time_s)
    rows = [
        (time_s, (left, right))
        for time_s, left, right in table.select("time_s", "left", "right").iter_rows()
    ]
    usual = Counter(score for _, score in rows).most_common(1)
    scores = []
    for time_s, score in rows:
        before = [(goal.left, goal.right) for goal in goals if goal.time_s <= time_s][-1:]
        after = [goal.before for goal in goals if goal.earliest_s >= time_s][:1]
        if score in (before + after if goals else [usual[0][0]]):
            scores.append((time_s - half.start_s, score))
    return scores

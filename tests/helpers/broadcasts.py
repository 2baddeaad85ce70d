"""Broadcasts of whole matches with known truth, for tests and benchmarks; `broadcast_videos` draws them.

What a score bug, a studio or a recording may do is an option of `Broadcast`.
"""

import math
import random
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from touchline.demo.broadcast.names import Team
from touchline.demo.broadcast.script import AWAY, HOME, invent
from touchline.demo.drawing import score_bug
from touchline.demo.drawing.broadcast_film import ShownGoal, Truth
from touchline.demo.drawing.bug_schedule import presence
from touchline.demo.drawing.looks import LOOKS, Look
from touchline.demo.drawing.stadium import Size

_REPLAY_S = (8.0, 15.0)  # of a goal, in seconds after it
_GOALS_A_MINUTE = 8 / 98
_REVIEW_S = 45.0  # after which the score of a goal that does not count falls back


@dataclass(frozen=True)
class Goal:
    """A goal: its half, its time in seconds of video from the half's kick-off, and its side.

    One that does not count (`counts`) is shown like all others, and taken back after a review.
    """

    half: int
    time_s: float
    side: str
    counts: bool = True


class Part(NamedTuple):
    """A span of the video: a half, or what is around and between the halves."""

    half: int  # 0: studio or advertisements
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Broadcast:
    """What happens in a recording. Lengths are in seconds of video.

    `halves` are the lengths of the halves in the order in which they are in the file; 3 and 4 are
    extra time. `joined_s` is how much of a half is missing at its start, as in a recording that was
    started late; `goals` may be left to the seed. The match clock runs `slope` times as fast as the
    video. The camera moves once in `picture_s`, so that hours of video take minutes to write; the bug
    is always that of the time. With `grain`, a standard deviation of the brightness, every picture
    differs, which makes it as slow to decode as a recording.
    """

    look: Look = LOOKS[0]
    seed: int = 0
    halves: dict[int, float] = field(default_factory=lambda: {1: 120.0, 2: 120.0})
    joined_s: dict[int, float] = field(default_factory=dict)
    goals: tuple[Goal, ...] | None = None
    before_s: float = 12.0
    between_s: float = 12.0
    after_s: float = 8.0
    slope: float = 1.0
    has_bug: bool = True
    has_studio_clock: bool = True
    has_stadium_clock: bool = False  # a screen in the stand, some seconds late
    counts_down: bool = False
    is_portrait: bool = False  # a phone's recording of a television: bars above and below
    size: Size = (640, 360)
    rate: int = 25
    picture_s: float = 1.0
    grain: float = 0.0

    @cached_property
    def teams(self) -> tuple[Team, Team]:
        """The home and the away team."""
        script = invent(self.seed)
        return script.home, script.away

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The halves, and what is between them, in order of time."""
        parts = [Part(0, 0.0, self.before_s)]
        for half, length_s in self.halves.items():
            if parts[-1].half:
                parts.append(Part(0, parts[-1].end_s, parts[-1].end_s + self.between_s))
            parts.append(Part(half, parts[-1].end_s, parts[-1].end_s + length_s))
        return (*parts, Part(0, parts[-1].end_s, parts[-1].end_s + self.after_s))

    @cached_property
    def kick_offs_s(self) -> dict[int, float]:
        """The kick-off of each half in the video; before its start where the half was joined late."""
        return {
            part.half: part.start_s - self.joined_s.get(part.half, 0.0)
            for part in self.parts
            if part.half
        }

    @cached_property
    def all_goals(self) -> tuple[Goal, ...]:
        """The goals in order of the match, by default about as many as in a match of many goals."""
        if self.goals is not None:
            return tuple(sorted(self.goals, key=lambda goal: (goal.half, goal.time_s)))
        rng, goals = random.Random(f"goals {self.seed}"), []
        for half, length_s in sorted(self.halves.items()):
            count = max(1, round(length_s / 60 * _GOALS_A_MINUTE))
            first_s, slot_s = self.joined_s.get(half, 0.0) + 10, (length_s - 45) / count
            goals += [
                Goal(half, first_s + slot_s * (number + rng.random()), rng.choice((HOME, AWAY)))
                for number in range(count)
            ]
        return tuple(goals)

    @cached_property
    def replays(self) -> dict[int, list[tuple[float, float]]]:
        """The replays of each half, seconds from its kick-off: after goals, and now and then."""
        rng, replays = random.Random(f"replays {self.seed}"), {}
        for half, length_s in self.halves.items():
            goals_s = [goal.time_s for goal in self.all_goals if goal.half == half]
            spans = [(time_s + _REPLAY_S[0], time_s + _REPLAY_S[1]) for time_s in goals_s]
            now_s = self.joined_s.get(half, 0.0) + rng.uniform(40, 120)
            while now_s < self.joined_s.get(half, 0.0) + length_s - 30:
                spans.append((now_s, now_s + rng.uniform(4, 9)))
                now_s += rng.uniform(60, 180)
            replays[half] = sorted(spans)
        return replays

    @cached_property
    def changes_s(self) -> dict[Goal, float]:
        """When the score changes after each goal, in seconds from the half's kick-off."""
        rng = random.Random(f"delays {self.seed}")
        return {
            goal: goal.time_s + rng.uniform(*self.look.score_delay_s) for goal in self.all_goals
        }

    def first_shown_s(self, goal: Goal) -> float:
        """Return when the changed score is first on the screen, from the half's kick-off; or never."""
        if not self.has_bug:
            return math.inf
        time_s = self.changes_s[goal]
        while self.opacity(goal.half, time_s) < 1 or self.is_black(time_s):
            time_s += 0.1
        return time_s

    def score(self, half: int, time_s: float) -> tuple[int, int]:
        """Return the score that the bug shows."""
        shown = [
            goal.side
            for goal, change_s in self.changes_s.items()
            if (goal.half, change_s) <= (half, time_s)
            and (goal.counts or (half, time_s) < (goal.half, change_s + _REVIEW_S))
        ]
        return shown.count(HOME), shown.count(AWAY)

    def opacity(self, half: int, time_s: float) -> float:
        """Return how opaque the bug is at a time from the kick-off."""
        if not self.has_bug:
            return 0.0
        fade_s = self.look.fade_s
        opacity = presence((self.look.appears_s, math.inf), time_s, fade_s)
        if not self.look.in_replays:
            for span in self.replays[half]:
                opacity = min(opacity, 1 - presence(span, time_s, fade_s))
        return opacity

    def is_advert(self, time_s: float) -> bool:
        """Return whether an advertisement is at the edge of the frame: every four minutes."""
        return bool(self.look.advert_s) and 50 <= time_s % 240 < 50 + self.look.advert_s

    def is_black(self, time_s: float) -> bool:
        """Return whether the picture is black: every 20 minutes."""
        return bool(self.look.black_out_s) and 75 <= time_s % 1200 < 75 + self.look.black_out_s


def truth(broadcast: Broadcast) -> Truth:
    """Return what is true about the video; goals that do not count are not in it."""
    goals, score = [], [0, 0]
    for goal in broadcast.all_goals:
        if goal.counts:
            start_s = broadcast.kick_offs_s[goal.half]
            score[goal.side == AWAY] += 1
            times_s = start_s + goal.time_s, start_s + broadcast.first_shown_s(goal)
            goals.append(ShownGoal(*times_s, goal.half, goal.side, (score[0], score[1])))
    box = None
    if broadcast.has_bug and not broadcast.is_portrait:
        box = score_bug.box(broadcast.size, broadcast.look, *broadcast.teams)
    ends_s = {part.half: part.end_s for part in broadcast.parts if part.half}
    return Truth(broadcast.kick_offs_s, ends_s, tuple(goals), box)

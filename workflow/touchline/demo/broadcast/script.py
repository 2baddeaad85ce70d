"""Script of an invented match: its teams, and its events with their times and players.

A script is immutable and hashable; pictures, sound, labels and commentary are all functions of it.
It is drawn with `random.Random` and integer milliseconds only, so the same seed gives the same
script on every machine.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from touchline.demo.broadcast.names import CLUBS, SURNAMES, Team

HOME, AWAY, NEITHER = "home", "away", "not applicable"
HALVES = (1, 2)
SHORTEST_HALF_S = 75.0

_KICK_OFF_MS = 1_200
_LEAD_MS = 7_000  # before the first passage
_TAIL_MS = 1_500  # after the last one


@dataclass(frozen=True)
class Event:
    """A labelled moment: `player` acts; `other` is the substitute or the player who was fouled."""

    half: int
    time_ms: int
    label: str
    team: str
    visibility: str = "visible"
    player: str = ""
    other: str = ""

    @property
    def time_s(self) -> float:
        """The time in seconds from the start of the half."""
        return self.time_ms / 1000


@dataclass(frozen=True)
class Script:
    """A match: the teams, how long each half lasts, and its events in order of half and time."""

    home: Team
    away: Team
    half_s: float
    seed: str
    events: tuple[Event, ...]

    def __hash__(self) -> int:
        """Hash the fields that nearly always differ; caches look a script up for every frame."""
        return hash((self.seed, self.half_s, len(self.events)))

    def team(self, side: str) -> Team:
        """Return the home or the away team."""
        return self.home if side == HOME else self.away

    def of_half(self, half: int) -> tuple[Event, ...]:
        """Return the events of one half."""
        return tuple(event for event in self.events if event.half == half)

    def score(self, half: int = 2, until_s: float = float("inf")) -> tuple[int, int]:
        """Return the goals (home, away) that have been scored by `until_s` of the half."""
        goals = [
            event.team
            for event in self.events
            if event.label == "Goal" and (event.half, event.time_s) <= (half, until_s)
        ]
        return goals.count(HOME), goals.count(AWAY)


def opponent(side: str) -> str:
    """Return the other side."""
    return AWAY if side == HOME else HOME


@dataclass(frozen=True)
class _Passage:
    """A kind of passage of play: one or more events, and the time around the first of them.

    `weight` is its relative frequency.
    """

    name: str
    before_ms: int
    after_ms: int
    weight: int

    @property
    def length_ms(self) -> int:
        return self.before_ms + self.after_ms


# Together they have all seven actions of the study; a match has each passage at least once.
_PASSAGES = (
    _Passage("goal", 5_000, 28_000, 5),
    _Passage("foul", 4_000, 24_000, 4),
    _Passage("corner", 9_000, 7_000, 4),
    _Passage("substitution", 5_000, 8_000, 2),
    _Passage("shot", 4_000, 7_000, 3),
    _Passage("clearance", 4_000, 5_000, 3),
)
# Other events that SoccerNet labels, in the open play between those.
_MINOR = (_Passage("throw-in", 2_000, 9_000, 3), _Passage("wide shot", 4_000, 9_000, 1))


def invent(seed: int | str, half_s: float = 180.0, gap_s: float = 16.0) -> Script:
    """Invent a match; `gap_s` is the mean time of open play between two passages.

    At the default gap about 1 in 4.5 (60 s chunk, action) pairs has the action. Halves shorter than
    `SHORTEST_HALF_S` have no room for all seven actions and raise ValueError.
    """
    if half_s < SHORTEST_HALF_S:
        raise ValueError(f"a half of {half_s:g} s is shorter than {SHORTEST_HALF_S:g} s")
    rng = random.Random(f"match {seed}")
    home, away = _teams(rng)
    events: list[Event] = []
    first_side = rng.choice((HOME, AWAY))
    for half, passages in zip(HALVES, _choose_passages(rng, half_s, gap_s), strict=True):
        side = first_side if half == 1 else opponent(first_side)
        events.append(Event(half, _KICK_OFF_MS, "Kick-off", side))
        for start_ms, passage in _place(rng, passages, round(half_s * 1000)):
            events += _EVENTS[passage.name](rng, half, start_ms + passage.before_ms)
    cast = _Cast(rng, home, away)
    return Script(home, away, float(half_s), str(seed), tuple(map(cast.name, events)))


def _teams(rng: random.Random) -> tuple[Team, Team]:
    """Return two clubs whose shirts differ clearly, with players of different names."""
    first = rng.randrange(len(CLUBS))
    clubs = [CLUBS[first], CLUBS[(first + rng.choice((1, 3))) % len(CLUBS)]]
    surnames = rng.sample(SURNAMES, 32)
    home, away = (
        Team(*club, tuple(names))
        for club, names in zip(clubs, (surnames[:16], surnames[16:]), strict=True)
    )
    return home, away


def _choose_passages(rng: random.Random, half_s: float, gap_s: float) -> list[list[_Passage]]:
    """Choose the passages of each half: every kind once in the match, then more that fit."""
    kinds = list(_PASSAGES)
    # Two groups of about equal length, so that both fit into a short half.
    groups = [[kinds[0], kinds[4], kinds[5]], [kinds[1], kinds[2], kinds[3]]]
    rng.shuffle(groups)
    room_ms = round(half_s * 1000) - _LEAD_MS - _TAIL_MS
    for group in groups:
        while True:
            [extra] = rng.choices(kinds, [kind.weight for kind in kinds])
            used = sum(kind.length_ms + round(gap_s * 1000) for kind in [*group, extra])
            if used > room_ms:
                break
            group.append(extra)
        rng.shuffle(group)
    return groups


def _place(
    rng: random.Random, passages: list[_Passage], half_ms: int
) -> list[tuple[int, _Passage]]:
    """Return each passage with its start (ms); minor ones fill the spare time, split at random."""
    spare_ms = half_ms - _LEAD_MS - _TAIL_MS - sum(passage.length_ms for passage in passages)
    cuts = sorted(rng.randrange(spare_ms + 1) for _ in passages)
    placed: list[tuple[int, _Passage]] = []
    now_ms, last_cut = _LEAD_MS, 0
    for cut, passage in zip(cuts, passages, strict=True):
        placed += _place_minor(rng, now_ms, now_ms + cut - last_cut)
        now_ms += cut - last_cut
        placed.append((now_ms, passage))
        now_ms, last_cut = now_ms + passage.length_ms, cut
    return placed + _place_minor(rng, now_ms, half_ms - _TAIL_MS)


def _place_minor(rng: random.Random, start_ms: int, end_ms: int) -> list[tuple[int, _Passage]]:
    """Return the minor passages, if any, of a stretch of open play, each with its start (ms)."""
    placed: list[tuple[int, _Passage]] = []
    while True:
        [minor] = rng.choices(_MINOR, [kind.weight for kind in _MINOR])
        start_ms += rng.randrange(6_000, 30_000)
        if start_ms + minor.length_ms > end_ms:
            return placed
        placed.append((start_ms, minor))
        start_ms += minor.length_ms


def _goal(rng: random.Random, half: int, at_ms: int) -> list[Event]:
    """Return a goal and the kick-off after it, which the broadcast may not show."""
    side = rng.choice((HOME, AWAY, HOME))
    shown = rng.choice(("visible", "visible", "not shown"))
    kick_off = at_ms + rng.randrange(22_000, 26_500)
    return [
        Event(half, at_ms, "Goal", side),
        Event(half, kick_off, "Kick-off", opponent(side), shown),
    ]


def _foul(rng: random.Random, half: int, at_ms: int) -> list[Event]:
    """Return a foul, perhaps a yellow card for it, and the opponent's free-kick."""
    side = rng.choice((HOME, AWAY))
    events = [Event(half, at_ms, "Foul", side)]
    if rng.random() < 0.4:
        events.append(Event(half, at_ms + rng.randrange(5_000, 6_500), "Yellow card", side))
    label = rng.choice(("Direct free-kick", "Indirect free-kick", "Indirect free-kick"))
    kick = at_ms + rng.randrange(14_000, 19_000)
    return [*events, Event(half, kick, label, opponent(side))]


def _corner(rng: random.Random, half: int, at_ms: int) -> list[Event]:
    """Return the ball going out, the corner, and perhaps a clearance or a shot on target."""
    side = rng.choice((HOME, AWAY))
    events = [
        Event(half, at_ms - rng.randrange(6_000, 7_500), "Ball out of play", NEITHER),
        Event(half, at_ms, "Corner", side),
    ]
    after = rng.choice(("Clearance", "Shots on target", ""))
    if after:
        team = opponent(side) if after == "Clearance" else side
        events.append(Event(half, at_ms + rng.randrange(1_700, 2_300), after, team))
    return events


_MakeEvents = Callable[[random.Random, int, int], list[Event]]  # (rng, half, time in ms)


def _single(label: str) -> _MakeEvents:
    """Return a function that makes a single event of this label for a random side."""

    def event(rng: random.Random, half: int, at_ms: int) -> list[Event]:
        return [Event(half, at_ms, label, rng.choice((HOME, AWAY)))]

    return event


def _throw_in(rng: random.Random, half: int, at_ms: int) -> list[Event]:
    """Return the ball going out and the throw-in after it."""
    return [
        Event(half, at_ms, "Ball out of play", NEITHER),
        Event(half, at_ms + rng.randrange(4_000, 7_500), "Throw-in", rng.choice((HOME, AWAY))),
    ]


def _wide_shot(rng: random.Random, half: int, at_ms: int) -> list[Event]:
    """Return a shot off target and the ball going out after it."""
    return [
        Event(half, at_ms, "Shots off target", rng.choice((HOME, AWAY))),
        Event(half, at_ms + rng.randrange(1_000, 1_400), "Ball out of play", NEITHER),
    ]


_EVENTS: dict[str, _MakeEvents] = {
    "goal": _goal,
    "foul": _foul,
    "corner": _corner,
    "substitution": _single("Substitution"),
    "shot": _single("Shots on target"),
    "clearance": _single("Clearance"),
    "throw-in": _throw_in,
    "wide shot": _wide_shot,
}


class _Cast:
    """Names the players of every event; keeps account of who is on the pitch."""

    def __init__(self, rng: random.Random, home: Team, away: Team) -> None:
        self.rng = rng
        self.teams = {HOME: home, AWAY: away}
        self.playing = {side: list(team.players[:11]) for side, team in self.teams.items()}
        self.last_fouler = ""
        self.bench = {side: list(team.players[11:]) for side, team in self.teams.items()}

    def name(self, event: Event) -> Event:
        """Return the event with its players' names."""
        if event.team == NEITHER:
            return event
        playing = self.playing[event.team]
        place = self.rng.randrange(1, 11)
        player, other = playing[place], ""
        if event.label == "Yellow card":
            player = self.last_fouler
        elif event.label == "Substitution":
            bench = self.bench[event.team]
            other = bench.pop(0)
            playing[place] = other
            bench.append(player)
        elif event.label in ("Foul", "Shots on target", "Goal"):
            other = self.playing[opponent(event.team)][self.rng.randrange(1, 11)]
        if event.label == "Foul":
            self.last_fouler = player
        return Event(
            event.half, event.time_ms, event.label, event.team, event.visibility, player, other
        )

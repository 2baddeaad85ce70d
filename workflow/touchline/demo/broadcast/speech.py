"""What a commentator says about a script, as a speech recogniser would have written it down.

Most actions are mentioned, a little after they happen; some are not; and some talk is of actions
that are not happening. The oddities of real transcripts are here too: a text repeated in a loop, a
blank text, a last segment that runs past the end of the half.
"""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from touchline.demo.broadcast import phrases
from touchline.demo.broadcast.script import Event, Script

# (start_s, end_s, text)
Segment = tuple[float, float, str]


class Spoken(NamedTuple):
    """A line of commentary, and the event that it is about, if it is about one."""

    start_s: float
    end_s: float
    text: str
    event: Event | None


_MENTIONED = {"Throw-in": 0.3, "Ball out of play": 0.2}
_MENTIONED_OTHERWISE = 0.82
_DISTRACTED = 0.12


def segments(script: Script, half: int) -> list[Segment]:
    """Return the commentary of one half, in order, times in seconds with two decimals."""
    rng = random.Random(f"speech {script.seed} {half}")
    lines = speak(rng, script, half, phrases.MENTIONS)
    return _with_oddities(rng, [line[:3] for line in lines], script.half_s)


def speak(
    rng: random.Random, script: Script, half: int, mentions: Mapping[str, Sequence[str]]
) -> list[Spoken]:
    """Return what is said in one half by a commentator who has these words for each label."""
    waiting = _mentions(rng, script, half, mentions)
    spoken: list[Spoken] = []
    now_s = rng.uniform(0, 2)
    while now_s < script.half_s - 1:
        if waiting and waiting[0][0] <= now_s + 2.5:
            due_s, text, event = waiting.pop(0)
            start_s = max(now_s, due_s)
        else:
            start_s, text, event = now_s, _chatter(rng, script), None
        end_s = start_s + max(1.5, len(text) / rng.uniform(14, 19))
        spoken.append(Spoken(round(start_s, 2), round(end_s, 2), text, event))
        now_s = end_s + rng.choice((0, 0, 0, 0.4, 1.5, 3))
    return spoken


def _mentions(
    rng: random.Random, script: Script, half: int, mentions: Mapping[str, Sequence[str]]
) -> list[tuple[float, str, Event]]:
    """Return (when it is said, text, event) for the events that the commentator mentions."""
    said = []
    for event in script.of_half(half):
        if rng.random() < _MENTIONED.get(event.label, _MENTIONED_OTHERWISE):
            text = rng.choice(mentions[event.label])
            due_s = event.time_s + rng.uniform(0.4, 4.0)
            said.append((due_s, _fill_in(text, script, event), event))
    return sorted(said, key=lambda one: one[:2])


def _fill_in(text: str, script: Script, event: Event) -> str:
    team, other_team = script.team(event.team), script.team("home")
    if event.team == "home":
        other_team = script.away
    return text.format(
        player=event.player, other=event.other, team=team.name, other_team=other_team.name
    )


def _chatter(rng: random.Random, script: Script) -> str:
    """Return talk that is of no action now: play, the weather, or an action of another time."""
    texts = phrases.DISTRACTORS if rng.random() < _DISTRACTED else phrases.CHATTER
    team, other_team = rng.sample((script.home, script.away), 2)
    player, other = rng.sample(team.players[1:11], 2)
    return rng.choice(texts).format(
        player=player, other=other, team=team.name, other_team=other_team.name
    )


def _with_oddities(rng: random.Random, spoken: list[Segment], half_s: float) -> list[Segment]:
    """Add what real transcripts have: a loop, a blank text and an end past the half's own.

    In the loop one text takes the place of the next two to four, as where a recogniser lost the
    thread.
    """
    odd = list(spoken)
    first = rng.randrange(2, len(odd) - 6)
    for index in range(first + 1, first + 1 + rng.randrange(2, 5)):
        odd[index] = (*odd[index][:2], odd[first][2])
    blank = rng.choice([index for index in range(len(odd)) if not first <= index <= first + 4])
    odd[blank] = (*odd[blank][:2], "")
    odd[-1] = (odd[-1][0], round(half_s + rng.uniform(0.5, 6), 2), odd[-1][2])
    return odd

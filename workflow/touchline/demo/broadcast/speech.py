"""Commentary of an invented match, as a speech recogniser would have transcribed it.

Most actions are mentioned, shortly after they happen; some are not, and some lines mention actions
of another time. Errors of real transcripts are imitated: a text repeated in a loop, an empty text,
a last segment that ends after the half.
"""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from touchline.demo.broadcast import phrases
from touchline.demo.broadcast.script import Event, Script

# (start_s, end_s, text)
Segment = tuple[float, float, str]


class CommentaryLine(NamedTuple):
    """A line of commentary and the event that it mentions, None for all other talk."""

    start_s: float
    end_s: float
    text: str
    event: Event | None


# Probabilities that an event is mentioned, and that other talk is a distractor.
_MENTION_PROBABILITY = {"Throw-in": 0.3, "Ball out of play": 0.2}
_DEFAULT_MENTION_PROBABILITY = 0.82
_DISTRACTOR_PROBABILITY = 0.12


def segments(script: Script, half: int) -> list[Segment]:
    """Return the commentary of one half, in order, times in seconds with two decimals."""
    rng = random.Random(f"speech {script.seed} {half}")
    lines = speak(rng, script, half, phrases.MENTIONS)
    return _add_errors(rng, [line[:3] for line in lines], script.half_s)


def speak(
    rng: random.Random, script: Script, half: int, mentions: Mapping[str, Sequence[str]]
) -> list[CommentaryLine]:
    """Return the commentary of one half; `mentions` are the phrases for each label."""
    pending = _choose_mentions(rng, script, half, mentions)
    lines: list[CommentaryLine] = []
    now_s = rng.uniform(0, 2)
    while now_s < script.half_s - 1:
        event: Event | None = None
        if pending and pending[0][0] <= now_s + 2.5:
            due_s, text, event = pending.pop(0)
            start_s = max(now_s, due_s)
        else:
            start_s, text = now_s, _chatter(rng, script)
        end_s = start_s + max(1.5, len(text) / rng.uniform(14, 19))
        lines.append(CommentaryLine(round(start_s, 2), round(end_s, 2), text, event))
        now_s = end_s + rng.choice((0, 0, 0, 0.4, 1.5, 3))
    return lines


def _choose_mentions(
    rng: random.Random, script: Script, half: int, mentions: Mapping[str, Sequence[str]]
) -> list[tuple[float, str, Event]]:
    """Return (due time, text, event) of the events that are mentioned, in order of time."""
    chosen = []
    for event in script.of_half(half):
        if rng.random() < _MENTION_PROBABILITY.get(event.label, _DEFAULT_MENTION_PROBABILITY):
            text = rng.choice(mentions[event.label])
            due_s = event.time_s + rng.uniform(0.4, 4.0)
            chosen.append((due_s, _fill_in(text, script, event), event))
    return sorted(chosen, key=lambda mention: mention[:2])


def _fill_in(text: str, script: Script, event: Event) -> str:
    """Return a phrase with the names of the event's players and teams."""
    team, other_team = script.team(event.team), script.team("home")
    if event.team == "home":
        other_team = script.away
    return text.format(
        player=event.player, other=event.other, team=team.name, other_team=other_team.name
    )


def _chatter(rng: random.Random, script: Script) -> str:
    """Return a line that mentions no present action: open play, the weather, or a distractor."""
    texts = phrases.DISTRACTORS if rng.random() < _DISTRACTOR_PROBABILITY else phrases.CHATTER
    team, other_team = rng.sample((script.home, script.away), 2)
    player, other = rng.sample(team.players[1:11], 2)
    return rng.choice(texts).format(
        player=player, other=other, team=team.name, other_team=other_team.name
    )


def _add_errors(rng: random.Random, segments: list[Segment], half_s: float) -> list[Segment]:
    """Add errors of real transcripts: a loop, an empty text and an end after the half's.

    In the loop one text takes the place of the next two to four, as speech recognisers repeat
    themselves.
    """
    texts = [text for _, _, text in segments]
    first = rng.randrange(2, len(texts) - 6)
    for index in range(first + 1, first + 1 + rng.randrange(2, 5)):
        texts[index] = texts[first]
    blank = rng.choice([index for index in range(len(texts)) if not first <= index <= first + 4])
    texts[blank] = ""
    ends_s = [end_s for _, end_s, _ in segments]
    ends_s[-1] = round(half_s + rng.uniform(0.5, 6), 2)
    starts_s = [start_s for start_s, _, _ in segments]
    return list(zip(starts_s, ends_s, texts, strict=True))

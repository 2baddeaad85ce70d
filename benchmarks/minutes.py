"""Synthetic minutes of soccer for benchmarks/learnability.py: 60 s of video and commentary each.

There are two domains. In that of the base (`world_style`) every minute has colours of its own. The
league (`LEAGUE`) has one set of colours and phrases that the base has not been trained on. In both,
actions are movements: the ball into the goal, two players into each other, the substitution board
going up. Some actions are shown and not mentioned, some mentioned and not shown, and mentions come
late.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from touchline.models.lm.tokenize import Chunk

CHUNK_S = 60.0
FRAME_S = 2.0  # seconds between frames
HEIGHT, WIDTH = 56, 112
ACTIONS = ("goal", "corner", "foul", "free_kick", "substitution")

LASTS_S = 3.0  # an action is on screen for so long before and after its time
MIN_GAP_S = 2 * LASTS_S + FRAME_S  # between two actions
SHOWN_ONLY, SPOKEN_ONLY = 0.2, 0.15  # shares of the actions; the others are shown and mentioned
LINE_S = 3.0  # length of a commentary line
LATEST_S = 4.0  # greatest delay of a mention after the action

WHITE, BLACK, YELLOW = (240, 240, 240), (15, 15, 20), (235, 220, 50)
RED, GREEN = (220, 40, 40), (60, 220, 90)
FILLERS = (
    "They keep the ball.",
    "Slow play now.",
    "Back to the keeper.",
    "Good pressing here.",
    "The crowd is singing.",
    "A long ball.",
)


@dataclass(frozen=True)
class Style:
    """Colours (red, green, blue), noise and phrases of a broadcaster."""

    pitch: tuple[int, ...]
    kits: tuple[tuple[int, ...], tuple[int, ...]]
    noise: float  # standard deviation
    phrases: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Minute:
    """A chunk, the times of its actions, which of them are shown, and the times of mentions."""

    chunk: Chunk
    events_s: dict[str, float]
    shown: frozenset[str]
    mentions_s: dict[str, float]

    def perceived(self, inputs: tuple[str, ...]) -> dict[str, float]:
        """Return the actions that these inputs contain, and their times."""
        shown = self.shown if "video" in inputs else frozenset()
        mentioned = self.mentions_s if "commentary" in inputs else {}
        return {
            action: time_s
            for action, time_s in self.events_s.items()
            if action in shown | mentioned.keys()
        }


KITS = ((200, 30, 40), (40, 70, 220), (245, 245, 245), (240, 150, 30), (30, 30, 40), (90, 190, 230))
WORLD_PHRASES = {
    "goal": ("It's in the net!", "What a goal!", "They score!"),
    "corner": ("Corner kick.", "He swings the corner in.", "Another corner."),
    "foul": ("That's a foul.", "The referee blows for a foul.", "He brings him down."),
    "free_kick": ("The free-kick is taken.", "Over the wall.", "He takes the free-kick."),
    "substitution": ("A change now.", "He comes off.", "Fresh legs on the pitch."),
}
LEAGUE = Style(
    pitch=(110, 125, 45),
    kits=((150, 40, 170), (230, 210, 60)),
    noise=16.0,
    phrases={
        "goal": ("The keeper is beaten!", "One more on the board!"),
        "corner": ("From the flag now.", "Behind for a set piece in the angle."),
        "foul": ("Whistle, he went through his man.", "Late challenge there."),
        "free_kick": ("He strikes it from the dead ball.", "Straight into the wall of four."),
        "substitution": ("The board goes up.", "Number nine makes way."),
    },
)


def world_style(rng: random.Random) -> Style:
    """Return random colours for a minute of the base's domain."""
    pitch = (rng.randint(20, 70), rng.randint(95, 155), rng.randint(20, 70))
    return Style(pitch, tuple(rng.sample(KITS, 2)), rng.uniform(4, 16), WORLD_PHRASES)


def draw(
    name: str,
    share: float,
    style: Style | None = None,
    chunk_s: float = CHUNK_S,
    filmed: bool = True,
) -> Minute:
    """Return the minute of a name, which is its seed; each action has the probability `share`.

    `style` is that of the league; without one the minute is of the base's domain. `filmed` says
    whether the minute gets frames.
    """
    rng = random.Random(name)
    style = style or world_style(rng)
    events_s: dict[str, float] = {}
    shown: set[str] = set()
    mentions_s: dict[str, float] = {}
    lines = [(rng.uniform(0, chunk_s - 1), rng.choice(FILLERS)) for _ in range(3)]
    for action in rng.sample(ACTIONS, len(ACTIONS)):
        time_s = rng.uniform(2, chunk_s - 2)
        is_free = all(abs(time_s - other) > MIN_GAP_S for other in events_s.values())
        if rng.random() >= share or not is_free:
            continue
        events_s[action] = time_s
        chance = rng.random()
        if chance >= SPOKEN_ONLY:
            shown.add(action)
        if not SPOKEN_ONLY <= chance < SPOKEN_ONLY + SHOWN_ONLY:
            mentions_s[action] = min(time_s + rng.uniform(0, LATEST_S), chunk_s - 1)
            lines.append((mentions_s[action], rng.choice(style.phrases[action])))
    segments = [
        {"start_s": start_s, "end_s": min(chunk_s, start_s + LINE_S), "text": text}
        for start_s, text in sorted(lines)
    ]
    frame_s = np.arange(0, chunk_s, FRAME_S)
    shown_s = {action: events_s[action] for action in sorted(shown)}
    frames = {"broadcast": film(rng, style, shown_s, frame_s)} if filmed else {}
    chunk = Chunk(name, 1, 0, 0.0, chunk_s, segments, frames, frame_s.tolist())
    return Minute(chunk, events_s, frozenset(shown), mentions_s)


def film(
    rng: random.Random, style: Style, shown_s: dict[str, float], frame_s: np.ndarray
) -> np.ndarray:
    """Return the frames of a minute, uint8 (T, HEIGHT, WIDTH, 3)."""
    noise = np.random.default_rng(rng.getrandbits(32))
    frames = np.empty((len(frame_s), HEIGHT, WIDTH, 3))
    frames[:] = style.pitch
    frames[:, :, ::14] *= 0.9  # the mown stripes
    _players(frames, noise, style)
    for _ in range(2):  # distractors
        _close_up(frames, rng, style)
    for action, time_s in shown_s.items():
        at = np.flatnonzero(np.abs(frame_s - time_s) <= LASTS_S)
        shift = rng.randint(-6, 6), rng.randint(-4, 4)
        for frame in at:
            phase = (frame_s[frame] - time_s) / LASTS_S  # -1 to 1
            frames[frame] = style.pitch
            for box in DRAWN[action](phase, style):
                _box(frames[frame], *box, shift)
    frames += noise.normal(0, style.noise, frames.shape)
    return frames.clip(0, 255).astype(np.uint8)


def _players(frames: np.ndarray, noise: np.random.Generator, style: Style) -> None:
    """Draw ten players and a ball in random walks."""
    steps = noise.normal(0, 5, (len(frames), 11, 2)).cumsum(0)
    places = noise.uniform(0, 1, (11, 2)) * (WIDTH, HEIGHT) + steps
    for frame, at in zip(frames, places % (WIDTH - 4, HEIGHT - 6), strict=True):
        for number, (x, y) in enumerate(at):
            size, colour = ((3, 5), style.kits[number % 2]) if number < 10 else ((2, 2), WHITE)
            _box(frame, x, y, *size, colour)


def _close_up(frames: np.ndarray, rng: random.Random, style: Style) -> None:
    """Draw a player in close-up who runs across for three frames."""
    first, kit = rng.randrange(len(frames) - 3), rng.choice(style.kits)
    x, pace = rng.uniform(0, WIDTH - 16), rng.uniform(-12, 12)
    for step in range(3):
        _box(frames[first + step], x + step * pace, 16, 16, 34, kit)


def _box(
    frame: np.ndarray,
    x: float,
    y: float,
    width: int,
    height: int,
    colour: tuple[int, ...],
    shift: tuple[int, int] = (0, 0),
) -> None:
    """Fill a box of the frame; parts outside are cut off."""
    left, top = round(x) + shift[0], round(y) + shift[1]
    frame[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = colour


def _goal(phase: float, style: Style) -> Iterator[tuple]:
    """The ball flies into the goal."""
    yield 84, 10, 2, 36, WHITE
    yield 106, 10, 2, 36, WHITE
    yield 84, 10, 24, 2, WHITE
    yield 92, 24, 6, 16, style.kits[1]
    yield 66 + 28 * phase, 34 - 10 * phase, 5, 5, WHITE


def _corner(phase: float, style: Style) -> Iterator[tuple]:
    """The ball rises from the corner."""
    yield 6, 0, 2, 48, WHITE
    yield 6, 46, 106, 2, WHITE
    yield 3, 28, 2, 20, WHITE
    yield 5, 28, 8, 6, RED
    yield 14 - 4 * phase, 30, 6, 14, style.kits[0]
    yield 40 + 30 * phase, 30 - 14 * phase, 5, 5, WHITE


def _foul(phase: float, style: Style) -> Iterator[tuple]:
    """Two players run into each other, and the referee comes."""
    yield 38 + 8 * phase, 20, 12, 24, style.kits[0]
    yield 62 - 8 * phase, 20, 12, 24, style.kits[1]
    yield 100 - 12 * phase, 10, 8, 30, BLACK
    yield 100 - 12 * phase, 4, 8, 6, YELLOW


def _free_kick(phase: float, style: Style) -> Iterator[tuple]:
    """The ball flies at a wall of four, who jump."""
    for man in range(4):
        yield 70 + 8 * man, 20 - 6 * max(0.0, phase), 6, 24, style.kits[1]
    yield 12 + 5 * phase, 22, 6, 22, style.kits[0]
    yield 44 + 24 * phase, 36 - 8 * phase, 5, 5, WHITE


def _substitution(phase: float, style: Style) -> Iterator[tuple]:
    """The fourth official raises the board."""
    top = 30 - 14 * phase
    yield 36, top, 40, 18, BLACK
    yield 40, top + 4, 14, 10, RED
    yield 58, top + 4, 14, 10, GREEN
    yield 18, 24, 8, 26, style.kits[0]


DRAWN = {
    "goal": _goal,
    "corner": _corner,
    "foul": _foul,
    "free_kick": _free_kick,
    "substitution": _substitution,
}

"""Sound of a half: crowd noise that swells at events, the whistle and kicks of the ball."""

import itertools

import numpy as np

from touchline.demo.broadcast.motion import motion
from touchline.demo.broadcast.plan import Knot
from touchline.demo.broadcast.script import Event, Script

RATE = 16_000  # samples per second

_LOOP_S = 16  # length of the crowd's noise, which is repeated
_QUIET, _LOUDEST = 0.05, 0.9
# Increase of the crowd's loudness, seconds from the event to its maximum, seconds to fade out.
_SWELLS = {
    "Goal": (0.55, 0.6, 8.0),
    "Shots on target": (0.22, 0.5, 2.5),
    "Shots off target": (0.18, 0.8, 2.0),
    "Direct free-kick": (0.12, 0.8, 2.0),
    "Corner": (0.08, 1.5, 2.5),
    "Foul": (0.08, 0.8, 2.5),
    "Substitution": (0.06, 1.0, 4.0),
}
# Start of the referee's whistle in seconds from the event, and its length in seconds.
_WHISTLES = {
    "Kick-off": (-0.5, 0.5),
    "Foul": (0.25, 0.6),
    "Goal": (0.4, 0.9),
    "Direct free-kick": (-1.6, 0.3),
    "Indirect free-kick": (-1.4, 0.3),
}


def sound(script: Script, half: int) -> np.ndarray:
    """Return the half's sound, float32 (samples,) between -1 and 1, `RATE` samples per second."""
    events = script.of_half(half)
    times_s = np.arange(round(script.half_s * RATE)) / RATE
    rng = np.random.default_rng([half, *script.seed.encode()])
    samples = _crowd(rng, len(times_s)) * _loudness(events, times_s)
    for event in events:
        if event.label in _WHISTLES:
            after_s, length_s = _WHISTLES[event.label]
            _add(samples, event.time_s + after_s, _whistle(length_s))
    _add(samples, script.half_s - 1.0, _whistle(0.9))
    for time_s in _kicks(motion(script, half).choreography.knots):
        _add(samples, time_s, _thud())
    return np.clip(samples, -_LOUDEST, _LOUDEST).astype(np.float32)


def _crowd(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return noise with a spectrum like many voices, of root mean square 1."""
    count = _LOOP_S * RATE
    pitch_hz = np.fft.rfftfreq(count, 1 / RATE)
    shape = pitch_hz / (1 + (pitch_hz / 420) ** 2) ** 1.3
    angles = rng.uniform(0, 2 * np.pi, len(pitch_hz))
    loop = np.fft.irfft(shape * np.exp(1j * angles), count)
    return np.resize(loop / loop.std(), length)


def _loudness(events: tuple[Event, ...], times_s: np.ndarray) -> np.ndarray:
    """Return the amplitude of the crowd at each time."""
    loud = np.full(len(times_s), _QUIET) * (1 + 0.2 * np.sin(2 * np.pi * times_s / 11))
    for event in events:
        if event.label in _SWELLS:
            height, rise_s, fall_s = _SWELLS[event.label]
            peak_s = event.time_s + rise_s
            corners = (peak_s - rise_s - 0.3, peak_s, peak_s + 0.3 * fall_s, peak_s + fall_s)
            loud += np.interp(times_s, corners, (0, height, height * 0.7, 0)) * 0.5
    return loud


def _whistle(length_s: float) -> np.ndarray:
    """Return a pea whistle: two tones of close pitch with a trill."""
    times_s = np.arange(round(length_s * RATE)) / RATE
    trill = 0.75 + 0.25 * np.sin(2 * np.pi * 38 * times_s)
    tones = np.sin(2 * np.pi * 2850 * times_s) + 0.6 * np.sin(2 * np.pi * 3020 * times_s)
    edges = np.minimum(1, np.minimum(times_s, times_s[::-1]) / 0.02)
    return 0.16 * trill * tones * edges


def _thud() -> np.ndarray:
    """Return the sound of a boot on the ball."""
    times_s = np.arange(round(0.09 * RATE)) / RATE
    return 0.22 * np.sin(2 * np.pi * 105 * times_s) * np.exp(-times_s / 0.022)


def _kicks(knots: list[Knot]) -> list[float]:
    """Return the times (s) at which a player sends the ball away fast."""
    return [
        knot.time_s
        for knot, following in itertools.pairwise(knots)
        if knot.holder >= 0 and abs(following.x - knot.x) + abs(following.y - knot.y) > 6
    ]


def _add(samples: np.ndarray, time_s: float, effect: np.ndarray) -> None:
    """Add a sound effect to the samples from a time on, in place; it is cut at the half's end."""
    first = max(0, round(time_s * RATE))
    window = samples[first : first + len(effect)]
    window += effect[: len(window)]

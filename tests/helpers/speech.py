"""Speech by espeak-ng for tests of transcription, and videos in which it is heard."""

import io
import os
import shutil
import subprocess
import wave
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import timecode
from reel_sound import add_sound

RATE = 16_000


@cache
def speak(text: str, voice: str = "en-us", words_per_minute: int = 140) -> np.ndarray:
    """Return a spoken text, (n,) float32 at 16 kHz. Without espeak-ng the test is skipped or, in CI, fails."""
    if not shutil.which("espeak-ng"):
        reason = "no espeak-ng: apt-get install espeak-ng"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "--stdout", text]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(raw)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(10**8), np.int16)
    count = len(samples) * RATE // rate
    times = np.arange(count) * rate / RATE
    return (np.interp(times, np.arange(len(samples)), samples) / 32768).astype(np.float32)


def lay_out(
    spoken: Sequence[tuple[float, str]], seconds: float, noise: float = 0.003
) -> np.ndarray:
    """Return sound of so many seconds in which each text begins at its second, over a little noise."""
    sound = np.random.default_rng(0).normal(0, noise, round(seconds * RATE)).astype(np.float32)
    for start_s, text in spoken:
        voice = speak(text)
        first = round(start_s * RATE)
        sound[first : first + len(voice)] += voice[: len(sound) - first]
    return sound


def film(
    path: Path,
    sound: np.ndarray | None,
    seconds: float,
    start_s: Fraction | int = 0,
    sound_s: float = 0.0,
    gap_s: tuple[float, float] | None = None,
) -> Path:
    """Write a video with a picture a second, and with sound at 16 kHz.

    The clock of the file begins at `start_s`, the sound `sound_s` after the first picture; there is
    no sound in the seconds of `gap_s`.
    """
    silent = path.with_name(f"silent-{path.name}")
    timecode.make(
        silent, timecode.steady(1, seconds), size=(64, 36), start_s=start_s, options={"bf": "0"}
    )
    if sound is None:
        return silent.rename(path)
    add_sound(silent, sound, path, RATE, float(start_s) + sound_s, gap_s)
    silent.unlink()
    return path

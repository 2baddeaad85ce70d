"""Sound of a video as a speech recogniser takes it: one channel at 16 kHz, on the video's time line."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from touchline.reels.cutting.sound import placed_samples
from touchline.video.source import Source

RATE = 16_000  # Hz, that of Whisper and of the voice detection
_BLOCK = 60 * RATE  # samples of silence that are given at once


def read_sound(source: Source, start_s: float, end_s: float) -> Iterator[np.ndarray]:
    """Yield the sound from `start_s` to `end_s` of a video in blocks, (n,) float32, without gaps.

    Sample k of all blocks together is at `start_s` + k / `RATE` seconds after the video's first
    picture, by the time stamps of the file. Where the file has no sound, it is silence; it ends
    where the file's sound ends. The file must have sound.
    """
    given = 0  # samples that were yielded
    blocks = placed_samples(source, Fraction(start_s), Fraction(end_s), "mono", RATE)
    for place, (samples,) in blocks:
        while given < place:
            silence = np.zeros(min(place - given, _BLOCK), np.float32)
            given += len(silence)
            yield silence
        new = samples[given - place :]  # without what was heard before, or before the start
        if len(new):
            given += len(new)
            yield new


class SoundBuffer:
    """Blocks of sound, of which as much is held as was asked for and not yet dropped."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self._held = np.zeros(0, np.float32)

    def peek(self, count: int) -> np.ndarray:
        """Return the next `count` samples, or as many as there are."""
        parts, length = [self._held], len(self._held)
        while length < count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            length += len(block)
        self._held = np.concatenate(parts)
        return self._held[:count]

    def drop(self, count: int) -> None:
        """Drop the next `count` samples, or as many as there are."""
        while count and len(part := self.peek(min(count, _BLOCK))):
            self._held = self._held[len(part) :]
            count -= len(part)

"""Sound of invented matches."""

import numpy as np
import pytest

from invented_matches import events_with_label
from touchline.demo.broadcast import sound


def test_the_whistle_blows_at_a_foul():
    script, foul = next(events_with_label("Foul"))
    samples = sound.sound(script, foul.half)

    def pitch_hz(start_s: float) -> float:
        window = samples[round(start_s * sound.RATE) :][: sound.RATE // 4]
        spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window))))
        return float(np.fft.rfftfreq(len(window), 1 / sound.RATE)[spectrum.argmax()])

    assert pitch_hz(foul.time_s + 0.35) == pytest.approx(2850, abs=60)
    assert pitch_hz(foul.time_s - 1.5) < 2000

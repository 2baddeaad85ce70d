"""Sound of a part of a video, in one layout and rate, with the place of each block on the time line."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from touchline.video.source import Source

# Sound whose time stamp differs by less than this from the end of the sound before follows it
# without a gap: time stamps are rounded, in Matroska to a millisecond, which would be heard.
_JITTER_S = Fraction(1, 50)


def placed_samples(
    source: Source, start_s: Fraction, end_s: Fraction, layout: str, rate: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (place, samples) of the sound from the frame that contains `start_s` on, until `end_s`.

    Samples are (channels, n) float32 in a layout and at a rate (Hz), whatever the sound's own, which may
    change on the way; the first of them is at `start_s` + place / `rate` seconds of the video. Blocks
    may overlap, or leave gaps, as the time stamps of the file do. The file must have sound.
    """
    form: tuple[str, str, int] | None = None
    place: int | None = None
    for time_s, frame in source.sound_from(start_s):
        if time_s >= end_s:
            return
        stated = round((time_s - start_s) * rate)
        if place is None or abs(stated - place) > _JITTER_S * rate:
            place = stated
        its_form = frame.format.name, frame.layout.name, frame.sample_rate
        if its_form != form:
            form, resampler = its_form, av.AudioResampler("fltp", layout, rate)
        for part in resampler.resample(frame):
            samples = part.to_ndarray()
            yield place, samples
            place += samples.shape[1]

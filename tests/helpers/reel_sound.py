"""Sound of test videos and reels: a tone whose pitch tells the time, written and read back."""

from fractions import Fraction

import av
import numpy as np

RATE = 48_000
# The tone of the first second; it rises by 100 Hz each second.
TONE_HZ = 300


def add_tone(path, seconds: float, out):
    """Write a copy of a video with a tone that rises by 100 Hz each second."""
    times = np.arange(round(seconds * RATE)) / RATE
    pitch = TONE_HZ + 100 * np.floor(times)
    tone = (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE)).astype(np.float32)
    return add_sound(path, tone, out)


def add_sound(
    path,
    samples: np.ndarray,
    out,
    rate: int = RATE,
    start_s: float = 0.0,
    gap_s: tuple[float, float] | None = None,
):
    """Write a copy of a video with sound, (n,) float32, that begins at a time of the file's clock.

    What would be heard from the first to the second second of `gap_s` is left out of the file.
    """
    with av.open(str(path)) as source, av.open(str(out), "w") as file:
        pictures = source.streams.video[0]
        copied = file.add_stream_from_template(pictures)
        sound = file.add_stream("pcm_s16le", rate=rate, layout="mono")
        packets = [packet for packet in source.demux(pictures) if packet.size]
        known = next((packet.dts for packet in packets if packet.dts is not None), None)
        for packet in packets:
            if packet.dts is None:  # as of the first packets of a Matroska file
                if known is not None and packet.pts >= known:
                    continue
                packet.dts = packet.pts
            packet.stream = copied
            file.mux(packet)
        first = round(start_s * rate)
        for start in range(0, len(samples), 1000):
            if gap_s and gap_s[0] <= start / rate < gap_s[1]:
                continue
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1000], "flt", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, first + start, Fraction(1, rate)
            file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return out


def read_sound(path) -> np.ndarray:
    """Return the sound of a reel, one channel, at 48 kHz, from its time 0."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        parts = []
        for frame in file.decode(stream):
            start = round(frame.pts * frame.time_base * RATE)
            parts.append(frame.to_ndarray()[0][max(0, -start) :])
        return np.concatenate(parts)


def pitch_hz(sound: np.ndarray, time_s: float) -> float:
    """Return the strongest frequency in the half second around a time."""
    part = sound[round((time_s - 0.25) * RATE) : round((time_s + 0.25) * RATE)]
    return np.argmax(np.abs(np.fft.rfft(part * np.hanning(len(part))))) * RATE / len(part)

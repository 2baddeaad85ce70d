"""Cases of video files for tests of the time contract, and reading of the indices in a reel's pictures."""

import itertools
import random
from fractions import Fraction

import av

import timecode

NTSC = Fraction(30_000, 1001)


def uneven(duration_s: int, seed: int = 7) -> list[Fraction]:
    """Return frame times at random distances of 10 ms to 900 ms."""
    generator = random.Random(seed)
    gaps = (generator.choice((10, 33, 40, 41, 100, 900)) for _ in itertools.count())
    times = itertools.accumulate(gaps, initial=0)
    return [Fraction(t, 1000) for t in itertools.takewhile(lambda t: t < duration_s * 1000, times)]


# name: file name, frame times, options of `timecode.make`, chunk settings
CASES = {
    "25 frames/s": ("a.mkv", timecode.steady(25, 11), {}, {}),
    "29.97 frames/s": ("a.mp4", timecode.steady(NTSC, 11), {}, {}),
    "50 frames/s": ("a.mp4", timecode.steady(50, 11), {}, {}),
    "variable rate, mkv": ("a.mkv", uneven(21), {}, {}),
    "variable rate, mp4": ("a.mp4", uneven(21, seed=8), {}, {"fps": 2.0}),
    "start offset, mkv": ("a.mkv", timecode.steady(25, 11), {"start_s": Fraction(7, 2)}, {}),
    "start offset, mp4": ("a.mp4", timecode.steady(25, 11), {"start_s": Fraction(7, 2)}, {}),
    "start offset, ts": ("a.ts", timecode.steady(NTSC, 11), {"start_s": 5000}, {}),
    "many B-frames": ("a.mkv", timecode.steady(25, 11), {"options": {"bf": "8", "b_strategy": "0"}}, {}),
    "no B-frames": ("a.ts", timecode.steady(25, 11), {"options": {"bf": "0"}}, {}),
    "one key frame": ("a.mp4", timecode.steady(25, 25), {"options": {"g": "9999"}}, {}),
    "open groups": ("a.ts", timecode.steady(25, 11), {"options": {"x264-params": "open-gop=1:keyint=20"}}, {}),
    "odd size": ("a.mkv", timecode.steady(25, 9), {"size": (161, 91), "pixels": "yuv444p"}, {}),
    "turned by 90": ("a.mp4", timecode.steady(25, 9), {"rotation": 90}, {}),
    "turned by 180": ("a.mkv", timecode.steady(25, 9), {"rotation": 180}, {}),
    "overlap": ("a.mkv", timecode.steady(NTSC, 11), {}, {"overlap_s": 1.5, "fps": 2.0}),
    "starts off the frames' grid": ("a.mkv", timecode.steady(50, 11), {}, {"overlap_s": 0.7}),
    "29.97 from 50": ("a.mkv", timecode.steady(50, 6), {}, {"fps": 29.97}),
    "a fifth of a frame a second": ("a.mkv", timecode.steady(25, 19), {}, {"fps": 0.2, "length_s": 10.0}),
}  # fmt: skip

# File names that programs may take for options, patterns, protocols or filters.
NAMES = [
    *("a match.mkv", 'it\'s "it".mkv', "-i.mkv", "%03d.mkv", "concat:a.mkv", "a|b;$HOME.mkv"),
    *("http://127.0.0.1/a.mkv", "pipe:0", "[v]=x,y.mkv", "données.mkv"),
]


def read_pictures(path) -> tuple[list[Fraction], list[int]]:
    """Return the time of each picture of a reel in seconds, and the index that it shows."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        return (
            [frame.pts * frame.time_base for frame in frames],
            [timecode.read_index(frame.to_ndarray(format="rgb24")) for frame in frames],
        )

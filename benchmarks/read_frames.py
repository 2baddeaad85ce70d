"""Speed of reading a chunk's frames: PyAV (`frame_reader.read_frames`) against torchcodec.

    PYTHONPATH=workflow python benchmarks/read_frames.py CHUNK.mkv [--rounds 50]

CHUNK is a chunk of any length. Both decode with one thread, to (T, H, W, 3) uint8 RGB, in turn.
torchcodec is not among the project's packages: install it into an environment of its own.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from torchcodec.decoders import VideoDecoder

from touchline.video.frame_reader import read_frames


def milliseconds(function: Callable[[], object]) -> float:
    """Return the CPU time of a call; it counts every thread."""
    start = time.process_time()
    function()
    return 1000 * (time.process_time() - start)


def torchcodec_frames(path: str, times_s: list[float]) -> np.ndarray:
    """Return the frames on screen at `times_s`."""
    decoder = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1)
    return decoder.get_frames_played_at(times_s).data.numpy()


def main(path: str, rounds: int) -> None:
    """Time both readers and print the table."""
    frames, times_s = read_frames(path)
    difference = np.abs(torchcodec_frames(path, list(times_s)).astype(int) - frames).mean()
    print(f"{frames.shape} frames; mean difference {difference:.2f} of 255\n")
    print("| frames | PyAV, ms | torchcodec, ms |\n| --- | --- | --- |")
    every_sixth = times_s[::6].tolist()
    for name, wanted_s in (("all", times_s.tolist()), ("every sixth", every_sixth)):
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(milliseconds(lambda t=wanted_s: read_frames(path, times_s=t)))
            theirs.append(milliseconds(lambda t=wanted_s: torchcodec_frames(path, t)))
        print(f"| {name} | {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chunk")
    parser.add_argument("--rounds", type=int, default=50)
    args = parser.parse_args()
    main(args.chunk, args.rounds)

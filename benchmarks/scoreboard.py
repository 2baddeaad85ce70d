"""Accuracy and cost of reading clock and score from the picture of invented broadcasts.

    PYTHONPATH=workflow:tests/helpers python benchmarks/scoreboard.py looks [--seconds 240] [--noisy]
    PYTHONPATH=workflow:tests/helpers python benchmarks/scoreboard.py long [--look 3] [--minutes 98]

`looks` reads a broadcast of each of the six looks of score bugs, with `--noisy` also a copy that is blurred and has
300 kbit/s, and compares with the truth. `long` reads a whole match at 25 frames/s beside decoding the
same file alone, each in a process of its own with one thread; CPU time is user + system.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from broadcast_videos import write, write_noisy_copy
from broadcasts import Broadcast
from scoreboard_truth import compare
from touchline.demo.drawing.looks import LOOKS
from touchline.scoreboard.result import load

READ = "from touchline.commands import main; main()"
DECODE = """
import sys, av
with av.open(sys.argv[1]) as file:
    file.streams.video[0].codec_context.thread_count = 1
    print(sum(1 for _ in file.decode(video=0)), "frames")
"""


def run(*command: str) -> tuple[float, float]:
    """Run a command with one thread; return its CPU seconds and its peak memory in MB."""
    process = subprocess.Popen(
        [sys.executable, "-c", *command], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[1:]} ended with status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def check(video: Path, truth: object, name: str) -> None:
    """Read a video and print how far from the truth the result is."""
    out = video.with_suffix(".parquet")
    cpu_s, peak_mb = run(READ, "scoreboard", str(video), "--out", str(out))
    result = compare(load(out), truth)
    error = (
        "halves wrong" if result.kick_off_error_s is None else f"{result.kick_off_error_s:.2f} s"
    )
    print(
        f"| {name} | {error} | {result.found} of {result.goals} | {result.false} "
        f"| {cpu_s:.0f} s | {peak_mb:.0f} MB |",
        flush=True,
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["looks", "long"])
    parser.add_argument("--seconds", type=float, default=240.0, help="of each half, for looks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noisy", action="store_true")
    parser.add_argument("--look", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=98.0)
    parser.add_argument("--grain", type=float, default=3.0, help="of the long match's pictures")
    parser.add_argument("--folder", type=Path, help="where the videos are kept")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    print(
        "| video | kick-offs | goals | false | CPU | memory |\n| --- | --- | --- | --- | --- | --- |"
    )
    if args.what == "looks":
        for number, look in enumerate(LOOKS):
            broadcast = Broadcast(
                look, args.seed + number, {1: args.seconds, 2: args.seconds}, slope=1.001
            )
            video = folder / f"look-{number}-{args.seed}.mp4"
            truth = write(video, broadcast)
            check(video, truth, look.name)
            if args.noisy:
                noisy = video.with_stem(f"{video.stem}-noisy")
                write_noisy_copy(video, noisy)
                check(noisy, truth, f"{look.name}: blurred, 300 kbit/s")
        return
    half_s = args.minutes * 60 / 2
    broadcast = Broadcast(
        LOOKS[args.look], args.seed, {1: half_s, 2: half_s}, slope=1.001, grain=args.grain
    )
    video = folder / f"long-{args.look}-{args.minutes:g}.mp4"
    started = time.process_time()
    truth = write(video, broadcast)
    print(f"written in {time.process_time() - started:.0f} s of CPU", file=sys.stderr)
    check(video, truth, f"{args.minutes:g} minutes: {broadcast.look.name}")
    cpu_s, peak_mb = run(DECODE, str(video))
    print(f"| decoding the same file alone | | | | {cpu_s:.0f} s | {peak_mb:.0f} MB |")


if __name__ == "__main__":
    main()

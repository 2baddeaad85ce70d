"""Accuracy and cost of reading clock and score from the picture of invented broadcasts.

    PYTHONPATH=workflow:tests/helpers python benchmarks/scoreboard.py looks [--seconds 240] [--noisy] [--hard] [--looks 1 2]
    PYTHONPATH=workflow:tests/helpers python benchmarks/scoreboard.py long [--look 3] [--video FILE]

`looks` reads a broadcast of each of the six looks of score bugs, with `--noisy` also a copy that is blurred and has
300 kbit/s, and compares with the truth. `long` reads a whole match at 25 frames/s beside decoding the
same file alone, each in a process of its own with one thread; CPU time is user + system.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from broadcast_videos import write, write_noisy_copy
from broadcasts import Broadcast, Goal, truth
from hard_looks import HARD_LOOKS
from long_match import broadcast_of
from scoreboard_truth import compare
from touchline.demo.broadcast.script import AWAY, HOME
from touchline.demo.drawing.broadcast_film import Truth
from touchline.demo.drawing.looks import LOOKS
from touchline.scoreboard.result import load

# Of each half in `looks`: share of its length, side, whether it counts. Two are within a minute; the
# one that does not count is taken back before the next.
GOALS = (
    (0.06, HOME, True),
    (0.20, AWAY, True),
    (0.31, AWAY, True),
    (0.42, HOME, False),
    (0.86, HOME, True),
)
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
        [sys.executable, "-c", *command],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=sys.stderr,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[1:]} ended with status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def check(video: Path, expected: Truth, name: str, folder: Path) -> None:
    """Read a video and print how far from the truth the result, a file in the folder, is."""
    out = folder / f"{video.stem}.parquet"
    cpu_s, peak_mb = run(READ, "scoreboard", str(video), "--out", str(out))
    result = compare(load(out), expected)
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
    parser.add_argument("--look", type=int, default=3, help="of the long match")
    parser.add_argument("--looks", type=int, nargs="+", help="some of the looks alone (all)")
    parser.add_argument(
        "--hard", action="store_true", help="the looks of tests/helpers/hard_looks.py"
    )
    parser.add_argument("--video", type=Path, help="the long match, by benchmarks/long_match.py")
    parser.add_argument("--folder", type=Path, help="where the videos are kept")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    print(
        "| video | kick-offs | goals | false | CPU | memory |\n| --- | --- | --- | --- | --- | --- |"
    )
    if args.what == "looks":
        looks = HARD_LOOKS if args.hard else LOOKS
        for number in args.looks or range(len(looks)):
            look = looks[number]
            halves = {1: args.seconds, 2: args.seconds}
            goals = tuple(
                Goal(half, share * args.seconds, side, counts)
                for half in halves
                for share, side, counts in GOALS
            )
            broadcast = Broadcast(look, args.seed + number, halves, goals=goals, slope=1.001)
            video = folder / f"look-{number}-{args.seed}.mp4"
            expected = write(video, broadcast)
            check(video, expected, look.name, folder)
            if args.noisy:
                noisy = video.with_stem(f"{video.stem}-noisy")
                write_noisy_copy(video, noisy)
                check(noisy, expected, f"{look.name}: blurred, 300 kbit/s", folder)
        return
    broadcast = broadcast_of(args.look, args.seed)
    video = args.video or folder / f"long-{args.look}-{args.seed}.mkv"
    if not video.exists():
        write(video, broadcast)
    check(video, truth(broadcast), f"98 minutes: {broadcast.look.name}", folder)
    cpu_s, peak_mb = run(DECODE, str(video))
    print(f"| decoding the same file alone | | | | {cpu_s:.0f} s | {peak_mb:.0f} MB |")


if __name__ == "__main__":
    main()

"""Speed of cutting a half into chunks, against decoding alone and the usual ways to cut.

    PYTHONPATH=workflow python benchmarks/chunks.py [--rounds 5] [--quick] [--folder DIR]

Makes 10 minutes of 398x224 H.264 at 25 frames/s (and, by repeating its packets, 60), then runs all
ways in turn in each of `rounds` rounds. Every way decodes with one thread. CPU time is user +
system of the command and its children; on a shared machine it is more reliable than wall time.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

MINUTES = 10
CHUNK_S = 60
HALF_MINUTES = 45
WORKFLOW = Path(__file__).parent.parent / "workflow"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(WORKFLOW)}
FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
OURS, DECODE, PER_CHUNK, FULL, FULL_FAST = (
    "touchline.video.chunks",
    "(a) decoding alone",
    "(b) one ffmpeg per chunk",
    "(c) full rate, x264's default preset",
    "(c') full rate, our preset (ultrafast)",
)


def make(folder: Path) -> tuple[Path, Path]:
    """Return a 10-minute and a 60-minute video, made unless they are there."""
    ten, sixty = folder / "ten.mkv", folder / "sixty.mkv"
    if not sixty.exists():
        source = f"testsrc2=s=398x224:r=25:d={60 * MINUTES},noise=alls=6:allf=t"
        codec = ("-c:v", "libx264", "-crf", "26", "-pix_fmt", "yuv420p")
        subprocess.run([*FFMPEG, "-f", "lavfi", "-i", source, *codec, ten], check=True)
        copy = ("-c", "copy", sixty)
        subprocess.run([*FFMPEG, "-stream_loop", "5", "-i", ten, *copy], check=True)
    return ten, sixty


def commands(video: Path, out: Path) -> dict[str, list[list]]:
    """Return the commands of each way, in the order in which they run."""
    seek = (*FFMPEG, "-threads", "1")
    read = (*seek, "-i", video)
    small = ("-vf", "fps=1,scale=-2:224", "-c:v", "libx264", "-threads", "1")
    fast = ("-preset", "ultrafast", "-crf", "18")
    keys = ("-force_key_frames", f"expr:gte(t,n_forced*{CHUNK_S})")
    segments = ("-f", "segment", "-segment_time", CHUNK_S, out / "%03d.mkv")
    full = ("-c:v", "libx264", "-threads", "1", *keys)
    return {
        DECODE: [[*read, "-f", "null", "-"]],
        OURS: [ours(video, out)],
        PER_CHUNK: [
            [*seek, "-ss", s, "-t", CHUNK_S, "-i", video, *small, *fast, out / f"{s}.mkv"]
            for s in range(0, 60 * MINUTES, CHUNK_S)
        ],
        FULL: [[*read, *full, *segments]],
        FULL_FAST: [[*read, *full, *fast, *segments]],
    }


def ours(video: Path, out: Path) -> list:
    """Return the command of `touchline chunks`."""
    arguments = ("--video", video, "--match", "m", "--half", "1", "--length-s", CHUNK_S)
    outputs = ("--folder", out / "1", "--manifest", out / "1.parquet")
    return [sys.executable, "-m", "touchline", "chunks", *arguments, *outputs]


def seconds(ways: list[list]) -> tuple[float, float]:
    """Run commands one after the other; return (wall, CPU) seconds."""
    start, cpu = time.perf_counter(), 0.0
    for command in ways:
        process = subprocess.Popen(list(map(str, command)), env=ENVIRONMENT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        cpu += used.ru_utime + used.ru_stime
    return time.perf_counter() - start, cpu


def peak_mb(command: list) -> float:
    """Return the largest resident memory of a command and its children together, in MB."""
    process = psutil.Popen(list(map(str, command)), env=ENVIRONMENT)
    peak = 0
    while process.poll() is None:
        family = [process, *process.children(recursive=True)]
        peak = max(peak, sum(map(resident, family)))
        time.sleep(0.02)
    return peak / 1e6


def resident(process: psutil.Process) -> int:
    """Return the resident memory of a process in bytes, 0 if it has ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def main(folder: Path, rounds: int, quick: bool) -> None:
    """Time all ways and print the table."""
    ten, sixty = make(folder)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    ways = commands(ten, out)
    if quick:
        ways = {name: ways[name] for name in (DECODE, OURS)}
    times = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    wall, cpu = (
        {name: statistics.median(pair[i] for pair in pairs) for name, pairs in times.items()}
        for i in (0, 1)
    )
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout
    print(" ".join(version.split()[:3]), end="; ")
    print(f"{MINUTES} minutes, {ten.stat().st_size * 8 / 60 / MINUTES / 1000:.0f} kbit/s; ", end="")
    print(f"medians of {rounds} rounds\n")
    print("| | wall s | CPU s | wall / (a) | CPU / (a) |\n| --- | --- | --- | --- | --- |")
    for name in ways:
        ratios = f"{wall[name] / wall[DECODE]:.2f} | {cpu[name] / cpu[DECODE]:.2f}"
        print(f"| {name} | {wall[name]:.2f} | {cpu[name]:.2f} | {ratios} |")
    for name in [name for name in (FULL, FULL_FAST) if name in ways]:
        faster = (
            f"{wall[name] / wall[OURS]:.1f} times in wall time, {cpu[name] / cpu[OURS]:.1f} in CPU"
        )
        print(f"\nfaster than {name}: {faster}")
    half_s = cpu[OURS] * HALF_MINUTES / MINUTES
    print(f"\nhalves of {HALF_MINUTES} minutes per core-hour: {3600 / half_s:.0f}")
    short, long = (peak_mb(ours(video, out)) for video in (ten, sixty))
    print(f"\npeak memory with ffmpeg: {short:.0f} MB for 10 minutes, {long:.0f} MB for 60", end="")
    print(f" ({long / short - 1:+.1%})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only (a) and our pass")
    parser.add_argument("--folder", type=Path, help="where the videos are kept (a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(args.folder or Path(temporary), args.rounds, args.quick)

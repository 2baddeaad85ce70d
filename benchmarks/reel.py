"""Speed of cutting a reel of 20 clips out of a match, against decoding the match.

    PYTHONPATH=workflow python benchmarks/reel.py [--rounds 3] [--threads 1] [--clips 20]
        [--folder DIR]

Makes two halves of 45 minutes, 398x224 H.264 at 25 frames/s with sound, by repeating the packets of
5 minutes. The reel is made by the stage that the workflow runs, with the start of Python, the edit
lists, titles and fades; decoding is ffmpeg's, without the sound, with as many threads. CPU time is
user + system; on a shared machine it is more reliable than wall time.
"""

import argparse
import json
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import polars as pl

from chunks import FFMPEG, seconds
from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.models.peaks import to_predictions
from touchline.study.job_arguments import flags

MINUTES, HALF_MINUTES = 5, 45
HALF_S = 60.0 * HALF_MINUTES
DECODE, REEL, COPY = (
    "decoding both halves",
    "touchline.reels.highlights",
    "touchline.reels.highlights, stream copy",
)


def make(folder: Path) -> list[Path]:
    """Return the videos of two halves, made unless they are there."""
    short, halves = folder / "short.mkv", [folder / f"{half}.mkv" for half in (1, 2)]
    if not halves[1].exists():
        source = f"testsrc2=s=398x224:r=25:d={60 * MINUTES},noise=alls=6:allf=t"
        tone = f"sine=f=440:d={60 * MINUTES}"
        codec = ("-c:v", "libx264", "-crf", "26", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
        lavfi = ("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone)
        subprocess.run([*FFMPEG, *lavfi, *codec, short], check=True)
        for half in halves:
            loops = str(HALF_MINUTES // MINUTES - 1)
            subprocess.run(
                [*FFMPEG, "-stream_loop", loops, "-i", short, "-c", "copy", half], check=True
            )
    return halves


def lay(folder: Path, halves: list[Path], clips: int) -> list:
    """Write samples and answers for `clips` clips in both halves; return the stage's command."""
    rng = random.Random(0)
    length_s = dict.fromkeys((1, 2), HALF_S)
    samples = make_samples(pl.DataFrame(schema=schema.COMMENTARY), length_s, ["goal"], 60.0, 0.0)
    places = rng.sample(range(2 * HALF_MINUTES), clips)  # at most one a minute: none overlap
    rows = [
        (
            1 + minute // HALF_MINUTES,
            "goal",
            60 * (minute % HALF_MINUTES) + 20 + 20 * rng.random(),
            1.0,
        )
        for minute in places
    ]
    columns = ["half", "action", "time_s", "confidence"]
    spots = pl.DataFrame(rows, schema=columns, orient="row")
    schema.write(folder / "samples.parquet", samples, schema.SAMPLES)
    schema.write(folder / "answers.parquet", to_predictions(samples, spots), schema.PREDICTIONS)
    settings = {
        "query": {"text": "goals", "actions": ["goal"]},
        "match": "match",
        "model": "made-up",
        "halves": {
            str(half): {"video": str(path), "duration_s": HALF_S}
            for half, path in enumerate(halves, start=1)
        },
        "samples": folder / "samples.parquet",
        "answers": folder / "answers.parquet",
        "folder": folder / "reel",
    }
    return [sys.executable, "-m", "touchline", "highlights", *shlex.split(flags(**settings))]


def video_kbit_s(path: Path) -> float:
    """Return the average bit rate of the pictures of a video."""
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(video=0) if packet.pts is not None]
        first_s, last_s = (
            float(packet.pts * packet.time_base) for packet in (packets[0], packets[-1])
        )
        return sum(packet.size for packet in packets) * 8 / 1000 / (last_s - first_s)


def main(folder: Path, rounds: int, threads: int, clips: int) -> None:
    """Time all ways and print the table."""
    halves = make(folder)
    reel = [*lay(folder, halves, clips), "--threads", str(threads)]
    decode = [
        [*FFMPEG, "-threads", str(threads), "-i", half, "-map", "0:v", "-f", "null", "-"]
        for half in halves
    ]
    ways = {DECODE: decode, COPY: [[*reel, "--stream-copy"]], REEL: [reel]}
    times = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    content = json.loads((folder / "reel/reel.json").read_text())
    assert len(content["clips"]) == clips
    length_s = content["clips"][-1]["reel_end_s"]
    print(f"{clips} clips, {length_s:.0f} s; {threads} thread(s); medians of {rounds} rounds")
    encoded = folder / "reel/reel.mp4"  # of the last way
    kbit_s = [video_kbit_s(path) for path in (halves[0], encoded)]
    print(
        f"video: source {kbit_s[0]:.0f} kbit/s, encoded reel {kbit_s[1]:.0f} kbit/s, "
        f"{kbit_s[1] / kbit_s[0]:.2f} times\n"
    )
    print(
        "| | wall s | CPU s | wall / decoding | CPU / decoding |\n| --- | --- | --- | --- | --- |"
    )
    medians = {
        name: [statistics.median(pair[i] for pair in pairs) for i in (0, 1)]
        for name, pairs in times.items()
    }
    for name, (wall, cpu) in medians.items():
        ratios = f"{wall / medians[DECODE][0]:.3f} | {cpu / medians[DECODE][1]:.3f}"
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {ratios} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where the videos are kept (a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        main(folder, args.rounds, args.threads, args.clips)

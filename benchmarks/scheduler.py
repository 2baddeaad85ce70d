"""The CPU time of Snakemake's own process beside that of its jobs, for settings of its scheduler.

    python benchmarks/scheduler.py --soccernet DIR [--games 400] [--seconds 120] [--ways kept …]

A study of real games (DIR as for `make soccernet`; more games than there are have the files of
others, under other names) is run from nothing on all cores with `profiles/local`, once for each
way; what a way changes is given on the command line. A run is ended by SIGINT after so many
seconds, 0 for never. With `--empty`, the jobs up to the scores only make empty files, so that the
main process of a large study is soon measured to the end. CPU time, of the main process and of all
that it started, is that of the operating system (getrusage). The share is that of the main process
in the sum, with the planning.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Without a limit of its own, the workflow drops Snakemake's, 100 jobs a second; 101 stands for it.
WAYS = {
    "limit, ilp": ["--max-jobs-per-timespan=101/1s", "--scheduler=ilp"],
    "limit": ["--max-jobs-per-timespan=101/1s"],
    "6000/60s": ["--max-jobs-per-timespan=6000/60s"],
    "kept": [],
}
MAIN = """
import atexit, resource, signal, sys
from snakemake.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # also of a run in the background
def report():
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        print(usage.ru_utime + usage.ru_stime, file=open(sys.argv[1], "a"))
atexit.register(report)
main(sys.argv[2:])
"""
# In place of the Python of the jobs: make the files and folders that a command is told to make.
EMPTY = """#!/bin/sh
for word; do
    case "$before" in
        --out | --further-out | --answers | --tally | --thresholds | --problems) : > "$word" ;;
        --folder) mkdir -p "$word" ;;
    esac
    before=$word
done
"""


def lay(folder: Path, soccernet: Path, games: int) -> None:
    """Write the sheet of so many games."""
    command = [Path(sys.executable).with_name("touchline"), "sheet", "--out", "matches.csv"]
    for option, path in (
        ("--soccernet", "SoccerNet"), ("--echoes", "sn-echoes"), ("--lengths", "half_lengths.csv"),
    ):  # fmt: skip
        command += [option, soccernet.resolve() / path]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    header, *rows = (folder / "matches.csv").read_text().splitlines()
    copies = []
    for number in range(2 * games):  # a row for each half
        copy, row = divmod(number, len(rows))
        match, cells = rows[row].split(",", 1)
        copies.append(f"{match}-{copy},{cells}" if copy else rows[row])
    (folder / "matches.csv").write_text("\n".join([header, *copies]) + "\n")


def run(
    folder: Path, options: list[str], seconds: float, empty_targets: list[str]
) -> tuple[float, float, float, int]:
    """Run the study; return its seconds, the CPU s of main process and jobs, and the jobs done."""
    usage = folder / "usage"
    command = [
        sys.executable, "-c", MAIN, usage, *empty_targets, "--snakefile", ROOT / "Snakefile",
        "--profile", ROOT / "profiles/local", "--directory", folder, *options,
    ]  # fmt: skip
    programs = Path(sys.executable).parent
    if empty_targets:
        programs = folder / "programs"
        programs.mkdir()
        (programs / "python").write_text(EMPTY)
        (programs / "python").chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    began = time.perf_counter()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        try:
            process.wait(seconds or None)
        except subprocess.TimeoutExpired:
            process.send_signal(2)
            process.wait()
    elapsed = time.perf_counter() - began
    if not seconds and process.returncode:
        sys.exit((folder / "log").read_text()[-3000:])
    main, jobs = map(float, usage.read_text().split())
    done = len(list(folder.glob("results/benchmarks/**/*.tsv")))
    if not done:
        sys.exit((folder / "log").read_text()[-3000:])
    return elapsed, main, jobs, done


def main() -> None:
    """Run the study in each way and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soccernet", type=Path, required=True, metavar="DIR")
    parser.add_argument("--games", type=int, default=400)
    parser.add_argument("--models", nargs="+", default=["constant", "linear"])
    parser.add_argument("--seconds", type=float, default=0, help="until SIGINT (0: to the end)")
    parser.add_argument("--empty", action="store_true", help="jobs that only make empty files")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--cores", type=int, help="of the machine (default: all)")
    args = parser.parse_args()
    settings = [
        "--config", f"compare=[{', '.join(args.models)}]", "score={split: valid}",
        *([f"--cores={args.cores}"] if args.cores else []),
    ]  # fmt: skip
    print("way               jobs  seconds  jobs/min  main CPU s  CPU s of jobs  main, share")
    for way in args.ways:
        targets = [f"results/scores/{model}.parquet" for model in args.models if args.empty]
        with tempfile.TemporaryDirectory() as folder:
            lay(Path(folder), args.soccernet, args.games)
            options = [*settings, *WAYS[way]]
            seconds, own, jobs, done = run(Path(folder), options, args.seconds, targets)
        print(
            f"{way:16} {done:5} {seconds:8.1f} {60 * done / seconds:9.0f} {own:11.1f} {jobs:14.1f}"
            f" {own / (own + jobs):12.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()

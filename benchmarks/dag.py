"""Scaling of Snakemake's planning: time, memory and Slurm submissions up to a whole season.

    python benchmarks/dag.py

For 50, 100, 200 and 500 matches of two halves with videos, and five models, two of which are
trained on a GPU: the seconds and MiB of `snakemake --profile slurm --dry-run`, and how many jobs it
would submit.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
MODELS = ["constant", "linear", "qwen2-vl", "mistral-7b", "o4-mini"]
SPLITS = ["train", "train", "train", "valid", "test"]  # SoccerNet's shares


def lay(folder: Path, matches: int) -> None:
    """Write a study with empty raw files, which can be planned but not run."""
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "slurm").symlink_to("profiles/slurm")
    profile = yaml.safe_load((folder / "slurm/config.yaml").read_text())
    del profile["logger"], profile["quiet"]  # which hide the groups
    (folder / "slurm/config.yaml").write_text(yaml.safe_dump(profile))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["compare"] = MODELS
    config["models"]["mistral-7b"] |= {"fine_tune": True, "threshold": "tuned"}
    config["models"]["qwen2-vl"]["threshold"] = "tuned"
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    rows = ["match,half,split,video,duration_s,labels,commentary"]
    for number in range(matches):
        match = f"match-{number:03d}"
        raw = folder / "raw" / match
        raw.mkdir(parents=True)
        (raw / "Labels-v2.json").write_text("{}")
        for half in (1, 2):
            (raw / f"{half}_asr.json").write_text("{}")
            (raw / f"{half}.mkv").write_text("")
            files = (f"raw/{match}/{half}.mkv", "2700", f"raw/{match}/Labels-v2.json")
            split = SPLITS[number % len(SPLITS)]
            row = (match, str(half), split, *files, f"raw/{match}/{half}_asr.json")
            rows.append(",".join(row))
    (folder / "matches.csv").write_text("\n".join(rows) + "\n")


def plan(folder: Path) -> tuple[float, float, float, int, int]:
    """Plan a study; return wall seconds, CPU seconds, MiB, number of jobs and of submissions."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("snakemake"), "--profile", "slurm", "--dry-run"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds, core_s = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    if status:
        sys.exit(output)
    jobs = re.findall(r"^(\w+) +(\d+)$", output.split("Job stats:")[1], re.MULTILINE)
    total = int(dict(jobs)["total"])
    # Jobs of a group are indented below it. `all` runs locally.
    submissions = len(
        re.findall(r"^(?:\[.*\] Group job|Job \d+: (?!all|study))", output, re.MULTILINE)
    )
    return seconds, core_s, usage.ru_maxrss / 1024, total, submissions


def main() -> None:
    """Plan studies of each size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--matches", type=int, nargs="+", default=[50, 100, 200, 500])
    args = parser.parse_args()
    print("matches   jobs  seconds  core-s  core-s/match   MiB  submissions")
    for matches in args.matches:
        with tempfile.TemporaryDirectory() as folder:
            lay(Path(folder), matches)
            seconds, core_s, mib, jobs, submissions = plan(Path(folder))
        row = (
            f"{matches:7} {jobs:6} {seconds:8.1f} {core_s:7.1f} {core_s / matches:13.3f} {mib:5.0f}"
        )
        print(f"{row} {submissions:12}", flush=True)


if __name__ == "__main__":
    main()

"""A small study on a real Slurm: how it is laid out, run as a user runs it, disturbed, and looked at."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import polars as pl
import yaml
from cluster import PROGRAMS, search_path
from safetensors.torch import load_file

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "helpers"))
from chunks import tiny_base  # noqa: E402

MODEL = "tiny"
SAVE_STEPS = 4
TRAINING = {"batch_size": 1, "dataloader_workers": 0, "gradient_checkpointing": False}
SETTINGS = {
    "backend": "causal_lm",
    "base": "base",
    "max_new_tokens": 8,
    "prompt": {"inputs": ["commentary"], "instructions": False, "examples": False},
    "training": TRAINING | {"epochs": 9, "save_steps": SAVE_STEPS},
}
# Snakemake asks Slurm for the ends of jobs every few seconds, instead of ever more rarely.
ASK_OFTEN = """

from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _sleep(self):
    await __import__("asyncio").sleep(3)


RemoteExecutor.sleep = _sleep
"""
# The test's processes find the library through the workflow alone, as a user's do.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "OMP_NUM_THREADS": "1",
}


def reason_to_skip() -> str | None:
    """Say what this machine lacks for a Slurm of its own; in CI, nothing may be lacking."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
    reason = f"no {', '.join(missing)}: install slurmctld slurmd slurm-client munge" * bool(missing)
    if os.getuid() != 0:
        reason = "only root can start a Slurm of its own"
    if reason and os.environ.get("CI") == "true":
        raise RuntimeError(reason)
    return reason or None


class SlurmStudy:
    """A project folder with a study in it, whose model is trained by Slurm jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "snakemake.txt"

    def start(self, *targets: str, nice: int = 0) -> subprocess.Popen:
        """Start Snakemake as a user does; its jobs are as nice."""
        return subprocess.Popen(
            ["nice", f"-n{nice}", "snakemake", "--profile", "slurm", *targets],
            cwd=self.folder, env=ENVIRONMENT, stdout=self.log.open("a"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def start_here(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake without Slurm, on one core."""
        return subprocess.Popen(
            ["snakemake", *arguments, "--cores", "1", "--quiet", "all"],
            cwd=self.folder, env=ENVIRONMENT, stdout=self.log.open("a"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run_here(self, *arguments: str) -> None:
        assert self.start_here(*arguments).wait() == 0, self.said()

    def edit(self, name: str, change: Callable[[dict], None]) -> None:
        """Change one of the project's YAML files."""
        path = self.folder / name
        content = yaml.safe_load(path.read_text())
        change(content)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def give_walltime(self, minutes: int) -> None:
        """Change how long a job of the training may take."""

        def change(profile: dict) -> None:
            profile["set-resources"]["fit_language_model"]["runtime"] = minutes

        self.edit("profiles/slurm/config.yaml", change)

    @property
    def model(self) -> Path:
        return self.folder / "results/models" / MODEL

    def said(self) -> str:
        return self.log.read_text()

    def attempts(self) -> list[dict]:
        """Return the record of the attempts, of a finished training or an unfinished one."""
        places = [self.model, *(self.folder / "results/checkpoints").glob("*")]
        files = [place / "attempts.json" for place in places]
        return next((json.loads(file.read_text()) for file in files if file.is_file()), [])

    def wait(self, what: Callable[[], object], timeout_s: float = 300) -> object:
        """Wait until something is so, and return it."""
        until = time.monotonic() + timeout_s
        while not (found := what()):
            assert time.monotonic() < until, self.said() + str(self.attempts())
            time.sleep(0.1)
        return found

    def wait_for_step(self, attempts: int) -> dict:
        """Wait until the attempt of this number has saved a new step; return its record."""

        def saved() -> dict | None:
            rows = self.attempts()
            new = (
                len(rows) >= attempts
                and rows[attempts - 1]["saved_step"] > rows[attempts - 1]["from_step"]
            )
            return rows[attempts - 1] if new else None

        return self.wait(saved)

    def training_processes(self) -> list[int]:
        """Return the processes of this study's training."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
                here = (process / "cwd").resolve() == self.folder
            except OSError:
                continue
            if here and command[1:4] == [b"-m", b"touchline", b"fit"]:
                found.append(int(process.name))
        return found

    def signal_training(self, number: int) -> None:
        for process in self.training_processes():
            os.kill(process, number)

    def steps(self) -> int:
        return pl.read_parquet(self.model / "log.parquet").height


def lay(folder: Path) -> SlurmStudy:
    """Lay out the project with three small matches, a tiny language model, and a site's settings."""
    for name in ("workflow", "profiles", "envs"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder)
    (folder / "slurm").symlink_to("profiles/slurm")
    for stage, *arguments in (
        ("demo_matches", "--matches", "3", "--no-video", "--out", "."),
        ("sheet", "--soccernet", "SoccerNet", "--echoes", "sn-echoes", "--splits", "splits.csv",
         "--lengths", "half_lengths.csv"),
    ):  # fmt: skip
        environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "workflow")}
        command = [sys.executable, "-m", "touchline", stage, *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    tiny_base(folder / "base", "mistral")
    internals = folder / "workflow/touchline/study/library_internals.py"
    internals.write_text(internals.read_text() + ASK_OFTEN)
    study = SlurmStudy(folder)

    def settle(profile: dict) -> None:
        for rule, resources in profile["set-resources"].items():
            resources.update(mem_mb=2000, runtime=30)
            profile["set-threads"][rule] = 1
        profile |= {"cores": 1, "latency-wait": 5, "slurm-init-seconds-before-status-checks": 3}

    def choose(config: dict) -> None:
        config["compare"] = ["constant", "linear", MODEL]
        config["models"] |= {MODEL: json.loads(json.dumps(SETTINGS))}
        config["samples"]["actions"] = ["goal", "foul"]

    study.edit("profiles/slurm/config.yaml", settle)
    study.edit("config.yaml", choose)
    return study


def copy(study: SlurmStudy, folder: Path) -> SlurmStudy:
    """Return a copy of a study, times and all."""
    shutil.copytree(study.folder, folder, symlinks=True)
    return SlurmStudy(folder)


def assert_no_step_is_lost_or_trained_twice(attempts: list[dict], steps: int) -> None:
    """Every attempt goes on from what the one before it saved, which is all but what a kill cost.

    A kill while a checkpoint is written costs all the steps since the one before.
    """
    assert attempts[0]["from_step"] == 0
    for before, after in pairwise(attempts):
        assert after["from_step"] == before["saved_step"], attempts
        assert before["to_step"] - before["saved_step"] <= SAVE_STEPS, attempts
    assert attempts[-1]["to_step"] == attempts[-1]["saved_step"] == steps
    assert attempts[-1]["why"] == "done"
    assert all(row["ended"] and row["node"] for row in attempts)


def assert_same_training(study: SlurmStudy, other: SlurmStudy) -> None:
    """Compare the loss at every step and the final weights, exactly."""
    exact = ["step", "loss", "learning_rate", "grad_norm"]
    logs = [pl.read_parquet(one.model / "log.parquet", columns=exact) for one in (study, other)]
    assert logs[0].equals(logs[1])
    weights = [load_file(one.model / "adapter_model.safetensors") for one in (study, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(bool((weights[0][name] == weights[1][name]).all()) for name in weights[0])

"""The project as a user has it: a copy with the demo's matches, its commands, and Snakemake."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml

from warm_start import run_warm

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
# What follows when metrics.csv is made again.
REPORTED = {"metrics": 1, "tables": 1, "figures": 1, "report": 1, "provenance": 1, "study": 1}
SETTINGS = "profiles/demo/study.yaml"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT / "workflow"),
}


def run(
    *command: object, cwd: Path, check: bool = True, library: bool = True
) -> subprocess.CompletedProcess:
    """Run a command with this Python first on the path; show what it printed if it fails.

    Without `library` nothing on the way says where the library is.
    """
    environment = {
        name: value for name, value in ENVIRONMENT.items() if library or name != "PYTHONPATH"
    }
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, text=True, capture_output=True
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def warm(
    module: str, *command: object, cwd: Path, check: bool = True, environment: dict | None = None
) -> subprocess.CompletedProcess:
    """Run a command like `run`, by the `main` of its module, without the time for its imports."""
    words = [str(word) for word in command]
    done = run_warm(module, *words, cwd=cwd, environment=environment or ENVIRONMENT)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def stage(name: str, *arguments: object, cwd: Path, check: bool = True):
    """Run a stage as a user would."""
    return warm("touchline.commands", "touchline", name, *arguments, cwd=cwd, check=check)


class Study:
    """A copy of the project with the demo's matches, text only, run by Snakemake."""

    def __init__(self, folder: Path):
        self.folder = folder

    def copy(self, folder: Path) -> "Study":
        """Return a copy of the study in a new folder, times and all."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Study(folder)

    @property
    def library(self) -> Path:
        return self.folder / "workflow" / "touchline"

    def snakemake(
        self, *arguments: object, check: bool = True, environment: dict | None = None
    ) -> subprocess.CompletedProcess:
        return warm(
            "snakemake.cli", "snakemake", "--configfile", SETTINGS,
            "--cores", 2, "--directory", "demo", *arguments,
            cwd=self.folder, check=check, environment=environment,
        )  # fmt: skip

    def plan(self, *arguments: object) -> dict[str, int]:
        """Return how many jobs of each rule a run would start; a rule's two kinds of models are one."""
        plan = self.snakemake("--quiet", "rules", "--dry-run", *arguments).stdout
        rows = [line.split() for line in plan.splitlines()]
        counts = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
        counts.pop("total", None)  # the table is printed twice
        jobs = Counter()
        for rule, count in counts.items():
            jobs[rule.removesuffix("_language_model")] += count
        return dict(jobs)

    def labels(self, match: str) -> Path:
        """Return the label file of a match whose folder ends so."""
        return next((self.folder / "demo" / "SoccerNet").glob(f"*/*/*{match}/Labels-v2.json"))

    @property
    def settings(self) -> Path:
        """The study's own settings, which come before those of config.yaml."""
        return self.folder / SETTINGS

    @property
    def config(self) -> dict:
        return yaml.safe_load(self.settings.read_text())

    def configure(self, **changes: object) -> None:
        """Change settings of the study: mappings are merged, other values and lists replaced."""
        self.settings.write_text(yaml.safe_dump(_merge(self.config, changes)))

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace a text in a file of the study's data."""
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


def _merge(old: dict, new: dict) -> dict:
    return old | {
        name: _merge(old[name], value)
        if isinstance(old.get(name), dict) and isinstance(value, dict)
        else value
        for name, value in new.items()
    }


def lay_study(folder: Path) -> Study:
    """Copy the project's sources and make the demo's matches beside them."""
    for name in ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "slurm"):
        source = ROOT / name
        if source.is_symlink():
            (folder / name).symlink_to(source.readlink())
        elif source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    settings = folder / SETTINGS
    config = yaml.safe_load(settings.read_text())
    # Tests bring their own queries.
    for name in ("queries", "highlights"):
        del config[name]
    config["compare"] = ["constant", "linear"]
    settings.write_text(yaml.safe_dump(config))
    stage("demo_matches", "--out", "demo", "--no-video", cwd=folder)
    arguments = ["--soccernet", "SoccerNet", "--echoes", "sn-echoes"]
    arguments += ["--splits", "splits.csv", "--lengths", "half_lengths.csv"]
    stage("sheet", *arguments, cwd=folder / "demo")
    return Study(folder)

# REQUIRES  the configuration and the sheet
# PRODUCES  nothing: `plan` and `reels`, which say what each job of this study is told

import os
import shlex
import sys
from pathlib import Path

LIBRARY = str(Path(workflow.basedir) / "workflow")
sys.path.insert(0, LIBRARY)
shell.prefix(f"export PYTHONPATH={shlex.quote(LIBRARY)}; ")

from touchline import fit, metrics, running
from touchline.digest import digest, flags
from touchline.plan import COMMENTARY, LABELS, LOSS, PREDICTIONS, SAMPLES, Plan, checksums
from touchline.reel_plan import Reels

validate(config, Path(workflow.basedir) / "workflow" / "schemas" / "config.schema.yaml")
plan = Plan(config)
reels = Reels(plan)


def relative(path):
    """A path that stays the same when the project is moved with its study."""
    return os.path.relpath(path)


# The Snakefile's own is read from a copy in Snakemake's cache, and comes last.
SETTINGS = [
    relative(path) for path in (Path(workflow.basedir) / "config.yaml", *workflow.configfiles[:-1])
]
RULES = [workflow.main_snakefile, *sorted(Path(LIBRARY).glob("rules/*.smk"))]

# REQUIRES  the configuration and the sheet
# PRODUCES  nothing: `plan` and `reels`, which say what each job of this study is told

import os
import shlex
import sys
from pathlib import Path

RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
if RULES.is_dir():  # a checkout: its library comes first, also in a job's conda environment
    sys.path.insert(0, str(RULES.parent))
    # Snakemake has imported the plugin that logs, maybe with another library: an installed one.
    imported = sys.modules.get("touchline")
    if imported and not Path(imported.__file__).is_relative_to(RULES.parent):
        for name in [name for name in sys.modules if name.partition(".")[0] == "touchline"]:
            del sys.modules[name]
    setup = (
        f"export PYTHONPATH={shlex.quote(str(RULES.parent))}; "
        'touchline() { python -m touchline "$@"; }; '
    )
    shell.prefix(setup.replace("{", "{{").replace("}", "}}"))  # which Snakemake formats

from snakemake.settings.types import DeploymentMethod

from touchline.core.config import WORKFLOW, complete
from touchline.jobs import checkpoints, left_old, study_lock
from touchline.study.extras import check_installed
from touchline.study.job_arguments import (
    checksums,
    code_of,
    package_version,
    state_of_journals,
)
from touchline.study.library_internals import (
    allow_braces,
    lighten_process,
    lighten_scheduler,
    make_again,
)
from touchline.study.paths import COMMENTARY, LABELS, LOSS, PREDICTIONS, SAMPLES
from touchline.study.plan import Plan
from touchline.study.reel_plan import Reels

settings = complete(config)
if "--lint" in sys.argv:  # the rules are checked, whatever sheet is or is not there
    settings["sheet"] = str(WORKFLOW / "schemas" / "example.csv")
plan = Plan(settings)
reels = Reels(plan)
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    check_installed(plan)


def relative(path):
    """A path that stays the same when the project is moved with its study, and is no option."""
    path = os.path.relpath(path)
    return f"./{path}" if path.startswith("-") else path


# The workflow's own is read from a copy in Snakemake's cache, and comes last.
SETTINGS = [
    relative(path) for path in (WORKFLOW.parent / "config.yaml", *workflow.configfiles[:-1])
]
SNAKEFILES = [
    workflow.main_snakefile,
    WORKFLOW / "Snakefile",
    *sorted(WORKFLOW.glob("rules/*.smk")),
]


def settings_files(wildcards):  # a function: Snakemake looks for wildcards in a text
    return shlex.join(SETTINGS)


def main_snakefile(wildcards):
    return shlex.quote(relative(workflow.main_snakefile))

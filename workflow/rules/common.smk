# REQUIRES  the configuration and the sheet
# PRODUCES  nothing: `plan`, which says what each job of this study is told

import shlex
import sys
from pathlib import Path

LIBRARY = str(Path(workflow.basedir) / "workflow")
sys.path.insert(0, LIBRARY)
shell.prefix(f"export PYTHONPATH={shlex.quote(LIBRARY)}; ")

from touchline import fit, metrics, running
from touchline.digest import digest, flags
from touchline.plan import COMMENTARY, LABELS, LOSS, PREDICTIONS, SAMPLES, Plan

validate(config, Path(workflow.basedir) / "workflow" / "schemas" / "config.schema.yaml")
plan = Plan(config)

# REQUIRES  the configuration and the sheet
# PRODUCES  nothing: what the rules know about the study, and how settings become arguments

import os
import shlex
import sys
from pathlib import Path

LIBRARY = str(Path(workflow.basedir) / "workflow")
sys.path.insert(0, LIBRARY)
shell.prefix(f"export PYTHONPATH={shlex.quote(LIBRARY)}; ")

from touchline import cli, metrics, sheet
from touchline.backends import BACKENDS
from touchline.digest import checksum, digest, flags

validate(config, Path(workflow.basedir) / "workflow" / "schemas" / "config.schema.yaml")
HALVES, SHEET_PROBLEMS = sheet.load(config["sheet"], config["on_problem"])
MATCHES = {name: rows.to_dicts() for (name,), rows in HALVES.group_by("match", maintain_order=True)}
MODELS = config["models"]


def matches_of(*splits, labelled=False):
    """Names of the matches of these splits, in the sheet's order."""
    return [
        match
        for match, halves in MATCHES.items()
        if halves[0]["split"] in splits and (halves[0]["labels"] or not labelled)
    ]


def source(column, match):
    """Files of a match in one column of the sheet, by half."""
    return {half["half"]: half[column] for half in MATCHES[match] if half[column]}


def durations(match):
    return {half["half"]: half["duration_s"] for half in MATCHES[match]}


def settings_of(model):
    """A model's own settings: its entry without what others read."""
    return {
        key: value for key, value in MODELS[model].items() if key not in ("backend", "threshold")
    }


def scored_on():
    return matches_of(config["score"]["split"], labelled=True)


def tuned_on(model):
    tuned = MODELS[model].get("threshold") == "tuned"
    return matches_of("valid", labelled=True) if tuned else []

"""Workflow graphs as SVG: the rules, and every job that leads to the answers to one match."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from touchline.core import cli
from touchline.core.files import write_text
from touchline.core.problems import InputError


def draw(dot_text: str) -> str:
    """Return a graph in Graphviz's DOT language as SVG; raise `InputError` where dot fails."""
    try:
        process = subprocess.run(["dot", "-Tsvg"], input=dot_text, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise InputError(
            "the program dot was not found. Install graphviz, and run the same command."
        ) from error
    if process.returncode:
        raise InputError(f"dot cannot draw the graph: {process.stderr.strip()}")
    return process.stdout


def describe_graph(option: str, snakefile: Path, config: Path, targets: list[str]) -> str:
    """Return a graph of the study in the working directory, in Graphviz's DOT language.

    `option` is Snakemake's: `--rulegraph` or `--dag`. Raises `InputError` where Snakemake fails.
    """
    command = [sys.executable, "-m", "snakemake"]
    command += ["--snakefile", str(snakefile), "--configfile", str(config)]
    # --forceall: finished jobs are drawn too.
    command += ["--replace-workflow-config", "--forceall", option, "dot", "--", *targets]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        raise InputError(f"snakemake {option} fails: {process.stderr.strip()}")
    return process.stdout


def main(argv: list[str]) -> None:
    """Draw both graphs."""
    parser = argparse.ArgumentParser(prog="touchline dag", description=__doc__)
    parser.add_argument("--snakefile", type=Path, required=True)
    parser.add_argument("--config", type=cli.json_object(), required=True, metavar="JSON")
    parser.add_argument("--targets", nargs="+", required=True, help="the answers to one match")
    parser.add_argument("--rules", type=Path, required=True, metavar="SVG")
    parser.add_argument("--match", type=Path, required=True, metavar="SVG")
    args = parser.parse_args(argv)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
        json.dump(args.config, config)
        config.flush()
        study = (args.snakefile, Path(config.name))
        write_text(args.rules, draw(describe_graph("--rulegraph", *study, [])))
        write_text(args.match, draw(describe_graph("--dag", *study, args.targets)))

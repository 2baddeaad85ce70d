"""Pictures of the workflow: its rules, and every job that leads to the answers to one match."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from touchline.core.files import write_text
from touchline.core.problems import InputError


def draw(graph: str) -> str:
    """Return a graph in Graphviz's language as SVG."""
    try:
        done = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise InputError("no program dot: install graphviz, and run the same command.") from error
    if done.returncode:
        raise InputError(f"dot does not draw the graph: {done.stderr.strip()}")
    return done.stdout


def graph(kind: str, snakefile: Path, config: Path, targets: list[str]) -> str:
    """Return a graph of the study in the working directory, as Snakemake describes it."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--configfile", config]
    # Everything is drawn, done or not.
    command += ["--replace-workflow-config", "--forceall", kind, "dot", "--", *targets]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"snakemake {kind} fails: {done.stderr.strip()}")
    return done.stdout


def main(argv: list[str]) -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(prog="touchline dag", description=__doc__)
    parser.add_argument("--snakefile", type=Path, required=True)
    parser.add_argument("--config", type=json.loads, required=True, metavar="JSON")
    parser.add_argument("--targets", nargs="+", required=True, help="the answers to one match")
    parser.add_argument("--rules", type=Path, required=True, metavar="SVG")
    parser.add_argument("--match", type=Path, required=True, metavar="SVG")
    args = parser.parse_args(argv)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
        json.dump(args.config, config)
        config.flush()
        where = (args.snakefile, Path(config.name))
        write_text(args.rules, draw(graph("--rulegraph", *where, [])))
        write_text(args.match, draw(graph("--dag", *where, args.targets)))

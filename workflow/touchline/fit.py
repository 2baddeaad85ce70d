"""Train one model of the study on the train split."""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from touchline import cli, schema
from touchline.backends import Match, load_module
from touchline.files import write_text


def read_study(matches: list[str], samples: str, labels: str, used: list[str]) -> Iterator[Match]:
    """Yield the matches that were not set aside, and add their names to `used`.

    `samples` and `labels` are paths with `{match}`. A match whose commentary was set aside has no
    samples.
    """
    for match in tqdm(matches, desc="reading", unit="match"):
        labels_path = labels.format(match=match)
        asked = schema.read(samples.format(match=match), schema.SAMPLES)
        if not schema.is_set_aside(labels_path) and not asked.is_empty():
            used.append(match)
            yield Match(match, asked, schema.read(labels_path, schema.LABELS))


def main(argv: list[str]) -> None:
    """Train a model; its folder appears whole, when the training has ended."""
    parser = argparse.ArgumentParser(prog="python -m touchline.fit", description=__doc__)
    parser.add_argument("--backend", required=True, help="such as linear")
    parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="of the backend"
    )
    parser.add_argument("--matches", nargs="+", required=True, help="of the train split")
    parser.add_argument(
        "--samples", default="results/samples/{match}.parquet", help="(%(default)s)"
    )
    parser.add_argument("--labels", default="results/labels/{match}.parquet", help="(%(default)s)")
    parser.add_argument("--folder", type=Path, required=True, help="of the trained model")
    args = parser.parse_args(argv)
    partial = args.folder.with_name(f".{args.folder.name}.partial")
    for leftover in (partial, args.folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    used = []
    study = read_study(args.matches, args.samples, args.labels, used)
    load_module(args.backend).fit(study, args.settings, partial)
    write_text(
        partial / "trained_on.json",
        json.dumps({"backend": args.backend, "settings": args.settings, "matches": used}, indent=1),
    )
    partial.rename(args.folder)


if __name__ == "__main__":
    cli.run(main)

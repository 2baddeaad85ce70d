"""Train one model of the study on the train split."""

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from touchline import cli, schema
from touchline.backends import BACKENDS, Match, load_module
from touchline.digest import checksum, digest
from touchline.files import of_match, write_text


def read_study(
    matches: list[str], samples: str, labels: str, manifests: str | None, used: list[str]
) -> Iterator[Match]:
    """Yield the matches that were not set aside, and add their names to `used`.

    `samples` and `labels` are paths with `{match}`, `manifests` one with `{match}` and `*`. A match
    whose commentary was set aside has no samples.
    """
    for match in tqdm(matches, desc="reading", unit="match"):
        labels_path = labels.format(match=match)
        asked = schema.read(samples.format(match=match), schema.SAMPLES)
        if not schema.is_set_aside(labels_path) and not asked.is_empty():
            used.append(match)
            events = schema.read(labels_path, schema.LABELS)
            yield Match(match, asked, events, of_match(manifests, match) if manifests else [])


def training_key(backend: str, settings: dict, files: list[Path]) -> str:
    """Return what a training is: its code, settings and data. Checkpoints of another do not count."""
    code = digest("touchline.fit", BACKENDS[backend].module)
    content = [code, json.dumps(settings, sort_keys=True), *map(checksum, files)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]


def main(argv: list[str]) -> None:
    """Train a model; its folder appears whole, when the training has ended.

    Exit status 75 says that the state was saved, to go on when the same command is run again.
    """
    parser = argparse.ArgumentParser(prog="python -m touchline.fit", description=__doc__)
    parser.add_argument("--backend", required=True, help="such as linear")
    parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="of the backend"
    )
    parser.add_argument("--matches", nargs="*", required=True, help="of the train split")
    parser.add_argument(
        "--samples", default="results/samples/{match}.parquet", help="(%(default)s)"
    )
    parser.add_argument("--labels", default="results/labels/{match}.parquet", help="(%(default)s)")
    parser.add_argument(
        "--manifests", metavar="PATH",
        help="such as 'results/chunks/{match}/*.parquet', for models that read video",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("results/checkpoints"),
        help="where a training that is cut off leaves what the next run goes on from (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, required=True, help="of the trained model")
    args = parser.parse_args(argv)
    partial = args.folder.with_name(f".{args.folder.name}.partial")
    for leftover in (partial, args.folder):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    used = []
    patterns = [args.samples, args.labels, args.manifests]
    files = [
        path
        for match in args.matches
        for pattern in filter(None, patterns)
        for path in of_match(pattern, match)
    ]
    checkpoints = args.checkpoints / training_key(args.backend, args.settings, files)
    study = read_study(args.matches, *patterns, used)
    load_module(args.backend).fit(study, args.settings, partial, checkpoints)
    write_text(
        partial / "trained_on.json",
        json.dumps({"backend": args.backend, "settings": args.settings, "matches": used}, indent=1),
    )
    partial.rename(args.folder)
    shutil.rmtree(checkpoints, ignore_errors=True)


if __name__ == "__main__":
    cli.run(main)

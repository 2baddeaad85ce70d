"""Training: one model of the study is fitted on the labelled matches of a split."""

import argparse
import contextlib
import hashlib
import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from touchline.core import cli
from touchline.core.digest import digest
from touchline.core.files import checksum, files_of_match, write_text
from touchline.core.problems import InputError
from touchline.jobs import attempts, slurm, training_lock
from touchline.jobs.unfinished import Unfinished
from touchline.models import shipped_bases
from touchline.models.catalogue import load_trainer, trainer_of
from touchline.models.training_data import read_matches

# The module that reads the training data. It and the backend's code are all that affects weights.
TRAINING_DATA = "touchline.models.training_data"


def training_key(backend: str, settings: dict, files: list[Path]) -> str:
    """Return a hash of a training's code, settings and data: the name of its checkpoint folder.

    Where its log is shown (`training.report_to`) is no part of a training.
    """
    if isinstance(training := settings.get("training"), dict):
        kept = {name: value for name, value in training.items() if name != "report_to"}
        settings = settings | {"training": kept}
    code = digest(TRAINING_DATA, trainer_of(backend))
    base = shipped_bases.content(settings.get("base"))
    content = [code, base, json.dumps(settings, sort_keys=True), *map(checksum, files)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]


@contextlib.contextmanager
def attempt(folder: Path) -> Iterator[None]:
    """Record an attempt at a training, which holds the lock of its checkpoint folder meanwhile.

    An attempt that ran out of time is requeued in Slurm: it has advanced by at least one step.
    Raises `InputError` where neither of the last two attempts has advanced.
    """
    previous_handler = signal.signal(signal.SIGTERM, _leave)
    try:
        with training_lock.hold(folder):
            _begin(folder)
            try:
                yield
            except Unfinished as error:
                attempts.end(folder, error.reason)
                job = slurm.job_id()
                if error.out_of_time and job and slurm.requeue(job):
                    print(f"job {job} is requeued, to resume", file=sys.stderr)
                raise
            except BaseException as error:
                name = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
                attempts.end(folder, f"{name}{error}")
                raise
            attempts.end(folder, attempts.DONE)
    finally:
        signal.signal(signal.SIGTERM, previous_handler)


def _begin(folder: Path) -> None:
    reasons = attempts.find_standstill(folder)
    if reasons:
        raise InputError(
            f"two attempts have made no progress, so there is no third. {reasons}. Mend that, or give "
            "the job more time (runtime), and run the same command again."
        )
    attempts.begin(folder)


def _leave(number: int, _: FrameType | None) -> None:
    """End an attempt before the training's first step, from which on it handles the signal itself."""
    raise Unfinished(f"{signal.Signals(number).name} outside the training's steps")


def main(argv: list[str]) -> None:
    """Train a model and write its folder at once, when the training has ended.

    Exit status 75 means that the state was saved: the same command, run again, resumes from it.
    Under Slurm, a job that ran out of time is requeued.
    """
    parser = argparse.ArgumentParser(prog="touchline fit", description=__doc__)
    parser.add_argument("--backend", required=True, help="such as linear")
    parser.add_argument(
        "--settings", type=cli.json_object(), default={}, metavar="JSON", help="of the backend"
    )
    parser.add_argument("--matches", nargs="*", required=True, help="to train on")
    parser.add_argument(
        "--samples", default="results/samples/{match}.parquet", help="(%(default)s)"
    )
    parser.add_argument("--labels", default="results/labels/{match}.parquet", help="(%(default)s)")
    parser.add_argument(
        "--manifests", metavar="PATH",
        help="such as 'results/chunks/{match}/*.parquet', for models that read video",
    )  # fmt: skip
    parser.add_argument(
        "--answers", type=cli.json_object({"type": "string"}), default={}, metavar="JSON",
        help="the answers of each model that is joined, such as "
        """'{"tcn": "results/predictions/tcn/{match}.parquet"}', for models that join others""",
    )  # fmt: skip
    parser.add_argument(
        "--further", metavar="PATH",
        help="such as 'results/further_commentary/{match}.parquet', for models of several transcripts",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("results/checkpoints"),
        help="folder of the checkpoints that a later run resumes from; Snakemake deletes it at the end "
        "of the study (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, required=True, help="of the trained model")
    args = parser.parse_args(argv)
    patterns = [args.samples, args.labels, args.manifests, args.further, *args.answers.values()]
    files = [
        path
        for match in args.matches
        for pattern in filter(None, patterns)
        for path in files_of_match(pattern, match)
    ]
    checkpoints = args.checkpoints / training_key(args.backend, args.settings, files)
    with attempt(checkpoints):
        partial = args.folder.with_name(f".{args.folder.name}.partial")
        for leftover in (partial, args.folder):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir(parents=True)
        used: list[str] = []
        paths = (args.samples, args.labels, args.manifests, args.answers, args.further)
        study = read_matches(args.matches, *paths, used)
        load_trainer(args.backend).fit(study, args.settings, partial, checkpoints)
        made_from = {"backend": args.backend, "settings": args.settings, "matches": used}
        made_from["checkpoints"] = checkpoints.name
        write_text(partial / "trained_on.json", json.dumps(made_from, indent=1))
    shutil.copy(checkpoints / attempts.NAME, partial)
    partial.rename(args.folder)

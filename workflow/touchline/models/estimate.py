"""Cost estimate of a paid model over all matches of the study; no request is sent."""

import argparse
from pathlib import Path
from typing import cast

import polars as pl

from touchline.core import cli, schema
from touchline.core.files import atomic_file, files_of_match
from touchline.core.problems import InputError
from touchline.models import catalogue
from touchline.models.api.cost_estimate import Estimate, PaidModel
from touchline.models.backend import Match


def main(argv: list[str]) -> None:
    """Write the estimate of every match, and print the total."""
    parser = argparse.ArgumentParser(prog="touchline estimate", description=__doc__)
    parser.add_argument("--backend", required=True, help="such as openai_api")
    parser.add_argument(
        "--settings", type=cli.json_object(), default={}, metavar="JSON", help="of the backend"
    )
    parser.add_argument("--matches", nargs="*", required=True)
    parser.add_argument(
        "--samples", default="results/samples/{match}.parquet", help="(%(default)s)"
    )
    parser.add_argument(
        "--manifests",
        metavar="PATH",
        help="such as 'results/chunks/{match}/*.parquet', for models that read video",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    args = parser.parse_args(argv)
    backend = catalogue.load_backend(args.backend)
    if not catalogue.BACKENDS[args.backend].is_paid:
        raise InputError(f"a model of the backend {args.backend} asks nobody for money.")
    model = cast(PaidModel, backend.load(args.settings, None))
    seen: dict[str, set[str]] = {}
    by_match = {}
    for match in args.matches:
        samples = schema.read(args.samples.format(match=match), schema.SAMPLES)
        manifests = files_of_match(args.manifests, match) if args.manifests else []
        by_match[match] = model.estimate(Match(match, samples, manifests=manifests), seen)
    rows = [
        {"match": match, "questions": kind} | vars(estimate)
        for match, estimates in by_match.items()
        for kind, estimate in estimates.items()
    ]
    with atomic_file(args.out) as partial:
        pl.DataFrame(rows, infer_schema_length=None).write_csv(partial, float_precision=6)
    cli.report(model.problems)
    for note in model.notes():
        print(note)
    print(f"{args.out.stem}, {len(by_match)} {'match' if len(by_match) == 1 else 'matches'}")
    kinds = dict.fromkeys(row["questions"] for row in rows)
    for number, kind in enumerate(kinds):
        total = _total([estimates[kind] for estimates in by_match.values()])
        print(f"questions: {kind}{' (as set)' if number == 0 else ''}: {total}")
    print("Nothing was asked.")


def _total(estimates: list[Estimate]) -> Estimate:
    """Return the sum of the matches' estimates; a price is None where that of a match is."""

    def sum_of(name: str) -> int:
        return sum(getattr(estimate, name) for estimate in estimates)

    def sum_known(name: str) -> float | None:
        values = [getattr(estimate, name) for estimate in estimates]
        return None if None in values else sum(values)

    return Estimate(
        samples=sum_of("samples"),
        not_asked=sum_of("not_asked"),
        requests=sum_of("requests"),
        tokens=sum_of("tokens"),
        cached_tokens=sum_of("cached_tokens"),
        frames=sum_of("frames"),
        frames_mib=sum_of("frames_mib"),
        short_usd=sum_known("short_usd"),
        cached_usd=sum_known("cached_usd"),
        most_usd=sum_known("most_usd"),
        answered=sum_of("answered"),
        answered_usd=sum(estimate.answered_usd for estimate in estimates),
    )

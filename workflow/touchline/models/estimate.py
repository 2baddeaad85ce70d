"""Cost estimate of a paid model over all matches of the study; no request is sent."""

import argparse
from pathlib import Path
from typing import cast

import polars as pl

from touchline.core import cli, schema
from touchline.core.files import atomic_file
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
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    args = parser.parse_args(argv)
    backend = catalogue.load_backend(args.backend)
    if not catalogue.BACKENDS[args.backend].is_paid:
        raise InputError(f"a model of the backend {args.backend} asks nobody for money.")
    model = cast(PaidModel, backend.load(args.settings, None))
    seen: set[str] = set()
    estimates = []
    for match in args.matches:
        samples = schema.read(args.samples.format(match=match), schema.SAMPLES)
        estimates.append(model.estimate(Match(match, samples), seen))
    table = pl.DataFrame(
        [
            {"match": match} | vars(estimate)
            for match, estimate in zip(args.matches, estimates, strict=True)
        ],
        infer_schema_length=None,
    )
    with atomic_file(args.out) as partial:
        table.write_csv(partial, float_precision=6)
    print(f"{len(estimates)} matches, {_total(estimates)}")
    print("Nothing was asked.")


def _total(estimates: list[Estimate]) -> Estimate:
    """Return the sum of the matches' estimates; a price is None where that of a match is."""
    prices = [(estimate.short_usd, estimate.most_usd) for estimate in estimates]
    return Estimate(
        samples=sum(estimate.samples for estimate in estimates),
        requests=sum(estimate.requests for estimate in estimates),
        tokens=sum(estimate.tokens for estimate in estimates),
        short_usd=_sum_known([short for short, _ in prices]),
        most_usd=_sum_known([most for _, most in prices]),
        mean_usd=estimates[0].mean_usd if estimates else None,
    )


def _sum_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None

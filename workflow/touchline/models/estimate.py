"""Say what a paid model would cost over all matches of the study; no request is made."""

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import cast

import polars as pl

from touchline.core import schema
from touchline.core.files import atomic_file
from touchline.core.problems import InputError
from touchline.models import catalogue
from touchline.models.api.cost_estimate import Estimate, PaidModel
from touchline.models.backend import Match


def main(argv: list[str]) -> None:
    """Write the estimate of every match, and print their sum."""
    parser = argparse.ArgumentParser(prog="touchline estimate", description=__doc__)
    parser.add_argument("--backend", required=True, help="such as openai_api")
    parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="of the backend"
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
    found = []
    for match in args.matches:
        samples = schema.read(args.samples.format(match=match), schema.SAMPLES)
        found.append(model.estimate(Match(match, samples), seen))
    table = pl.DataFrame(
        [{"match": match} | vars(one) for match, one in zip(args.matches, found, strict=True)],
        infer_schema_length=None,
    )
    with atomic_file(args.out) as partial:
        table.write_csv(partial, float_precision=6)
    print(f"{len(found)} matches, {_sum(found)}")
    print("Nothing was asked.")


def _sum(found: list[Estimate]) -> Estimate:
    def total(name: str) -> float | None:
        values = [getattr(one, name) for one in found]
        return None if None in values else sum(values)

    sums = {one.name: total(one.name) for one in fields(Estimate)}
    return Estimate(**sums | {"mean_usd": found[0].mean_usd if found else None})

"""The tables beside metrics.csv: differences, Average-mAP, curves, reliability, parts, errors and cost of all models.

They are of the matches and answers in the scores, so a threshold or a label is decided in one place.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import polars as pl

from touchline.core import schema
from touchline.core.files import atomic_file, files_of_match, write_text
from touchline.evaluation import breakdowns, ground_truth, table_format
from touchline.evaluation.bootstrap import differences

COST = {"matches": pl.Int64, "seconds_per_match": pl.Float64, "seconds_of": pl.String}
COST |= {"cost_usd_per_match": pl.Float64}


def cost(matches: list[str], predictions: str, benchmarks: str) -> pl.DataFrame:
    """Return one row: how long a model answers a match, and what that costs.

    `seconds_of` says whether the seconds are those of the `answers` or, for models that answer a
    match as a whole, those of the `jobs`, with the start of Python and the loading of the model.
    """
    answers = pl.concat(
        schema.read(path, schema.PREDICTIONS).select("seconds", "cost_usd")
        for match in matches
        for path in files_of_match(predictions, match)
    )
    seconds, source = answers["seconds"].sum() / len(matches), "answers"
    if answers["seconds"].null_count() == len(answers):
        files = [path for match in matches for path in files_of_match(benchmarks, match)]
        times = [pl.read_csv(path, separator="\t")["s"].mean() for path in files]
        seconds, source = (sum(times) / len(times), "jobs") if times else (None, None)
    paid = answers["cost_usd"].drop_nulls()
    dollars = paid.sum() / len(matches) if len(paid) else None
    return pl.DataFrame([(len(matches), seconds, source, dollars)], schema=COST, orient="row")


def of_models(models: list[str], table: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return the tables of all models below each other, with the model as the first column."""
    return pl.concat(
        (table(model).select(pl.lit(model).alias("model"), pl.all()) for model in models),
        how="vertical_relaxed",
    )


def main(argv: list[str]) -> None:
    """Write all tables into the folder of metrics.csv."""
    parser = argparse.ArgumentParser(prog="touchline tables", description=__doc__)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--resamples", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the resampling (%(default)s)")
    parser.add_argument("--confidence-level", type=float, default=0.95, help="(%(default)s)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    args = parser.parse_args(argv)
    results = args.results
    scores = {
        model: schema.read(results / f"scores/{model}.parquet", schema.SCORES)
        for model in args.models
    }
    matches = scores[args.models[0]]["match"].unique().sort().to_list()
    samples, truths = ground_truth.read(
        matches, f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet"
    )
    answers = {
        model: schema.read(results / f"scores/{model}.answers.parquet", schema.ANSWERS)
        for model in args.models
    }
    tables = {
        "differences": differences(scores, args.resamples, args.seed, args.confidence_level),
        "average_map": of_models(
            args.models, lambda model: pl.read_csv(results / f"scores/{model}.average_map.csv")
        ),
        "precision_recall": of_models(
            args.models, lambda model: breakdowns.precision_recall(answers[model], truths)
        ),
        "reliability": of_models(
            args.models, lambda model: breakdowns.reliability(answers[model], truths)
        ),
        "parts": of_models(
            args.models, lambda model: breakdowns.parts(samples, truths, answers[model])
        ),
        "errors": of_models(
            args.models, lambda model: breakdowns.errors(samples, truths, answers[model])
        ),
        "cost": of_models(
            args.models,
            lambda model: cost(
                matches,
                f"{results}/predictions/{model}/{{match}}.parquet",
                f"{results}/benchmarks/infer/{model}/{{match}}.tsv",
            ),
        ),
    }
    for name, table in tables.items():
        with atomic_file(results / f"{name}.csv") as partial:
            table.write_csv(partial, float_precision=None if name == "average_map" else 6)
    write_text(results / "tables.md", table_format.markdown(table_format.read(results)))

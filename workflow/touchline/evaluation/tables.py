"""Tables of all models beside metrics.csv: differences, Average-mAP, metric breakdowns and cost.

They are made from the matches and thresholded answers in the scores, as metrics.csv is.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from touchline.core import cli, schema
from touchline.core.files import atomic_file, files_of_match, write_text
from touchline.evaluation import breakdowns, table_format
from touchline.evaluation.average_map import AVERAGE_MAP
from touchline.evaluation.bootstrap import differences_of, paired_differences
from touchline.evaluation.ground_truth import read_ground_truth

# Of a model that joins others: who they are, and in words what it was fitted on.
JOINED = {
    "type": "object",
    "properties": {
        "parents": {"type": "array", "items": {"type": "string"}},
        "fitted_on": {"type": "string"},
    },
    "required": ["parents", "fitted_on"],
}
COST = {"matches": pl.Int64, "seconds_per_match": pl.Float64, "seconds_of": pl.String}
COST |= {"cost_usd_per_match": pl.Float64}


def cost(matches: list[str], predictions: str, benchmarks: str) -> pl.DataFrame:
    """Return one row (columns `COST`): seconds and US dollars per match of a model's answers.

    `seconds_of` says whether the seconds are the sum over the `answers` or, for models that answer
    a match as a whole, those of the `jobs`, which include starting Python and loading the model.
    Both paths have `{match}`; `benchmarks` are Snakemake's benchmark files.
    """
    answers = pl.concat(
        schema.read(path, schema.PREDICTIONS).select("seconds", "cost_usd")
        for match in matches
        for path in files_of_match(predictions, match)
    )
    seconds: float | None = None
    source = None
    if answers["seconds"].null_count() < len(answers):
        seconds, source = float(answers["seconds"].sum()) / len(matches), "answers"
    elif files := [path for match in matches for path in files_of_match(benchmarks, match)]:
        jobs = pl.concat(pl.read_csv(path, separator="\t").select(pl.mean("s")) for path in files)
        seconds, source = sum(jobs["s"].to_list()) / len(files), "jobs"
    paid = answers["cost_usd"].drop_nulls()
    dollars = paid.sum() / len(matches) if len(paid) else None
    return pl.DataFrame([(len(matches), seconds, source, dollars)], schema=COST, orient="row")


def what_parents_add(
    joined: Mapping[str, Mapping], scores: dict[str, pl.DataFrame], *resampling: Any
) -> pl.DataFrame:
    """Return F1 of each model that joins others minus that of each of its parents.

    The columns are those of `bootstrap.DIFFERENCES`, and `fitted_on`. `joined` has an object of
    `JOINED` for each such model; `resampling` are the last arguments of `differences_of`.
    """
    pairs = [(model, parent) for model, entry in joined.items() for parent in entry["parents"]]
    fitted_on = {model: entry["fitted_on"] for model, entry in joined.items()}
    return differences_of(pairs, scores, *resampling).with_columns(
        fitted_on=pl.col("model").replace_strict(fitted_on, return_dtype=pl.String)
    )


def concat_models(models: list[str], make_table: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return the tables of all models below each other, with the model as the first column."""
    return pl.concat(
        (make_table(model).select(pl.lit(model).alias("model"), pl.all()) for model in models),
        how="vertical_relaxed",
    )


def main(argv: list[str]) -> None:
    """Write all tables beside metrics.csv."""
    parser = argparse.ArgumentParser(prog="touchline tables", description=__doc__)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--resamples", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="bootstrap seed (%(default)s)")
    parser.add_argument("--confidence-level", type=float, default=0.95, help="(%(default)s)")
    parser.add_argument(
        "--joined", type=cli.json_object(JOINED), default={}, metavar="JSON",
        help="""such as '{"fused": {"parents": ["tcn", "linear"], "fitted_on": "the valid split"}}'""",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    args = parser.parse_args(argv)
    results = args.results
    scores = {
        model: schema.read(results / f"scores/{model}.parquet", schema.SCORES)
        for model in args.models
    }
    matches = scores[args.models[0]]["match"].unique().sort().to_list()
    samples, truths = read_ground_truth(
        matches, f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet"
    )
    answers = {
        model: schema.read(results / f"scores/{model}.answers.parquet", schema.ANSWERS)
        for model in args.models
    }
    resampling = (args.resamples, args.seed, args.confidence_level)
    tables = {
        "differences": paired_differences(scores, *resampling),
        "fused": what_parents_add(args.joined, scores, *resampling),
        "average_map": concat_models(
            args.models,
            lambda model: pl.read_csv(
                results / f"scores/{model}.average_map.csv", schema=AVERAGE_MAP
            ),
        ),
        "precision_recall": concat_models(
            args.models, lambda model: breakdowns.precision_recall(answers[model], truths)
        ),
        "reliability": concat_models(
            args.models, lambda model: breakdowns.reliability(answers[model], truths)
        ),
        "parts": concat_models(
            args.models, lambda model: breakdowns.parts(samples, truths, answers[model])
        ),
        "errors": concat_models(
            args.models, lambda model: breakdowns.errors(samples, truths, answers[model])
        ),
        "cost": concat_models(
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
    write_text(results / "tables.md", table_format.to_markdown(table_format.read_tables(results)))

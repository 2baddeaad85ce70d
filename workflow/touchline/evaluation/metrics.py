"""Precision, recall and F1 of every model with bootstrap intervals, and the problems of the run."""

import argparse
from dataclasses import replace
from pathlib import Path

import polars as pl
from tabulate import tabulate

from touchline.core import cli, schema
from touchline.core.files import atomic_file, files_of_match
from touchline.core.iou import MIN_IOU
from touchline.core.problems import NOTED, InputError, Problem
from touchline.core.schema import ALL
from touchline.data.matches import read_sheet
from touchline.evaluation.bootstrap import (
    KEY,
    draw_matches,
    percentile_interval,
    resample_f1,
    with_pooled,
)
from touchline.evaluation.matching import with_ratios

COUNTS = ["samples", "events", "predictions", "tp", "fp", "fn"]
METRICS = ["model", "protocol", "matching", "action", *COUNTS,
           "precision", "recall", "f1", "f1_low", "f1_high"]  # fmt: skip
FAILED = ("unparsable", "refused", "cut_off", "skipped")


def summarise_scores(
    scores: pl.DataFrame, resamples: int, seed: int, confidence_level: float
) -> pl.DataFrame:
    """Return the metrics of one model from its counts per match (columns `schema.SCORES`).

    An undefined ratio (no answer, or no event) is null. f1_low and f1_high bound the middle
    `confidence_level` of F1 over `resamples` draws of the matches with replacement (percentile
    bootstrap); they are null with fewer than two matches.
    """
    totals = with_pooled(scores).group_by(KEY, maintain_order=True).agg(pl.col(COUNTS).sum())
    matches = scores["match"].n_unique()
    resampled = resample_f1(scores, draw_matches(matches, resamples, seed))
    intervals = [
        (*key, *percentile_interval(f1, matches, confidence_level)) for key, f1 in resampled.items()
    ]
    columns = pl.Schema(
        dict.fromkeys(KEY, pl.String()) | dict.fromkeys(["f1_low", "f1_high"], pl.Float64())
    )
    return with_ratios(totals).join(pl.DataFrame(intervals, schema=columns, orient="row"), on=KEY)


def summarise_tally(tally: pl.DataFrame) -> pl.DataFrame:
    """Return one row with a model's answers by status (columns `schema.TALLY`) over all matches.

    `failed` is the share of samples with one of the statuses `FAILED`; `outside` is the mean
    probability of texts that are no answer, null for a model whose answers have no distribution.
    """
    counts = ("samples", *schema.STATUSES)
    usage = (*schema.TOKENS, "seconds", "cost_usd")
    sums = (*usage, "outside")
    return tally.select(
        *(pl.col(name).sum() for name in (*counts, "distributions")),
        *map(schema.sum_or_null, sums),
    ).select(
        *counts,
        (pl.sum_horizontal(FAILED) / pl.col("samples")).alias("failed"),
        *usage,
        pl.col("outside") / pl.col("distributions"),
    )


def order_rows(metrics: pl.DataFrame, models: list[str]) -> pl.DataFrame:
    """Return the rows by model (as given), protocol, matching and action, with `all` first."""
    return metrics.sort(
        pl.col("model").replace_strict(models, range(len(models))),
        "protocol",
        "matching",
        pl.col("action") != ALL,
        "action",
    ).select(METRICS)


def format_pooled(path: Path | str) -> str:
    """Return a row per model from a metrics.csv as text, highest F1 first.

    Raises `InputError` without such a file.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such table. Run without --show to make it.")
    columns = pl.Schema(
        {"model": pl.String()}
        | dict.fromkeys(["precision", "recall", "f1", "f1_low", "f1_high"], pl.Float64())
    )
    pooled = pl.read_csv(path, schema_overrides=columns).filter(action=ALL, protocol="full")
    pooled = pooled.sort("f1", descending=True, nulls_last=True, maintain_order=True)
    one = dict(pooled.filter(matching="one").select("model", "f1").iter_rows())
    rows = [
        [
            row["model"],
            *(row[name] for name in ("events", "predictions", "tp")),
            *(_number(row[name]) for name in ("precision", "recall", "f1")),
            " to ".join(filter(None, (_number(row["f1_low"]), _number(row["f1_high"])))),
            _number(one[row["model"]]),
        ]
        for row in pooled.filter(matching="many").iter_rows(named=True)
    ]
    headers = ["model", "events", "answers", "hits", "precision", "recall", "F1", "interval"]
    table = tabulate(
        rows,
        [*headers, "F1, one-to-one"],
        disable_numparse=True,
        colalign=["left"] + ["right"] * len(headers),
    )
    return f"Every chunk counts; a hit is an answer with IoU > {MIN_IOU} with an event.\n\n{table}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def list_problems(
    sheet_path: Path | None, tables: list[str], matches: list[str], models: list[str]
) -> list[Problem]:
    """Return every problem of the run: of the sheet, each match's tables and the models' files.

    `tables` are paths with `{match}` and `*`, `models` are training logs and scores.
    """
    problems = read_sheet(sheet_path)[1] if sheet_path else []
    for match in matches:
        for table in tables:
            for path in files_of_match(table, match):
                problems += schema.read_problems(path)
    for file in models:
        problems += [
            replace(problem, file=problem.file or file) for problem in schema.read_problems(file)
        ]
    return problems


def main(argv: list[str]) -> None:
    """Write metrics.csv, answers.csv and problems.csv, and print the pooled rows of the metrics."""
    parser = argparse.ArgumentParser(prog="touchline metrics", description=__doc__)
    parser.add_argument("--models", nargs="+", default=[])
    parser.add_argument("--scores", default="results/scores/{model}.parquet", help="(%(default)s)")
    parser.add_argument("--resamples", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="bootstrap seed (%(default)s)")
    parser.add_argument("--confidence-level", type=float, default=0.95, help="(%(default)s)")
    parser.add_argument("--sheet", type=Path, help="the match sheet, whose problems are listed")
    parser.add_argument("--matches", nargs="*", default=[], help="whose problems are listed")
    parser.add_argument(
        "--tables", nargs="*", metavar="PATH",
        default=["results/labels/{match}.parquet", "results/commentary/{match}.parquet"],
        help="tables whose problems are listed, with {match} and * (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--logs", nargs="*", default=[], metavar="PATH",
        help="training logs whose problems are listed, such as results/models/qwen2-vl/log.parquet",
    )  # fmt: skip
    parser.add_argument("--problems", type=Path, default=Path("results/problems.csv"))
    parser.add_argument(
        "--tallies", default="results/scores/{model}.tally.parquet", help="(%(default)s)"
    )
    parser.add_argument("--answers", type=Path, default=Path("results/answers.csv"))
    parser.add_argument("--out", type=Path, default=Path("results/metrics.csv"))
    parser.add_argument("--show", action="store_true", help="only print the existing table")
    args = parser.parse_args(argv)
    if not args.show:
        scores = {model: args.scores.format(model=model) for model in args.models}
        tables = [
            summarise_scores(
                schema.read(path, schema.SCORES), args.resamples, args.seed, args.confidence_level
            ).with_columns(model=pl.lit(model))
            for model, path in scores.items()
        ]
        problems = list_problems(
            args.sheet, args.tables, args.matches, [*args.logs, *scores.values()]
        )
        costly = [problem for problem in problems if problem.effect != NOTED]
        cli.report(costly)
        with atomic_file(args.problems) as partial:
            schema.problems_table(problems).write_csv(partial)
        answered = [
            summarise_tally(schema.read(args.tallies.format(model=model), schema.TALLY)).select(
                pl.lit(model).alias("model"), pl.all()
            )
            for model in args.models
        ]
        with atomic_file(args.answers) as partial:
            pl.concat(answered).write_csv(partial, float_precision=6)
        with atomic_file(args.out) as partial:
            order_rows(pl.concat(tables), args.models).write_csv(partial, float_precision=6)
        if problems:
            print(
                f"{len(problems)} problems, {len(costly)} of which cost something: {args.problems}"
            )
    print(format_pooled(args.out))

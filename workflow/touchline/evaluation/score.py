"""Scores of one model: tp, fp and fn per match, action, protocol and matching."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from touchline.core import schema
from touchline.core.problems import Problem
from touchline.data.folds import split_folds
from touchline.evaluation import thresholds
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.evaluation.matching import answer_intervals, count


class Answered(NamedTuple):
    """Samples, truths and answers of some matches (columns as in `evaluation.matching`)."""

    samples: pl.DataFrame
    truths: pl.DataFrame
    answers: pl.DataFrame

    def of_matches(self, matches: list[str]) -> "Answered":
        """Return the rows of these matches."""
        return Answered(*(table.filter(pl.col("match").is_in(matches)) for table in self))


def read_answered(matches: list[str], samples: str, labels: str, predictions: str) -> Answered:
    """Read the matches whose labels and samples were not set aside; the paths have `{match}`."""
    all_samples, truths = read_ground_truth(matches, samples, labels)
    answers = [
        answer_intervals(
            schema.read(predictions.format(match=match), schema.PREDICTIONS).with_columns(
                match=pl.lit(match)
            )
        )
        for match in all_samples["match"].unique(maintain_order=True)
    ]
    return Answered(all_samples, truths, pl.concat(answers))


def list_problems(matches: list[str], predictions: str) -> list[Problem]:
    """Return the problems that models had with these matches, with the file of the answers."""
    paths = [predictions.format(match=match) for match in matches]
    return [replace(problem, file=path) for path in paths for problem in schema.read_problems(path)]


def tally(predictions: str, matches: list[str]) -> pl.DataFrame:
    """Return samples per match and status, with tokens, seconds, cost and `outside`.

    The columns are `schema.TALLY`. Tokens, seconds and costs that no answer states are null, not 0.
    """
    rows = []
    for match in matches:
        answers = schema.read(predictions.format(match=match), schema.PREDICTIONS)
        status = pl.col("status")
        rows.append(
            answers.select(
                pl.lit(match).alias("match"),
                pl.len().alias("samples"),
                *(status.eq(name).sum().alias(name) for name in schema.STATUSES),
                *map(schema.sum_or_null, (*schema.TOKENS, "seconds", "cost_usd")),
                pl.col("outside").count().alias("distributions"),
                schema.sum_or_null("outside"),
            ).cast(schema.TALLY)
        )
    return pl.concat(rows)


def tune_on(answered: Answered) -> dict[str, float]:
    """Return the threshold of each action that maximises the pooled F1 on these matches."""
    actions = answered.samples.select("action").unique()
    events = answered.truths.group_by("action").agg(events=pl.len())
    events = actions.join(events, on="action", how="left").with_columns(
        pl.col("events").fill_null(0)
    )
    counts = thresholds.count_by_confidence(answered.answers, answered.truths)
    return thresholds.tune_thresholds(counts, events)


def apply_tuned_thresholds(scored: Answered, tuning: Answered) -> pl.DataFrame:
    """Return the answers of `scored` that reach thresholds tuned on `tuning`.

    No match is scored at thresholds that were tuned on its own labels: where the two overlap, each
    of the folds of the matches takes the thresholds tuned on the other folds. The exception is
    a single match that is both, for which there are no others.
    """
    tuning_matches = tuning.samples["match"].unique().sort().to_list()
    answers = []
    for held_out in split_folds(scored.samples["match"].unique()):
        others = [match for match in tuning_matches if match not in held_out] or tuning_matches
        if held_out:
            tuned = tune_on(tuning.of_matches(others))
            answers.append(thresholds.apply_thresholds(scored.of_matches(held_out).answers, tuned))
    return pl.concat(answers)


def main(argv: list[str]) -> None:
    """Write the counts of one model, its thresholds, its answers and how many have each status."""
    parser = argparse.ArgumentParser(prog="touchline score", description=__doc__)
    parser.add_argument("--matches", nargs="*", required=True, help="to score")
    parser.add_argument(
        "--tune", nargs="*", default=[], metavar="MATCH",
        help="the matches of the valid split, to tune the thresholds on; without them, --threshold",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=float, default=0.0, help="of all actions, without --tune"
    )
    parser.add_argument(
        "--samples", default="results/samples/{match}.parquet", help="(%(default)s)"
    )
    parser.add_argument("--labels", default="results/labels/{match}.parquet", help="(%(default)s)")
    parser.add_argument(
        "--predictions", required=True, metavar="PATH",
        help="such as results/predictions/linear/{match}.parquet",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    parser.add_argument(
        "--answers", type=Path, required=True, metavar="PARQUET",
        help="to write: every answer, and whether it reaches its threshold",
    )  # fmt: skip
    parser.add_argument("--thresholds", type=Path, required=True, metavar="CSV", help="to write")
    parser.add_argument(
        "--tally", type=Path, required=True, metavar="PARQUET",
        help="to write: answers by status, with their tokens, seconds and costs",
    )  # fmt: skip
    args = parser.parse_args(argv)
    paths = (args.samples, args.labels, args.predictions)
    scored = read_answered(args.matches, *paths)
    scored = scored._replace(answers=scored.answers.with_row_index("row"))
    if args.tune:
        tuning = scored if args.tune == args.matches else read_answered(args.tune, *paths)
        counted, chosen = apply_tuned_thresholds(scored, tuning), tune_on(tuning)
    else:
        chosen = dict.fromkeys(scored.samples["action"].unique(), args.threshold)
        counted = thresholds.apply_thresholds(scored.answers, chosen)
    answered_matches = list(dict.fromkeys(args.matches + args.tune))
    problems = list_problems(answered_matches, args.predictions)
    counts = count(scored.samples, scored.truths, counted)
    schema.write(args.out, counts, schema.SCORES, problems)
    is_counted = pl.col("row").is_in(counted["row"].implode())
    schema.write(args.answers, scored.answers.with_columns(counted=is_counted), schema.ANSWERS)
    schema.write(args.tally, tally(args.predictions, answered_matches), schema.TALLY)
    thresholds.write_thresholds(args.thresholds, chosen)

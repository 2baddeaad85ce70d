"""Score one model: counts per match, action, protocol and matching, at thresholds tuned on valid."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from touchline.core import schema
from touchline.core.files import atomic_file
from touchline.core.problems import Problem
from touchline.evaluation import ground_truth, thresholds
from touchline.evaluation.matching import answer_intervals, count

# Matches that are scored and tuned on at once are tuned on the other folds.
FOLDS = 5


class Answered(NamedTuple):
    """Samples, truths and answers of some matches, as `touchline.evaluation.matching` takes them."""

    samples: pl.DataFrame
    truths: pl.DataFrame
    answers: pl.DataFrame

    def of(self, matches: list[str]) -> "Answered":
        """Return the part of these matches."""
        return Answered(*(table.filter(pl.col("match").is_in(matches)) for table in self))


def read_answered(matches: list[str], samples: str, labels: str, predictions: str) -> Answered:
    """Read the matches whose labels and samples were not set aside; the paths have `{match}`."""
    samples_asked, truths = ground_truth.read(matches, samples, labels)
    answers = [
        answer_intervals(
            schema.read(predictions.format(match=match), schema.PREDICTIONS).with_columns(
                match=pl.lit(match)
            )
        )
        for match in samples_asked["match"].unique(maintain_order=True)
    ]
    return Answered(samples_asked, truths, pl.concat(answers))


def list_problems(matches: list[str], predictions: str) -> list[Problem]:
    """Return what was met while these matches were answered, with the file of the answers."""
    paths = [predictions.format(match=match) for match in matches]
    return [replace(problem, file=path) for path in paths for problem in schema.read_problems(path)]


def tally(predictions: str, matches: list[str]) -> pl.DataFrame:
    """Return what became of the samples of these matches (columns `schema.TALLY`).

    Tokens, seconds and costs that no answer states are empty, not 0.
    """
    rows = []
    for match in matches:
        answered = schema.read(predictions.format(match=match), schema.PREDICTIONS)
        status = pl.col("status")
        rows.append(
            answered.select(
                pl.lit(match).alias("match"),
                pl.len().alias("samples"),
                *(status.eq(one).sum().alias(one) for one in schema.STATUSES),
                *map(schema.sum_or_null, (*schema.TOKENS, "seconds", "cost_usd")),
            ).cast(schema.TALLY)
        )
    return pl.concat(rows)


def tune(answered: Answered) -> dict[str, float]:
    """Return the threshold of each action that is best on these matches."""
    actions = answered.samples.select("action").unique()
    events = answered.truths.group_by("action").agg(events=pl.len())
    events = actions.join(events, on="action", how="left").with_columns(
        pl.col("events").fill_null(0)
    )
    return thresholds.tune(thresholds.curves(answered.answers, answered.truths), events)


def decide(scored: Answered, tuning: Answered) -> pl.DataFrame:
    """Return the answers of `scored` that reach thresholds tuned on `tuning`.

    No match is judged by thresholds that have seen its labels: where the two overlap, each fold of
    the matches takes the thresholds of the other folds. A single match has no others; then its
    thresholds have seen it.
    """
    matches = scored.samples["match"].unique().sort().to_list()
    known = tuning.samples["match"].unique().sort().to_list()
    kept = []
    for fold in range(FOLDS):
        judged = matches[fold::FOLDS]
        others = [match for match in known if match not in judged] or known
        if judged:
            kept.append(thresholds.apply(scored.of(judged).answers, tune(tuning.of(others))))
    return pl.concat(kept)


def main(argv: list[str]) -> None:
    """Write the counts of one model, its thresholds, and what became of its answers."""
    parser = argparse.ArgumentParser(prog="touchline score", description=__doc__)
    parser.add_argument("--matches", nargs="*", required=True, help="to score")
    parser.add_argument(
        "--tune", nargs="*", default=[], metavar="MATCH",
        help="matches of the valid split, where the thresholds are to be tuned on them",
    )  # fmt: skip
    parser.add_argument("--threshold", type=float, default=0.0, help="where none are tuned")
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
        help="to write: every answer, and whether it counts",
    )  # fmt: skip
    parser.add_argument("--thresholds", type=Path, required=True, metavar="CSV", help="to write")
    parser.add_argument(
        "--tally", type=Path, required=True, metavar="PARQUET",
        help="to write: how many answers have each status, and what they took",
    )  # fmt: skip
    args = parser.parse_args(argv)
    paths = (args.samples, args.labels, args.predictions)
    scored = read_answered(args.matches, *paths)
    scored = scored._replace(answers=scored.answers.with_row_index("row"))
    if args.tune:
        tuning = scored if args.tune == args.matches else read_answered(args.tune, *paths)
        counted, chosen = decide(scored, tuning), tune(tuning)
    else:
        chosen = dict.fromkeys(scored.samples["action"].unique(), args.threshold)
        counted = thresholds.apply(scored.answers, chosen)
    judged = list(dict.fromkeys(args.matches + args.tune))
    problems = list_problems(judged, args.predictions)
    counts = count(scored.samples, scored.truths, counted)
    schema.write(args.out, counts, schema.SCORES, problems)
    is_counted = pl.col("row").is_in(counted["row"].implode())
    schema.write(args.answers, scored.answers.with_columns(counted=is_counted), schema.ANSWERS)
    schema.write(args.tally, tally(args.predictions, judged), schema.TALLY)
    rows = sorted(chosen.items())
    with atomic_file(args.thresholds) as partial:
        pl.DataFrame(rows, schema=thresholds.THRESHOLDS, orient="row").write_csv(partial)

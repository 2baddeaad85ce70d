"""The report: one self-contained HTML page with the verdict, figures and tables of a run."""

import argparse
import base64
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from touchline.core import cli, schema
from touchline.core.files import write_text
from touchline.core.problems import NOTED
from touchline.core.schema import ALL
from touchline.data.match_names import written_name
from touchline.evaluation import table_format
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.evaluation.matching import with_ratios
from touchline.jobs import attempts
from touchline.report import html, qualitative, verdict
from touchline.report.plot_style import colours

RULE = {"protocol": "full", "matching": "many"}
ANSWERS_NOTE = (
    "outside: the mean probability that a language model gives to texts that are none of the possible "
    "answers, where its answers are read from their distribution."
)


def embed(path: Path) -> str:
    """Return an SVG file as a data URI; as an image it cannot run scripts or load other files."""
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


def select_matches(scores: pl.DataFrame) -> list[tuple[str, str]]:
    """Return (caption, match) of the matches with a model's best, median and worst F1."""
    totals = scores.filter(**RULE).group_by("match").agg(pl.col("tp", "fp", "fn").sum())
    ranked = with_ratios(totals).with_columns(pl.col("f1").fill_null(0))
    ranked = ranked.sort(["f1", "match"], descending=[True, False])
    names = {0: "best", len(ranked) // 2: "median", len(ranked) - 1: "worst"}
    return [
        (f"{name}, F1 {ranked['f1'][row]:.3f}", ranked["match"][row])
        for row, name in sorted(names.items())
    ]


def read_attempts(results: Path, models: list[str]) -> list[tuple[str, list[dict]]]:
    """Return (model, training attempts) for each model that has a record of them."""
    records = [(model, attempts.read_attempts(results / f"models/{model}")) for model in models]
    return [(model, rows) for model, rows in records if rows]


def answer_table(path: Path) -> table_format.Table:
    """Return the table of the models' answers by status, from answers.csv."""
    table = schema.read_csv(path)
    rows = [["–" if cell is None else str(cell) for cell in row] for row in table.iter_rows()]
    headers = [name.replace("_", " ") for name in table.columns]
    return table_format.Table("answers", "Answers by status", ANSWERS_NOTE, headers, rows)


def collect(
    results: Path,
    models: list[str],
    baselines: list[str],
    confidence_level: float,
    titles: Mapping[str, str] | None = None,
) -> dict:
    """Return the content of the page, from the files of a run in the folder `results`.

    `titles` are the names of matches as people write them, where the study's names do not tell them.
    """
    titles = titles or {}
    metrics = schema.read_csv(results / "metrics.csv")
    differences = schema.read_csv(results / "differences.csv")
    problems = schema.read_csv(results / "problems.csv")
    scores = schema.read(results / f"scores/{models[0]}.parquet", schema.SCORES)
    matches = scores["match"].unique().sort().to_list()
    judgement = verdict.judge(metrics, differences, baselines, len(matches), confidence_level)
    samples_path = f"{results}/samples/{{match}}.parquet"
    _, truths = read_ground_truth(matches, samples_path, f"{results}/labels/{{match}}.parquet")
    answers = schema.read(results / f"scores/{judgement.best}.answers.parquet", schema.ANSWERS)
    best_scores = schema.read(results / f"scores/{judgement.best}.parquet", schema.SCORES)
    pooled = metrics.filter(**RULE, action=ALL)
    loss = results / "figures/loss.svg"
    moments = qualitative.choose_moments(truths, answers)
    return {
        "verdict": judgement,
        "bars": pooled.sort("f1", descending=True, nulls_last=True, maintain_order=True).to_dicts(),
        "longest": pooled.select("f1", "f1_high").max().row(0),
        "colours": colours(models, baselines),
        "matches": len(matches),
        "events": len(truths),
        "tables": [*table_format.read_tables(results), answer_table(results / "answers.csv")],
        "f1": embed(results / "figures/f1.svg"),
        "precision_recall": embed(results / "figures/precision_recall.svg"),
        "reliability": embed(results / "figures/reliability.svg"),
        "loss": embed(loss) if loss.is_file() else None,
        "attempts": read_attempts(results, models),
        "timelines": [
            (
                caption,
                titles.get(match, written_name(match)),
                embed(results / f"figures/timelines/{match}.svg"),
            )
            for caption, match in select_matches(best_scores)
        ],
        "moments": {
            kind: qualitative.describe_moments(table, samples_path, titles)
            for kind, table in moments.items()
        },
        "problems": problems.filter(pl.col("effect") != NOTED).to_dicts(),
        "noted": len(problems.filter(effect=NOTED)),
    }


def render(content: dict) -> str:
    """Return the page as HTML."""
    return html.render("page.html.j2", content)


def main(argv: list[str]) -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(prog="touchline report", description=__doc__)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="those of the models that are constant baselines"
    )
    parser.add_argument("--split", default="", help="the scored split, for the heading")
    parser.add_argument(
        "--confidence-level", type=float, default=0.95, help="of the intervals (%(default)s)"
    )
    parser.add_argument("--resamples", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/report.html"))
    parser.add_argument(
        "--titles", type=cli.json_object({"type": "string"}), default={}, metavar="JSON",
        help="the name of each match as people write it (from its name)",
    )  # fmt: skip
    args = parser.parse_args(argv)
    content = collect(args.results, args.models, args.baselines, args.confidence_level, args.titles)
    settings = {
        "split": args.split,
        "confidence_level": args.confidence_level,
        "resamples": args.resamples,
    }
    write_text(args.out, render(content | settings))

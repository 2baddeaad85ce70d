"""The figures: F1 per action, precision against recall, how reliable confidences are, and a timeline of every match, as SVG.

They are about 500 pixels wide, so that two fit beside each other on paper.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import altair as alt
import polars as pl
from tqdm import tqdm

from touchline.core import actions, schema
from touchline.core.files import atomic_folder
from touchline.core.schema import ALL
from touchline.evaluation import ground_truth
from touchline.evaluation.matching import pairs
from touchline.report.plot_style import TRUTH, TRUTH_COLOUR, colours, finish, save, shapes

ALL_NAME = "All actions"
CHARACTER_PX = 7.5  # room for a letter of a label, whichever font the reader has
RULE = {"protocol": "full", "matching": "many"}


class Models:
    """The models of a figure, in its order, and how they look."""

    def __init__(self, names: list[str], baselines: list[str]) -> None:
        self.names = names
        self.colours, self.shapes = colours(names, baselines), shapes(names, baselines)

    def colour(self, **legend) -> alt.Color:
        scale = alt.Scale(domain=self.names, range=[self.colours[name] for name in self.names])
        return alt.Color("model:N", scale=scale, title=None, **legend)

    def shape(self) -> alt.Shape:
        scale = alt.Scale(domain=self.names, range=[self.shapes[name] for name in self.names])
        return alt.Shape("model:N", scale=scale, title=None)


def f1_per_action(metrics: pl.DataFrame, models: Models) -> alt.Chart:
    """Draw F1 of every action and model with its interval; `metrics` is metrics.csv."""
    rows = metrics.filter(**RULE).with_columns(action=_named("action"))
    order = [ALL_NAME, *sorted(set(rows["action"]) - {ALL_NAME})]
    base = alt.Chart(rows.select("model", "action", "f1", "f1_low", "f1_high")).encode(
        y=alt.Y("action:N", sort=order, title=None, axis=_named_axis(order)),
        yOffset=alt.YOffset("model:N", sort=models.names),
        color=models.colour(),
    )
    span = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("f1_low:Q", title="F1", scale=alt.Scale(domainMin=0)), x2="f1_high:Q"
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("f1:Q"), shape=models.shape()
    )
    return finish((span + points).properties(width=320, height=alt.Step(12)))


def precision_recall(curve: pl.DataFrame, metrics: pl.DataFrame, models: Models) -> alt.Chart:
    """Draw precision against recall as the threshold falls; a mark is where the tables are."""
    columns = ["model", "action", "precision", "recall", "threshold", "kind"]
    chosen = metrics.filter(**RULE).with_columns(threshold=pl.lit(0.0), kind=pl.lit("chosen"))
    falling = curve.with_columns(kind=pl.lit("curve"))
    rows = pl.concat([falling.select(columns), chosen.select(columns)])
    rows = rows.drop_nulls().with_columns(action=_named("action"))
    order = [ALL_NAME, *sorted(set(rows["action"]) - {ALL_NAME})]
    base = alt.Chart().encode(
        x=alt.X("recall:Q", title="recall", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("precision:Q", title="precision", scale=alt.Scale(domain=[0, 1])),
        color=models.colour(),
    )
    lines = base.mark_line(strokeWidth=1.5, clip=True).encode(order="recall:Q")
    marks = base.mark_point(filled=True, size=60, opacity=1).encode(shape=models.shape())
    layers = alt.layer(
        lines.transform_filter("datum.kind == 'curve'"),
        marks.transform_filter("datum.kind == 'chosen'"),
        data=rows,
    ).properties(width=175, height=110)
    return finish(layers.facet(alt.Facet("action:N", sort=order, title=None), columns=2))


def reliability(bins: pl.DataFrame, models: Models) -> alt.Chart:
    """Draw the share of answers that match against their confidence; `bins` is reliability.csv."""
    base = alt.Chart(bins.select("model", "answers", "confidence", "matched")).encode(
        x=alt.X("confidence:Q", title="mean confidence", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("matched:Q", title="share that matches", scale=alt.Scale(domain=[0, 1])),
        color=models.colour(),
    )
    marks = base.mark_point(filled=True, opacity=1).encode(
        shape=models.shape(),
        size=alt.Size("answers:Q", scale=alt.Scale(type="log", range=[15, 150]), legend=None),
    )
    ends = pl.DataFrame({"confidence": [0.0, 1.0], "matched": [0.0, 1.0]})
    diagonal = alt.Chart(ends).mark_line(color="#999999", strokeDash=[4, 4], strokeWidth=1)
    diagonal = diagonal.encode(x="confidence:Q", y="matched:Q")
    chart = diagonal + base.mark_line(strokeWidth=1.5) + marks
    return finish(chart.properties(width=320, height=280))


def timeline(truths: pl.DataFrame, answers: pl.DataFrame, models: Models) -> alt.Chart:
    """Draw the events of a match against the answers of every model.

    `truths` (half, action, time_s, found) and `answers` (model, half, action, time_s, hit). Long
    bars are found events and answers that match one, short pale ones the others.
    """
    rows = pl.concat(
        [
            truths.select(pl.lit(TRUTH).alias("model"), "half", "action", "time_s", hit="found"),
            answers.select("model", "half", "action", "time_s", "hit"),
        ]
    ).with_columns(
        action=_named("action"),
        minute=pl.col("time_s") / 60,
        half=pl.lit("half ") + pl.col("half").cast(pl.String),
    )
    names = [TRUTH, *models.names]
    scale = alt.Scale(
        domain=names, range=[TRUTH_COLOUR, *(models.colours[name] for name in models.names)]
    )
    matches, is_truth = alt.datum.hit, alt.datum.model == TRUTH
    chart = (
        alt.Chart(rows.drop("time_s"))
        .mark_tick(thickness=2.4, orient="vertical")
        .encode(
            x=alt.X("minute:Q", title="minute", scale=alt.Scale(domainMin=0, nice=False)),
            y=alt.Y("action:N", title=None, axis=_named_axis(rows["action"])),
            yOffset=alt.YOffset("model:N", sort=names),
            color=alt.Color("model:N", scale=scale, title=None),
            size=alt.condition(matches, alt.value(10), alt.value(5)),
            opacity=alt.condition(matches | is_truth, alt.value(1), alt.value(0.6)),
        )
        .properties(width=350, height=alt.Step(10))
        .facet(row=alt.Row("half:N", title=None, header=alt.Header(orient="top")))
    )
    return finish(chart)


def _named_axis(names: Iterable[str]) -> alt.Axis:
    """Return an axis of names with room for the longest."""
    room = max(map(len, names), default=0) * CHARACTER_PX
    return alt.Axis(domain=False, ticks=False, minExtent=room, labelPadding=9)


def _named(column: str) -> pl.Expr:
    return pl.col(column).map_elements(
        lambda action: ALL_NAME if action == ALL else actions.action_name(action), pl.String
    )


def matched(
    truths: pl.DataFrame, answers: dict[str, pl.DataFrame], baselines: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (truths with `found`, answers that count with `model`, `time_s` and `hit`).

    A truth is found when any model but the baselines found it; time_s of an answer is its middle.
    """
    found, tables = set(), []
    for model, table in answers.items():
        said = table.filter("counted")
        hits = pairs(said, truths)
        found |= set() if model in baselines else set(hits["truth"])
        middle = (pl.col("start_s") + pl.col("end_s")) / 2
        number = pl.int_range(pl.len())
        tables.append(
            said.with_columns(
                model=pl.lit(model), time_s=middle, hit=number.is_in(hits["answer"].implode())
            )
        )
    marked = truths.with_columns(
        found=pl.int_range(pl.len()).is_in(pl.Series(sorted(found)).implode())
    )
    return marked, pl.concat(tables)


def main(argv: list[str]) -> None:
    """Write all figures."""
    parser = argparse.ArgumentParser(prog="touchline figures", description=__doc__)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="the constant ones of the models"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path("results/figures"), help="(%(default)s)"
    )
    args = parser.parse_args(argv)
    results = args.results
    models = Models(args.models, args.baselines)
    metrics = schema.read_csv(results / "metrics.csv")
    save(f1_per_action(metrics, models), args.folder / "f1.svg")
    curve = schema.read_csv(results / "precision_recall.csv")
    save(precision_recall(curve, metrics, models), args.folder / "precision_recall.svg")
    bins = schema.read_csv(results / "reliability.csv")
    bins = bins.filter(~pl.col("model").is_in(args.baselines))
    others = Models([name for name in args.models if name not in args.baselines], [])
    save(reliability(bins, others), args.folder / "reliability.svg")
    answers = {
        model: schema.read(results / f"scores/{model}.answers.parquet", schema.ANSWERS)
        for model in args.models
    }
    scores = schema.read(results / f"scores/{args.models[0]}.parquet", schema.SCORES)
    samples, truths = ground_truth.read(
        scores["match"].unique().sort().to_list(),
        f"{results}/samples/{{match}}.parquet",
        f"{results}/labels/{{match}}.parquet",
    )
    truths, said = matched(truths, answers, args.baselines)
    with atomic_folder(args.folder / "timelines") as folder:
        for match in tqdm(samples["match"].unique(maintain_order=True), unit="match"):
            drawn = timeline(truths.filter(match=match), said.filter(match=match), models)
            save(drawn, folder / f"{match}.svg")

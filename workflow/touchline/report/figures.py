"""Figures as SVG: F1 per action, precision–recall curves, calibration, timelines of the matches.

They are about 950 pixels wide, as a page is; the reliability diagram is about half of it.
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
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.evaluation.matching import pairs
from touchline.report.plot_style import TRUTH, TRUTH_COLOUR, colours, finish, save, shapes

ALL_NAME = "All actions"
PLOT_PX = 800  # width of what is plotted, without the names of the actions
CHARACTER_PX = 7.5  # upper bound of a letter's width in the fonts that a reader may have
RULE = {"protocol": "full", "matching": "many"}


class Models:
    """The models of a figure in their order, with the colour and shape of each."""

    def __init__(self, names: list[str], baselines: list[str]) -> None:
        self.names = names
        self.colours, self.shapes = colours(names, baselines), shapes(names, baselines)

    def colour(self) -> alt.Color:
        """Return the colour encoding of the column `model`."""
        scale = alt.Scale(domain=self.names, range=[self.colours[name] for name in self.names])
        return alt.Color("model:N", scale=scale, title=None)

    def shape(self) -> alt.Shape:
        """Return the shape encoding of the column `model`."""
        scale = alt.Scale(domain=self.names, range=[self.shapes[name] for name in self.names])
        return alt.Shape("model:N", scale=scale, title=None)


def draw_f1(metrics: pl.DataFrame, models: Models) -> alt.LayerChart:
    """Return the chart of F1 of every action and model with intervals; `metrics` is metrics.csv."""
    rows = metrics.filter(**RULE).with_columns(action=_named("action"))
    order = [ALL_NAME, *sorted(set(rows["action"]) - {ALL_NAME})]
    base = alt.Chart(rows.select("model", "action", "f1", "f1_low", "f1_high")).encode(
        y=alt.Y("action:N", sort=order, title=None, axis=_named_axis(order)),
        yOffset=alt.YOffset("model:N", sort=models.names),
        color=models.colour(),
    )
    intervals = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("f1_low:Q", title="F1", scale=alt.Scale(domainMin=0), axis=alt.Axis(tickCount=10)),
        x2="f1_high:Q",
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("f1:Q"), shape=models.shape()
    )
    return finish((intervals + points).properties(width=PLOT_PX, height=alt.Step(12)))


def draw_precision_recall(
    curve: pl.DataFrame, metrics: pl.DataFrame, models: Models
) -> alt.FacetChart:
    """Return the charts of precision against recall, one per action.

    `curve` is precision_recall.csv. A mark shows the precision and recall of `metrics`,
    metrics.csv.
    """
    columns = ["model", "action", "precision", "recall", "threshold", "kind"]
    points = metrics.filter(**RULE).with_columns(threshold=pl.lit(0.0), kind=pl.lit("point"))
    curves = curve.with_columns(kind=pl.lit("curve"))
    rows = pl.concat([curves.select(columns), points.select(columns)])
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
        marks.transform_filter("datum.kind == 'point'"),
        data=rows,
    ).properties(width=PLOT_PX / 4 - 5, height=110)
    return finish(layers.facet(alt.Facet("action:N", sort=order, title=None), columns=4))


def draw_reliability(bins: pl.DataFrame, models: Models) -> alt.LayerChart:
    """Return the reliability diagram; `bins` is reliability.csv."""
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
    return finish(chart.properties(width=320, height=280), legend_columns=3)


def draw_timeline(truths: pl.DataFrame, answers: pl.DataFrame, models: Models) -> alt.FacetChart:
    """Return the timeline of a match: its events and the answers of every model.

    `truths` (half, action, time_s, found) and `answers` (model, half, action, time_s, hit) are from
    `mark_hits`. Long bars are events that were found and answers that match one, short pale bars
    the others. The halves are side by side; one in which nothing is has no place.
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
    is_hit, is_truth = alt.datum.hit, alt.datum.model == TRUTH
    chart = (
        alt.Chart(rows.drop("time_s"))
        .mark_tick(thickness=2.4, orient="vertical")
        .encode(
            x=alt.X(
                "minute:Q",
                title="minute",
                scale=alt.Scale(domainMin=0, nice=False),
                axis=alt.Axis(tickCount=8),
            ),
            y=alt.Y("action:N", title=None, axis=_named_axis(rows["action"])),
            yOffset=alt.YOffset("model:N", sort=names),
            color=alt.Color("model:N", scale=scale, title=None),
            size=alt.condition(is_hit, alt.value(10), alt.value(5)),
            opacity=alt.condition(is_hit | is_truth, alt.value(1), alt.value(0.6)),
        )
        .properties(width=PLOT_PX / max(1, rows["half"].n_unique()) - 10, height=alt.Step(10))
        .facet(column=alt.Column("half:N", title=None))
    )
    return finish(chart)


def _named_axis(names: Iterable[str]) -> alt.Axis:
    """Return an axis of names, wide enough for the longest."""
    width_px = max(map(len, names), default=0) * CHARACTER_PX
    return alt.Axis(domain=False, ticks=False, minExtent=width_px, labelPadding=9)


def _named(column: str) -> pl.Expr:
    return pl.col(column).map_elements(
        lambda action: ALL_NAME if action == ALL else actions.action_name(action), pl.String
    )


def mark_hits(
    truths: pl.DataFrame, answers: dict[str, pl.DataFrame], baselines: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (truths with `found`, answers above the threshold with `model`, `time_s` and `hit`).

    An event is found if it matches an answer of any model but the baselines; `time_s` of an answer
    is the middle of its interval.
    """
    found_truths: set[int] = set()
    tables = []
    for model, table in answers.items():
        counted = table.filter("counted")
        hits = pairs(counted, truths)
        found_truths |= set() if model in baselines else set(hits["truth"])
        middle = (pl.col("start_s") + pl.col("end_s")) / 2
        row = pl.int_range(pl.len())
        tables.append(
            counted.with_columns(
                model=pl.lit(model), time_s=middle, hit=row.is_in(hits["answer"].implode())
            )
        )
    marked = truths.with_columns(
        found=pl.int_range(pl.len()).is_in(pl.Series(sorted(found_truths)).implode())
    )
    return marked, pl.concat(tables)


def main(argv: list[str]) -> None:
    """Write all figures."""
    parser = argparse.ArgumentParser(prog="touchline figures", description=__doc__)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="those of the models that are constant baselines"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path("results/figures"), help="(%(default)s)"
    )
    args = parser.parse_args(argv)
    results = args.results
    models = Models(args.models, args.baselines)
    metrics = schema.read_csv(results / "metrics.csv")
    save(draw_f1(metrics, models), args.folder / "f1.svg")
    curve = schema.read_csv(results / "precision_recall.csv")
    save(draw_precision_recall(curve, metrics, models), args.folder / "precision_recall.svg")
    bins = schema.read_csv(results / "reliability.csv")
    bins = bins.filter(~pl.col("model").is_in(args.baselines))
    others = Models([name for name in args.models if name not in args.baselines], [])
    save(draw_reliability(bins, others), args.folder / "reliability.svg")
    answers = {
        model: schema.read(results / f"scores/{model}.answers.parquet", schema.ANSWERS)
        for model in args.models
    }
    scores = schema.read(results / f"scores/{args.models[0]}.parquet", schema.SCORES)
    samples, truths = read_ground_truth(
        scores["match"].unique().sort().to_list(),
        f"{results}/samples/{{match}}.parquet",
        f"{results}/labels/{{match}}.parquet",
    )
    truths, all_answers = mark_hits(truths, answers, args.baselines)
    with atomic_folder(args.folder / "timelines") as folder:
        for match in tqdm(samples["match"].unique(maintain_order=True), unit="match"):
            chart = draw_timeline(
                truths.filter(match=match), all_answers.filter(match=match), models
            )
            save(chart, folder / f"{match}.svg")

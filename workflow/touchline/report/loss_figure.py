"""Figure of the training loss of every fine-tuned model: each step and its running mean."""

import argparse
import math
from pathlib import Path

import altair as alt
import polars as pl

from touchline.core import schema
from touchline.report.plot_style import colours, finish, save, shapes

MAX_STEPS = 500  # drawn of a model
SMOOTHING = 20  # the running mean is over the steps divided by this


def curve(log: pl.DataFrame) -> pl.DataFrame:
    """Return at most `MAX_STEPS` steps (columns step, loss, mean) of a log (columns `schema.LOG`).

    Steps without a loss are left out; `mean` is the centred running mean of the loss.
    """
    steps = log.select("step", "loss").drop_nulls()
    window = max(1, round(len(steps) / SMOOTHING))
    mean = pl.col("loss").rolling_mean(window, min_samples=1, center=True)
    return steps.with_columns(mean=mean).gather_every(math.ceil(len(steps) / MAX_STEPS) or 1)


def draw_loss(curves: pl.DataFrame, models: list[str], baselines: list[str]) -> alt.LayerChart:
    """Return the chart of the curves (columns model, step, loss, mean).

    `models` are all models of the run, so that each has the same colour in every figure. A mark at
    the end of each curve distinguishes the models in print.
    """
    drawn = curves["model"].unique(maintain_order=True).to_list()
    colour, shape = colours(models, baselines), shapes(models, baselines)

    def scale(style: dict[str, str]) -> alt.Scale:
        return alt.Scale(domain=drawn, range=[style[model] for model in drawn])

    def loss_axis(column: str) -> alt.Y:
        scale = alt.Scale(type="log", nice=False)
        return alt.Y(f"{column}:Q", title="loss per answer token", scale=scale)

    base = alt.Chart(curves).encode(
        x=alt.X("step:Q", title="step", scale=alt.Scale(domainMin=0, nice=False)),
        color=alt.Color(
            "model:N", scale=scale(colour), title=None, legend=alt.Legend(symbolOpacity=1)
        ),
    )
    steps = base.mark_line(strokeWidth=1, opacity=0.35).encode(y=loss_axis("loss"))
    mean = base.mark_line(strokeWidth=2.2).encode(y=loss_axis("mean"))
    ends = curves.group_by("model", maintain_order=True).last()
    marks = (
        alt.Chart(ends)
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x="step:Q",
            y=loss_axis("mean"),
            color=alt.Color("model:N", scale=scale(colour)),
            shape=alt.Shape("model:N", scale=scale(shape), title=None),
        )
    )
    return finish((steps + mean + marks).properties(width=380, height=220))


def main(argv: list[str]) -> None:
    """Write the figure of the training loss."""
    parser = argparse.ArgumentParser(prog="touchline loss_figure", description=__doc__)
    parser.add_argument(
        "--trained", nargs="+", required=True, metavar="MODEL", help="the models to draw"
    )
    parser.add_argument(
        "--models", nargs="*", default=[], help="all models of the run, for the colours"
    )
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="those of the models that are constant baselines"
    )
    parser.add_argument(
        "--logs", default="results/models/{model}/log.parquet", help="(%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("results/figures/loss.svg"))
    args = parser.parse_args(argv)
    curves = [
        curve(schema.read(args.logs.format(model=model), schema.LOG)).with_columns(
            model=pl.lit(model)
        )
        for model in args.trained
    ]
    chart = draw_loss(pl.concat(curves), args.models or args.trained, args.baselines)
    save(chart, args.out)

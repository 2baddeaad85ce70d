"""The figure of the training loss: every step faint, its running mean bold, for each trained model."""

import argparse
from pathlib import Path

import altair as alt
import polars as pl

from touchline.core import schema
from touchline.report.plot_style import colours, finish, save, shapes

DRAWN = 500  # steps of a model that are drawn at most
SMOOTHED = 20  # the running mean is over this part of the steps


def curve(log: pl.DataFrame) -> pl.DataFrame:
    """Return the steps to draw (columns step, loss, mean) of a log (columns `schema.LOG`).

    Steps without a loss are left out; the mean is over the steps around each.
    """
    steps = log.select("step", "loss").drop_nulls()
    window = max(1, round(len(steps) / SMOOTHED))
    mean = pl.col("loss").rolling_mean(window, min_samples=1, center=True)
    return steps.with_columns(mean=mean).gather_every(-(-len(steps) // DRAWN) or 1)


def draw(curves: pl.DataFrame, models: list[str], baselines: list[str]) -> alt.LayerChart:
    """Draw the curves (columns model, step, loss, mean); `models` are all of the study.

    So a model looks the same in every figure. A mark ends each curve, to tell them apart in print.
    """
    drawn = curves["model"].unique(maintain_order=True).to_list()
    colour, shape = colours(models, baselines), shapes(models, baselines)

    def scale(kinds: dict[str, str]) -> alt.Scale:
        return alt.Scale(domain=drawn, range=[kinds[model] for model in drawn])

    base = alt.Chart(curves).encode(
        x=alt.X("step:Q", title="step", scale=alt.Scale(domainMin=0, nice=False)),
        color=alt.Color(
            "model:N", scale=scale(colour), title=None, legend=alt.Legend(symbolOpacity=1)
        ),
    )
    loss = {"title": "loss per answer token", "scale": alt.Scale(type="log", nice=False)}
    each = base.mark_line(strokeWidth=1, opacity=0.35).encode(y=alt.Y("loss:Q", **loss))
    mean = base.mark_line(strokeWidth=2.2).encode(y=alt.Y("mean:Q", **loss))
    ends = curves.group_by("model", maintain_order=True).last()
    last = (
        alt.Chart(ends)
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x="step:Q",
            y=alt.Y("mean:Q", **loss),
            color=alt.Color("model:N", scale=scale(colour)),
            shape=alt.Shape("model:N", scale=scale(shape), title=None),
        )
    )
    return finish((each + mean + last).properties(width=380, height=220))


def main(argv: list[str]) -> None:
    """Draw the training loss of some models."""
    parser = argparse.ArgumentParser(prog="touchline loss_figure", description=__doc__)
    parser.add_argument("--trained", nargs="+", required=True, metavar="MODEL", help="to draw")
    parser.add_argument("--models", nargs="*", default=[], help="all of the study, for the colours")
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="the constant ones of the models"
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
    chart = draw(pl.concat(curves), args.models or args.trained, args.baselines)
    save(chart, args.out)

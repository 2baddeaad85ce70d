"""Plot style: a colour-blind-safe colour and a mark shape for each model, fonts and axes.

The colours are those of Okabe and Ito (2008), the darkest first; a constant baseline is grey, the
ground truth black.
"""

from pathlib import Path
from typing import TypeVar

import altair as alt

from touchline.core.files import atomic_file

Chart = TypeVar("Chart", bound=alt.TopLevelMixin)

FONT = "Helvetica, Arial, sans-serif"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right")
BASELINE_COLOUR, BASELINE_SHAPE = "#777777", "cross"
TRUTH, TRUTH_COLOUR = "truth", "#000000"


def colours(models: list[str], baselines: list[str]) -> dict[str, str]:
    """Return the colour of each model; `baselines` are the constant baselines among them."""
    return _assign(models, baselines, COLOURS, BASELINE_COLOUR)


def shapes(models: list[str], baselines: list[str]) -> dict[str, str]:
    """Return the Vega shape of each model; those with the same colour have different ones."""
    rounds = (SHAPES[number % len(SHAPES) :] + SHAPES for number in range(len(SHAPES)))
    shifted = tuple(shape for shapes in rounds for shape in shapes[: len(COLOURS)])
    return _assign(models, baselines, shifted, BASELINE_SHAPE)


def _assign(
    models: list[str], baselines: list[str], styles: tuple[str, ...], baseline_style: str
) -> dict[str, str]:
    others = [model for model in models if model not in baselines]
    assigned = {model: styles[number % len(styles)] for number, model in enumerate(others)}
    return {model: assigned.get(model, baseline_style) for model in models}


def finish(chart: Chart, legend_columns: int = 7) -> Chart:
    """Return a chart with the fonts, padding, axes and legend of all figures."""
    return (
        chart.configure(
            font=FONT,
            background="white",
            padding={"left": 4, "right": 14, "top": 4, "bottom": 4},
            aria=False,
        )
        .configure_view(stroke="#dddddd")
        .configure_axis(
            labelFontSize=11, titleFontSize=11, titleFontWeight="normal", gridColor="#eee"
        )
        .configure_legend(
            orient="top",
            labelFontSize=12,
            symbolSize=70,
            labelLimit=300,
            columns=legend_columns,
            columnPadding=24,  # letters are wider in some browsers than they are reckoned here
        )
        .configure_header(labelFontSize=12, labelFontWeight="bold", labelPadding=2)
    )


def save(chart: alt.TopLevelMixin, path: Path) -> None:
    """Write a chart as SVG, atomically."""
    with atomic_file(path) as partial:
        chart.save(partial, format="svg")

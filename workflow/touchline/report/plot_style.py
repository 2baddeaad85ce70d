"""How figures and the page tell models apart: by colour, which colour-blind people see, and by shape.

The colours are those of Okabe and Ito (2008), the darkest first; a constant baseline is grey, the truth
black.
"""

from pathlib import Path

import altair as alt

from touchline.core.files import atomic_file

FONT = "Helvetica, Arial, sans-serif"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right")
BASELINE_COLOUR, BASELINE_SHAPE = "#777777", "cross"
TRUTH, TRUTH_COLOUR = "truth", "#000000"


def colours(models: list[str], baselines: list[str]) -> dict[str, str]:
    """Return the colour of each model; `baselines` are the constant ones."""
    return _assign(models, baselines, COLOURS, BASELINE_COLOUR)


def shapes(models: list[str], baselines: list[str]) -> dict[str, str]:
    """Return the Vega shape of each model."""
    return _assign(models, baselines, SHAPES, BASELINE_SHAPE)


def _assign(models: list[str], baselines: list[str], kinds: tuple, baseline: str) -> dict[str, str]:
    others = [model for model in models if model not in baselines]
    chosen = {model: kinds[number % len(kinds)] for number, model in enumerate(others)}
    return {model: chosen.get(model, baseline) for model in models}


def finish(chart: alt.Chart) -> alt.Chart:
    """Give a chart the look of all figures."""
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
        .configure_legend(orient="top", labelFontSize=12, symbolSize=70, labelLimit=300)
        .configure_header(labelFontSize=12, labelFontWeight="bold", labelPadding=2)
    )


def save(chart: alt.Chart, path: Path) -> None:
    """Write a chart as SVG, whole."""
    with atomic_file(path) as partial:
        chart.save(partial, format="svg")

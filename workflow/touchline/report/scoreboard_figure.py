"""Figure of a scoreboard's readings over the video's time: clock and fit, residuals, score and goals."""

import argparse
from pathlib import Path

import altair as alt
import polars as pl

from touchline.core import schema
from touchline.report.plot_style import COLOURS, finish, save
from touchline.scoreboard import result
from touchline.scoreboard.result import Scoreboard

_WIDTH = 640
_ZERO_MIN = {1: 0.0, 2: 45.0, 3: 90.0, 4: 105.0}


def draw_scoreboard(readings: pl.DataFrame, board: Scoreboard) -> alt.VConcatChart:
    """Return the chart of the readings (columns `schema.READINGS`) and of what they say."""
    minutes = alt.X("minute:Q", title="video, minutes", scale=alt.Scale(nice=False))
    table = readings.select(
        "residual_s",
        "left",
        "right",
        minute=pl.col("time_s") / 60,
        clock_min=pl.col("clock_s") / 60,
        half=pl.col("half").cast(pl.String),
    )
    numbers = [str(half.half) for half in board.halves]
    colour = alt.Color(
        "half:N", title="half", scale=alt.Scale(domain=numbers, range=list(COLOURS[: len(numbers)]))
    )
    used = table.drop_nulls("half")
    points = alt.Chart(used).mark_point(size=10, filled=True).encode(
        x=minutes, y=alt.Y("clock_min:Q", title="match clock, minutes"), color=colour
    )  # fmt: skip
    ends = pl.DataFrame(
        [
            {"minute": max(0.0, time_s) / 60, "half": str(half.half), "clock_min": clock_s / 60}
            for half in board.halves
            for time_s in (max(0.0, half.start_s), half.end_s)
            for clock_s in [_zero_s(readings, half) + half.slope * (time_s - half.start_s)]
        ],
        schema={"minute": pl.Float64, "half": pl.String, "clock_min": pl.Float64},
    )
    fit = alt.Chart(ends).mark_line(strokeWidth=1).encode(x=minutes, y="clock_min:Q", color=colour)
    residuals = alt.Chart(used.drop_nulls("residual_s")).mark_point(size=10, filled=True).encode(
        x=minutes, y=alt.Y("residual_s:Q", title="residual, s"), color=colour
    )  # fmt: skip
    sides = (
        used.unpivot(["left", "right"], index="minute", variable_name="side", value_name="goals")
        .drop_nulls("goals")
    )  # fmt: skip
    goals = pl.DataFrame(
        [
            {"minute": goal.time_s / 60, "earliest": goal.earliest_s / 60, "side": goal.side,
             "goals": goal.left if goal.side == "left" else goal.right}
            for goal in board.goals
        ],
        schema={"minute": pl.Float64, "earliest": pl.Float64, "side": pl.String, "goals": pl.Int64},
    )  # fmt: skip
    side = alt.Shape("side:N", title="side")
    read = alt.Chart(sides).mark_point(size=14, opacity=0.5).encode(
        x=minutes, y=alt.Y("goals:Q", title="score", axis=alt.Axis(tickMinStep=1)), shape=side
    )  # fmt: skip
    marks = alt.Chart(goals).mark_rule(color="#000000").encode(
        x=alt.X("earliest:Q"), x2="minute:Q", y="goals:Q"
    ) + alt.Chart(goals).mark_point(size=90, filled=True, color="#000000").encode(
        x=minutes, y="goals:Q", shape=side
    )  # fmt: skip
    panels = [
        (fit + points).properties(width=_WIDTH, height=180),
        residuals.properties(width=_WIDTH, height=70),
        (read + marks).properties(width=_WIDTH, height=110),
    ]
    return finish(alt.vconcat(*panels).resolve_scale(x="shared", color="shared"))


def _zero_s(readings: pl.DataFrame, half: result.HalfClock) -> float:
    """Return what the clock shows at the start of a half, from one of its readings."""
    mine = readings.filter((pl.col("half") == half.half) & pl.col("residual_s").is_not_null())
    if mine.is_empty():
        return 60 * _ZERO_MIN.get(half.half, 0.0)
    error_s = mine["clock_s"] - half.slope * (mine["time_s"] - half.start_s)
    shown_s = float(error_s.median())  # type: ignore[arg-type]
    return min((60 * zero for zero in _ZERO_MIN.values()), key=lambda zero_s: abs(zero_s - shown_s))


def main(argv: list[str]) -> None:
    """Write the figure of what `touchline scoreboard` read."""
    parser = argparse.ArgumentParser(prog="touchline scoreboard_figure", description=__doc__)
    parser.add_argument("scoreboard", type=Path, help="the file of touchline scoreboard")
    parser.add_argument("--out", type=Path, required=True, metavar="SVG")
    args = parser.parse_args(argv)
    readings = schema.read(args.scoreboard, schema.READINGS)
    save(draw_scoreboard(readings, result.load(args.scoreboard)), args.out)

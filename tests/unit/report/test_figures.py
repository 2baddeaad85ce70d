"""Figures: one timeline per match, and the same bytes for the same results."""

import polars as pl
import pytest

from report_study import MATCHES, draw_figures
from touchline.report.figures import Models, draw_timeline


def test_figures_are_of_every_match_and_the_same_bytes_again(reported_study, tmp_path):
    results = reported_study / "results"
    draw_figures(
        models=["baseline", "linear"], baselines=["baseline"], results=results, folder=tmp_path
    )
    charts = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.svg"))
    assert [str(path) for path in charts] == [
        "f1.svg", "precision_recall.svg", "reliability.svg", *(f"timelines/{match}.svg" for match in MATCHES),
    ]  # fmt: skip
    for path in charts:
        assert (tmp_path / path).read_bytes() == (results / "figures" / path).read_bytes()
        assert b"linear" in (tmp_path / path).read_bytes()


@pytest.mark.parametrize("halves", [(1, 2), (2,)])
def test_a_timeline_has_a_column_for_each_half_in_which_something_is(halves):
    truths = pl.DataFrame(
        [(half, "goal", 600.0, True) for half in halves],
        schema=["half", "action", "time_s", "found"], orient="row",
    )  # fmt: skip
    answers = pl.DataFrame(
        schema={"model": pl.String, "half": pl.Int64, "action": pl.String, "time_s": pl.Float64, "hit": pl.Boolean}
    )  # fmt: skip
    chart = draw_timeline(truths, answers, Models(["linear"], [])).to_dict()
    (rows,) = chart["datasets"].values()
    assert [row["half"] for row in rows] == [f"half {half}" for half in halves]
    assert chart["facet"]["column"]["field"] == "half"
    # Together they are as wide whatever their number.
    assert 780 <= chart["spec"]["width"] * len(halves) <= 800

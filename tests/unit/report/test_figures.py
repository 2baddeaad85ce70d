"""Figures: one timeline per match, and the same bytes for the same results."""

from report_study import MATCHES, draw_figures


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

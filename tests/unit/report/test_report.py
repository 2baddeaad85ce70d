"""The content of the report."""

from touchline.report import report


def test_the_page_does_without_a_loss_figure_and_attempts(reported_study):
    content = report.collect(reported_study / "results", ["baseline", "linear"], ["baseline"], 0.95)
    content |= {"loss": None, "attempts": [], "problems": [], "split": "", "confidence_level": 0.9}
    page = report.render(content | {"resamples": 7})
    assert "Training" not in page
    assert "Nothing was left out" in page
    assert "90 % intervals" in page

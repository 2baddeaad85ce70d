"""The content of the report."""

from report_study import MATCHES
from touchline.report import report


def test_the_page_does_without_a_loss_figure_and_attempts(reported_study):
    content = report.collect(reported_study / "results", ["baseline", "linear"], ["baseline"], 0.95)
    content |= {"loss": None, "attempts": [], "problems": [], "split": "", "confidence_level": 0.9}
    page = report.render(content | {"resamples": 7})
    assert "Training" not in page
    assert "Nothing was left out" in page
    assert "90 % intervals" in page


def test_matches_are_called_as_people_call_them(reported_study):
    titles = {match: f"Home <{match}> 1–0 Away" for match in MATCHES}
    models = (["baseline", "linear"], ["baseline"], 0.95)
    content = report.collect(reported_study / "results", *models, titles)
    written = {match for _, match, _ in content["timelines"]}
    written |= {moment.match for moments in content["moments"].values() for moment in moments}
    assert len(written) > 2
    assert written <= set(titles.values())
    page = report.render(content | {"split": "", "resamples": 7, "confidence_level": 0.9})
    assert "<figcaption>Home &lt;" in page

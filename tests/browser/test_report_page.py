"""The report in a browser: complete, without a network, with text from outside shown as text."""

import pytest

import small_study
from browser import opened
from report_study import HOSTILE, baseline_spots
from touchline.core import schema
from touchline.report import figures, report


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_complete_without_a_network(reported_study, width):
    with opened(reported_study / "results/report.html", width) as opened_page:
        page = opened_page.page
        assert opened_page.messages == []
        assert opened_page.requests == []
        assert (
            page.locator("h1")
            .inner_text()
            .startswith("linear is better than the constant baseline, by 0.")
        )
        # Nothing sticks out sideways; wide tables scroll in their own box.
        assert page.evaluate("document.documentElement.scrollWidth") == width
        pictures = page.evaluate(
            "[...document.images].map(image => [image.complete, image.naturalWidth])"
        )
        assert len(pictures) == 7  # three figures, three timelines, the loss
        assert all(complete and pixels > 0 for complete, pixels in pictures)
        for address in page.evaluate("[...document.links].map(link => link.getAttribute('href'))"):
            assert page.locator(address).count() == 1


def test_text_from_outside_shows_as_text_and_runs_nowhere(reported_study):
    with opened(reported_study / "results/report.html") as opened_page:
        page = opened_page.page
        assert page.title().startswith("Touchline: linear is better")
        assert page.locator("script").count() == 0
        assert page.locator("main b").count() == 0
        text = page.locator("main").inner_text()
        assert f":00 {HOSTILE}" in page.locator("#moments + p + .trio").inner_text()
        assert text.count(HOSTILE) > 4  # commentary, the problem's three texts, the attempt
        assert page.evaluate("document.querySelectorAll('svg').length") == 0  # images only
        assert opened_page.messages == []


def test_the_page_has_every_table_and_the_training(reported_study):
    with opened(reported_study / "results/report.html") as opened_page:
        titles = opened_page.page.locator("main h3").all_inner_texts()
        assert [title for title in titles if "F1 per action" in title]
        assert "Answers by status" in titles
        assert "Training attempts of linear" in titles
        assert opened_page.page.locator("#training").count() == 1
        cells = opened_page.page.locator("h3#overall ~ .scroll").first.locator("tbody tr")
        assert cells.count() == 8


def test_the_page_of_a_single_match_is_complete(tmp_path):
    results = tmp_path / "results"
    small_study.lay(tmp_path, {"a": small_study.events(0)})
    samples = schema.read(results / "samples/a.parquet", schema.SAMPLES)
    small_study.answer(tmp_path, "baseline", {"a": baseline_spots(samples)})
    small_study.finish(tmp_path, ["baseline"], ["a"])
    models = {"models": ["baseline"], "baselines": ["baseline"], "results": results}
    figures.main(small_study.arguments(**models, folder=results / "figures"))
    report.main(small_study.arguments(**models, out=results / "report.html"))
    with opened(results / "report.html", 390) as opened_page:
        assert (
            opened_page.page.locator("h1").inner_text() == "Only constant baselines were compared"
        )
        assert "Only 1 match was scored" in opened_page.page.locator("header").inner_text()
        assert opened_page.messages == []

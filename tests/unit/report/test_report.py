import json

import numpy as np
import polars as pl
import pytest

import small_study
from browser import opened
from project import stage
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, Problem
from touchline.evaluation.ground_truth import read_ground_truth
from touchline.report import figures, plot_style, qualitative, report

MATCHES = list("abcdefghij")
HOSTILE = "<script>document.title = 'run'</script> & <b>bold</b> ü"
LOSS = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4" onload="x()"><rect width="4"/></svg>'


def baseline(samples):
    """Return the middle of every chunk."""
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    return samples.select("half", "action", time_s=middle, confidence=1.0)


def draw(**settings):
    """Draw the figures in a process of their own: names inside a file count up within one."""
    stage("figures", *small_study.arguments(**settings), cwd=settings["folder"].parent)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study of a model and a baseline, with hostile text wherever text comes from outside."""
    folder = tmp_path_factory.mktemp("study")
    labels = {match: small_study.events(seed) for seed, match in enumerate(MATCHES)}
    small_study.lay(folder, labels, text=HOSTILE)
    samples = schema.read(folder / "results/samples/a.parquet", schema.SAMPLES)
    spots = {
        match: small_study.random_spots(seed, labels[match]) for seed, match in enumerate(MATCHES)
    }
    small_study.answer(folder, "linear", spots, threshold=0.4)
    small_study.answer(folder, "baseline", dict.fromkeys(MATCHES, baseline(samples)))
    small_study.finish(folder, ["baseline", "linear"], MATCHES)
    results = folder / "results"
    problem = Problem(HOSTILE, "labels", HOSTILE, HOSTILE, MATCH_SET_ASIDE)
    pl.DataFrame([problem.__dict__]).write_csv(results / "problems.csv")
    (results / "models/linear").mkdir(parents=True)
    attempt = {"job": "7", "began": "2026-01-01T00:00:00", "from_step": 0, "to_step": 8,
               "saved_step": 8, "ended": None, "why": HOSTILE}  # fmt: skip
    (results / "models/linear/attempts.json").write_text(json.dumps([attempt]))
    models = {"models": ["baseline", "linear"], "baselines": ["baseline"], "results": results}
    draw(**models, folder=results / "figures")
    (results / "figures/loss.svg").write_text(LOSS)
    report.main(
        small_study.arguments(
            **models, split="test", confidence_level=0.95, out=results / "report.html"
        )
    )
    return folder


@pytest.fixture(scope="module")
def answered(study):
    """Return (truths, answers) of the model."""
    results = study / "results"
    patterns = (f"{results}/samples/{{match}}.parquet", f"{results}/labels/{{match}}.parquet")
    answers = schema.read(results / "scores/linear.answers.parquet", schema.ANSWERS)
    return read_ground_truth(MATCHES, *patterns)[1], answers


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_opens_whole_without_a_network(study, width):
    with opened(study / "results/report.html", width) as found:
        page = found.page
        assert found.said == []
        assert found.asked == []
        assert (
            page.locator("h1")
            .inner_text()
            .startswith("linear is better than the constant baseline, by 0.")
        )
        # Nothing sticks out sideways; wide tables scroll in their own box.
        assert page.evaluate("document.documentElement.scrollWidth") == width
        pictures = page.evaluate(
            "[...document.images].map(one => [one.complete, one.naturalWidth])"
        )
        assert len(pictures) == 7  # three figures, three timelines, the loss
        assert all(complete and pixels > 0 for complete, pixels in pictures)
        for address in page.evaluate("[...document.links].map(link => link.getAttribute('href'))"):
            assert page.locator(address).count() == 1


def test_text_from_outside_shows_as_text_and_runs_nowhere(study):
    with opened(study / "results/report.html") as found:
        page = found.page
        assert page.title().startswith("Touchline: linear is better")
        assert page.locator("script").count() == 0
        assert page.locator("main b").count() == 0
        text = page.locator("main").inner_text()
        assert f":00 {HOSTILE}" in page.locator("#moments + p + .trio").inner_text()
        assert text.count(HOSTILE) > 4  # commentary, the problem's three texts, the attempt
        assert page.evaluate("document.querySelectorAll('svg').length") == 0  # images only
        assert found.said == []


def test_the_page_has_every_table_and_what_other_stages_left(study):
    with opened(study / "results/report.html") as found:
        titles = found.page.locator("main h3").all_inner_texts()
        assert [title for title in titles if "F1 per action" in title]
        assert "Answers by status" in titles
        assert "Training attempts of linear" in titles
        assert found.page.locator("#training").count() == 1
        cells = found.page.locator("h3#overall ~ .scroll").first.locator("tbody tr")
        assert cells.count() == 8


def test_the_page_does_without_a_loss_figure_and_attempts(study, tmp_path):
    content = report.collect(study / "results", ["baseline", "linear"], ["baseline"], 0.95)
    content |= {"loss": None, "attempts": [], "problems": [], "split": "", "confidence_level": 0.9}
    page = report.render(content | {"resamples": 7})
    assert "Training" not in page
    assert "Nothing was left out" in page
    assert "90 % intervals" in page


def test_the_page_of_a_single_match_is_whole(study, tmp_path):
    results = tmp_path / "results"
    small_study.lay(tmp_path, {"a": small_study.events(0)})
    samples = schema.read(results / "samples/a.parquet", schema.SAMPLES)
    small_study.answer(tmp_path, "baseline", {"a": baseline(samples)})
    small_study.finish(tmp_path, ["baseline"], ["a"])
    models = {"models": ["baseline"], "baselines": ["baseline"], "results": results}
    figures.main(small_study.arguments(**models, folder=results / "figures"))
    report.main(small_study.arguments(**models, out=results / "report.html"))
    with opened(results / "report.html", 390) as found:
        assert found.page.locator("h1").inner_text() == "Only constant baselines were compared"
        assert "Only 1 match was scored" in found.page.locator("header").inner_text()
        assert found.said == []


def test_figures_are_of_every_match_and_the_same_bytes_again(study, tmp_path):
    results = study / "results"
    draw(models=["baseline", "linear"], baselines=["baseline"], results=results, folder=tmp_path)
    drawn = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.svg"))
    assert [str(path) for path in drawn] == [
        "f1.svg", "precision_recall.svg", "reliability.svg", *(f"timelines/{match}.svg" for match in MATCHES),
    ]  # fmt: skip
    for path in drawn:
        assert (tmp_path / path).read_bytes() == (results / "figures" / path).read_bytes()
        assert b"linear" in (tmp_path / path).read_bytes()


def test_models_differ_in_colour_and_in_shape():
    models = [f"m{number}" for number in range(6)] + ["baseline"]
    colours, shapes = (
        plot_style.colours(models, ["baseline"]),
        plot_style.shapes(models, ["baseline"]),
    )
    assert len(set(colours.values())) == len(set(shapes.values())) == 7
    assert plot_style.TRUTH_COLOUR not in colours.values()

    def lightness(colour):
        red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    # The first two, which most studies have, are told from white paper and the baseline by contrast.
    assert all((1.05 / (lightness(colours[name]) + 0.05)) > 3 for name in ("m0", "m1", "baseline"))


def test_moments_are_what_they_are_called(answered):
    truths, answers = answered
    found = qualitative.choose_moments(truths, answers)
    assert [len(table) for table in found.values()] == [3, 3, 3]
    said = answers.filter("counted").with_columns(time_s=(pl.col("start_s") + pl.col("end_s")) / 2)
    for kind, table in found.items():
        assert table["match"].n_unique() == 3
        for match, half, action, time_s, confidence in table.iter_rows():
            same = {"match": match, "half": half, "action": action}
            events = truths.filter(**same)["time_s"].to_numpy()
            times = said.filter(**same)["time_s"].to_numpy()
            nearest = np.abs(events - time_s).min() if len(events) else np.inf
            if kind == "right":
                assert nearest < 6.5
                assert confidence >= 0.4
            if kind == "invented":
                assert nearest >= 30
            if kind == "missed":
                assert confidence is None
                assert len(times) == 0 or np.abs(times - time_s).min() > 5.5


def test_a_moment_comes_with_the_lines_nearest_to_it(study):
    chosen = pl.DataFrame(
        [("a", 1, "goal", 130.0, 0.5)], ["match", "half", "action", "time_s", "confidence"],
        orient="row",
    )  # fmt: skip
    (moment,) = qualitative.describe_moments(chosen, f"{study}/results/samples/{{match}}.parquet")
    assert moment == qualitative.Moment("a", 1, "02:10", "Goal", 0.5, [f"02:00 {HOSTILE}"])

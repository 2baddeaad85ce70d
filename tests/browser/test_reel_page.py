"""The page of a query in a browser: playing, seeking, keyboard, and no script or request from outside."""

import io
import shlex

import numpy as np
import polars as pl
import pytest
from PIL import Image

import timecode
from browser import opened
from reel_cases import LENGTH_S, SPOTS, parsed
from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.models.peaks import to_predictions
from touchline.reels import highlights, reel_page
from touchline.study.job_arguments import flags

HOSTILE = "<script>document.title = 'run'</script><img src=x onerror=\"document.title='run'\"> ü"
QUERY = f"goals of the second half {HOSTILE}"
MATCHES = ["one-match", "another.match", "no-hit", "no-video"]
SEEK_S = 0.2


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of four matches: two with clips, one without a hit, one without a video."""
    folder = tmp_path_factory.mktemp("page")
    results = folder / "results"
    films = {
        half: timecode.make(
            folder / f"it's \"{half}\" 50% #1?.mkv", timecode.steady(25, LENGTH_S),
            size=(320, 180), first=5000 * (half - 1), options={"g": "100"},
        )
        for half in (1, 2)
    }  # fmt: skip
    lines = [(2, 18.0, 21.0, HOSTILE), (2, 40.0, 41.0, "He scores!")]
    segments = pl.DataFrame(lines, schema.COMMENTARY, orient="row")
    samples = make_samples(segments, {1: LENGTH_S, 2: LENGTH_S}, ["goal", "corner"], 20.0, 0.0)
    columns = ["half", "action", "time_s", "confidence"]
    labels = pl.DataFrame(
        [(2, 21.0, "goal", "Goal", HOSTILE, "visible")], schema=schema.LABELS, orient="row"
    )
    for match in MATCHES:
        spots = pl.DataFrame(SPOTS, schema=columns, orient="row")
        spots = spots.filter(action="corner") if match == "no-hit" else spots
        for model, table in (("linear", spots), ("baseline", spots.with_columns(time_s=30.0))):
            path = results / f"predictions/{model}/{match}.parquet"
            schema.write(path, to_predictions(samples, table), schema.PREDICTIONS)
        schema.write(results / f"samples/{match}.parquet", samples, schema.SAMPLES)
        schema.write(results / f"labels/{match}.parquet", labels, schema.LABELS)
        video = {half: None if match == "no-video" else str(films[half]) for half in (1, 2)}
        arguments = {
            "query": parsed(QUERY),
            "match": match,
            "model": "linear",
            "halves": {h: {"video": video[h], "duration_s": LENGTH_S} for h in (1, 2)},
            "samples": results / f"samples/{match}.parquet",
            "answers": results / f"predictions/linear/{match}.parquet",
            "threshold": 0.5,
            "titles": False,
            "before_s": 4,
            "folder": results / f"highlights/goals/reels/{match}",
        }
        highlights.main(shlex.split(flags(**arguments)))
    out = results / "highlights/goals/index.html"
    settings = {"name": "goals", "matches": MATCHES, "model": "linear", "out": out}
    settings |= {"models": ["baseline", "linear"], "baselines": ["baseline"], "results": results}
    reel_page.main(shlex.split(flags(**settings, thresholds={"baseline": 0.0, "linear": 0.5})))
    return out


def until(page, condition: str) -> None:
    """Wait for a condition; the page's policy forbids Playwright's own way, which evaluates text in it."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never: {condition}")


def wait_for_seek(page, act) -> float:
    """Do something that makes the first player seek; return where it landed, then pause it."""
    page.evaluate("""() => {
        window.landed = new Promise(resolve => document.querySelector("video").addEventListener(
            "seeked", event => resolve(event.target.currentTime), { once: true }));
    }""")
    act()
    landed_s = page.evaluate("window.landed")
    page.evaluate("document.querySelector('video').pause()")
    return landed_s


def on_screen(page) -> int:
    """Return the index in the picture that the first player shows."""
    page.wait_for_timeout(300)
    video = page.locator("video").first
    page.evaluate("document.querySelector('video').removeAttribute('controls')")
    picture = Image.open(io.BytesIO(video.screenshot())).convert("RGB")
    page.evaluate("document.querySelector('video').setAttribute('controls', '')")
    return timecode.read_index(np.asarray(picture))


def now(page) -> float:
    return page.evaluate("document.querySelector('video').currentTime")


def test_the_page_opens_and_plays_without_errors(page):
    with opened(page) as opened_page:
        shown = opened_page.page
        until(shown, "document.querySelector('video').readyState > 1")
        assert opened_page.messages == []
        assert all(url.startswith("file:") for url in opened_page.requests)
        before = now(shown)
        shown.keyboard.press("k")
        until(shown, f"document.querySelector('video').currentTime > {before} + 0.5")
        shown.keyboard.press("k")
        assert shown.evaluate("document.querySelector('video').paused")
        assert opened_page.messages == []


def test_clips_and_players_have_pictures_before_anything_plays(page):
    with opened(page) as opened_page:
        shown = opened_page.page
        section = shown.locator("section").first
        for still in section.locator(".clips .still").all():
            still.scroll_into_view_if_needed()
        until(shown, "[...document.querySelectorAll('section:first-of-type .still')]"
                     ".every(still => still.naturalWidth === 320)")  # fmt: skip
        assert section.locator(".clips .still").count() == 2
        until(shown, "document.querySelector('video').readyState > 0")
        # The reel's poster is of the first clip's moment, at 20 s of half 2.
        assert on_screen(shown) == 5000 + 20 * 25
        section.locator(".source", has_text="Half 1").click()
        until(shown, "document.querySelector('video').readyState > 0")
        assert on_screen(shown) == 10 * 25
        assert all(url.startswith("file:") for url in opened_page.requests)
        assert opened_page.messages == []


def test_clips_marks_and_places_seek_to_their_time(page):
    with opened(page) as opened_page:
        shown = opened_page.page
        until(shown, "document.querySelector('video').readyState > 1")
        section = shown.locator("section").first
        clip = section.locator(".clips .clip").nth(1)
        landed_s = wait_for_seek(shown, clip.click)
        assert abs(landed_s - float(clip.get_attribute("data-time"))) < SEEK_S
        # The reel's second clip starts with picture 787 of half 2.
        assert abs((on_screen(shown) - 5787) / 25 - (now(shown) - 20)) < SEEK_S

        mark = section.locator(".mark[aria-label^=linear]").last  # of half 2
        landed_s = wait_for_seek(shown, mark.click)
        assert abs(landed_s - (41.5 - reel_page.LEAD_S)) < SEEK_S
        assert abs((on_screen(shown) - 5000) / 25 - now(shown)) < SEEK_S

        track = section.locator(".track[data-half='1']").first
        box = track.bounding_box()
        place = {"x": box["width"] * 0.75, "y": box["height"] / 2}
        landed_s = wait_for_seek(shown, lambda: track.click(position=place))
        assert abs(landed_s - 45) < SEEK_S
        assert abs(on_screen(shown) / 25 - now(shown)) < SEEK_S
        head = section.locator(".track[data-half='1'] .head").first
        assert head.is_visible()
        assert abs(float(head.evaluate("head => parseFloat(head.style.left)")) - 75) < 2
        assert opened_page.messages == []


def test_the_keyboard_does_all_of_it(page):
    with opened(page) as opened_page:
        shown = opened_page.page
        until(shown, "document.querySelector('video').readyState > 1")
        assert abs(wait_for_seek(shown, lambda: shown.keyboard.press("n")) - 20) < SEEK_S
        assert abs(wait_for_seek(shown, lambda: shown.keyboard.press("p")) - 0) < SEEK_S
        at = now(shown)
        landed_s = wait_for_seek(shown, lambda: shown.keyboard.press("ArrowRight"))
        assert abs(landed_s - (at + 5)) < SEEK_S
        second = shown.locator(".clips .clip").nth(1)
        second.focus()
        assert abs(wait_for_seek(shown, lambda: shown.keyboard.press("Enter")) - 20) < SEEK_S
        assert second.get_attribute("aria-current") == "true"
        named = shown.evaluate("[...document.querySelectorAll('button')].every(button => "
                               "(button.ariaLabel || button.textContent).trim().length > 0)")  # fmt: skip
        assert named
        assert opened_page.messages == []


def test_text_from_outside_shows_as_text_and_runs_nowhere(page):
    with opened(page) as opened_page:
        shown = opened_page.page
        assert shown.title() == f"Touchline: {QUERY}"
        assert shown.locator("h1").inner_text() == QUERY
        assert shown.locator("script").count() == 1
        assert shown.locator("main img:not(.still), main b").count() == 0
        assert f"45:18 {HOSTILE}" in shown.locator(".clips").first.inner_text()
        titles = shown.evaluate("[...document.querySelectorAll('.mark')].map(mark => mark.title)")
        assert f"Goal, {HOSTILE} 45:21" in titles
        assert opened_page.messages == []


def test_a_match_without_clips_or_video_says_so(page):
    with opened(page, 390) as opened_page:
        shown = opened_page.page
        sections = shown.locator("section")
        assert sections.count() == len(MATCHES)
        assert "the list is empty" in sections.nth(2).inner_text()
        assert sections.nth(2).locator(".sources button").count() == 2  # the halves, no reel
        assert "Half 2 has no video" in sections.nth(3).inner_text()
        assert sections.nth(3).locator("video").count() == 0
        assert sections.nth(3).locator(".clips .clip").count() == 2
        assert shown.evaluate("document.documentElement.scrollWidth") == 390
        for address in shown.evaluate(
            "[...document.links].map(link => link.href).filter(href => href.startsWith('file:'))"
        ):
            assert shown.evaluate("decodeURI", address)
        assert opened_page.messages == []


def test_timelines_have_the_truth_and_every_models_answers_above_its_threshold(page):
    with opened(page) as opened_page:
        section = opened_page.page.locator("section").first
        names = section.locator(".lines").last.locator(".name").all_inner_texts()
        assert names == ["reel", "truth", "baseline", "linear"]
        rows = section.locator(".lines").last.locator(".track")
        assert [rows.nth(row).locator("button").count() for row in range(4)] == [2, 1, 3, 2]

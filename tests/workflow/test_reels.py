"""Queries of the configuration in the workflow: what is made, what is made again, what is refused."""

import json
import re
from pathlib import Path

import opentimelineio as otio
import polars as pl
import pytest
import yaml

import timecode
from browser import opened
from chunks import tiny_base
from code_changes import add_text
from project import Study
from touchline.core import schema
from video_cases import read_pictures

QUERY = "the goals of the second half"
BEFORE_GOAL_S = 15.0  # of the configuration's `highlights.before_s`
PAGE = {"reel_page": 1, "study": 1}
RECORD = {"provenance": 1}  # has the settings and the report


def configure(study: Study, **sections) -> None:
    """Replace sections of the study's settings."""
    study.settings.write_text(yaml.safe_dump(study.config | sections))


def matches(study: Study) -> list[str]:
    sheet = pl.read_csv(study.folder / "demo/matches.csv")
    return sheet.filter(split="test")["match"].unique(maintain_order=True).to_list()


@pytest.fixture(scope="session")
def queried(finished, made_once) -> Study:
    """The demo's study with a query and time-coded videos of its test matches; half 2's start at 5000.

    It is not to be changed.
    """

    def fill(folder: Path) -> None:
        folder.rmdir()
        study = finished.copy(folder)
        demo = study.folder / "demo"
        for half in (1, 2):
            path = demo / f"film {half} 50%.mkv"
            timecode.make(path, timecode.steady(25, 180), size=(64, 36), first=5000 * (half - 1))
        sheet = pl.read_csv(demo / "matches.csv")
        film = pl.format("film {} 50%.mkv", pl.col("half"))
        video = pl.when(pl.col("split") == "test").then(film)
        sheet.with_columns(video=video).write_csv(demo / "matches.csv")
        look = {"titles": False}
        configure(study, queries={"late-goals": QUERY}, highlights=look, chunks={"when": "needed"})
        study.snakemake()

    return Study(made_once("queried", fill))


def predicted(results, match: str) -> pl.DataFrame:
    """Return the predicted goals of half 2: the intervals that reach the tuned threshold."""
    least = dict(pl.read_csv(results / "scores/linear.thresholds.csv").iter_rows())["goal"]
    answers = schema.read(results / f"predictions/linear/{match}.parquet", schema.PREDICTIONS)
    intervals = answers.filter(half=2, action="goal").explode("intervals").drop_nulls("intervals")
    return intervals.unnest("intervals").filter(pl.col("confidence") >= least).sort("start_s")


def test_the_reel_holds_exactly_the_predicted_goals_of_half_2(queried):
    results = queried.folder / "demo/results"
    total = 0
    for match in matches(queried):
        goals = predicted(results, match)
        total += len(goals)
        folder = results / f"highlights/late-goals/reels/{match}"
        content = json.loads((folder / "reel.json").read_text())
        hits = sorted(hit["start_s"] for clip in content["clips"] for hit in clip["hits"])
        assert hits == sorted(set(goals["start_s"]))
        wanted = set()
        for start_s, end_s in goals.select("start_s", "end_s").iter_rows():
            first_s, last_s = max(0.0, start_s - BEFORE_GOAL_S), min(180.0, end_s + 4)
            wanted |= {5000 + index for index in range(round(first_s * 25), round(last_s * 25))}
        shown_s, shown = read_pictures(folder / "reel.mp4")
        assert shown == sorted(wanted)
        timeline = otio.adapters.read_from_file(str(folder / "reel.edl"), rate=25)
        listed = [clip.source_range for clip in timeline.find_clips()]
        assert len(listed) == len(content["clips"])
        at = 0
        for span, clip in zip(listed, content["clips"], strict=True):
            # Each join: what the reel shows there is what the list says, to the frame.
            assert shown[at] == 5000 + span.start_time.to_frames()
            assert abs(shown_s[at] - at / 25) < 0.001
            assert abs(clip["reel_start_s"] - at / 25) < 0.001
            at += span.duration.to_frames()
        assert at == len(shown)
    assert total > 2


def test_the_page_of_the_study_plays(queried):
    with opened(queried.folder / "demo/results/highlights/late-goals/index.html") as found:
        names = found.page.locator(".lines").first.locator(".name").all_inner_texts()
        assert names == ["reel", "truth", "constant", "linear"]
        assert found.page.locator("video").count() == 2
        assert found.page.locator("h1").inner_text() == QUERY
        headings = found.page.locator("section h2").all_inner_texts()
        assert all(re.fullmatch(r".+ \d–\d .+, \d+ August 2024", text) for text in headings)
        assert len(headings) == 2
        assert found.messages == []


def test_only_what_a_change_concerns_is_made_again(queried, tmp_path):
    queried = queried.copy(tmp_path / "study")
    assert queried.plan() == {}
    configure(queried, highlights={"titles": False, "after_s": 6})
    assert queried.plan() == {"highlights": 2} | PAGE | RECORD
    configure(queried, highlights={"titles": False, "before_s": {"corner": 6}})
    assert queried.plan() == RECORD | {"study": 1}  # no reel has corners
    configure(queried, highlights={"titles": False}, queries={"late-goals": "late corners"})
    assert queried.plan() == {"highlights": 2} | PAGE | RECORD
    both = {"late-goals": QUERY, "corners": {"text": "corners", "matches": matches(queried)[:1]}}
    configure(queried, queries=both)
    assert queried.plan() == {"highlights": 1} | PAGE | RECORD
    configure(queried, queries={"late-goals": QUERY})
    add_text(queried.folder / "workflow/report/reel.css")
    assert queried.plan() == PAGE
    add_text(queried.folder / "workflow/report/style.css")
    assert queried.plan() == {"report": 1} | PAGE | RECORD
    film = queried.folder / "demo/film 2 50%.mkv"
    timecode.make(film, timecode.steady(25, 180), size=(64, 36), first=6000)
    assert queried.plan()["highlights"] == 2


def test_a_study_without_videos_gets_lists_and_says_so(study):
    query = {"text": "all the corners and fouls", "threshold": 0.0}
    configure(study, queries={"lists": query})
    study.snakemake("results/highlights/lists/index.html")
    for match in matches(study):
        folder = study.folder / f"demo/results/highlights/lists/reels/{match}"
        content = json.loads((folder / "reel.json").read_text())
        assert len(content["clips"]) > 2
        assert not (folder / "reel.mp4").exists()
        timeline = otio.adapters.read_from_file(str(folder / "reel.otio"))
        assert len(list(timeline.find_clips())) == len(content["clips"])
        assert "has no video" in content["messages"][0]


def test_an_open_question_goes_to_a_model_that_is_asked_in_words(study, tmp_path):
    tiny_base(tmp_path / "base", "mistral")
    model = {
        "backend": "causal_lm", "base": str(tmp_path / "base"), "fine_tune": False,
        "max_new_tokens": 8, "prompt": {"inputs": ["commentary"], "examples": False},
    }  # fmt: skip
    query = {"text": "players arguing with the referee", "model": "words"}
    study.configure(
        models={"words": model}, queries={"rows": query}, compare=["constant", "linear", "words"]
    )
    plan = study.plan("results/highlights/rows/index.html")
    assert (plan["question"], plan["infer_question"], plan["highlights"]) == (2, 2, 2)
    assert "infer" not in plan  # the study's own answers have nothing to do with it
    asked = matches(study)[:1]
    study.configure(queries={"rows": query | {"matches": asked}})
    study.snakemake("results/highlights/rows/index.html")
    folder = study.folder / "demo/results/highlights/rows"
    for match in asked:
        answers = schema.read(folder / f"answers/words/{match}.parquet", schema.PREDICTIONS)
        assert answers["action"].unique().to_list() == [query["text"]]
        assert answers["text"].str.len_chars().sum() > 0
        content = json.loads((folder / f"reels/{match}/reel.json").read_text())
        assert f'an open question: "{query["text"]}"' in content["understood"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"queries": {"a": "dribbles"}}, "linear (linear) answers no open question"),
        ({"queries": {"a": ""}}, "queries: a: the query is empty"),
        ({"queries": {"a": "x" * 10_000}}, "queries: a: the query has 10000 characters"),
        ({"queries": {"a": "first half of the second half"}}, "queries: a: the query asks for a half"),
        ({"queries": {"a/b": "goals"}}, "a/b"),
        ({"queries": {"a": {"text": "goals", "befor_s": 3}}}, "queries"),
        ({"queries": {"a": {"text": "goals", "model": "nobody"}}}, "its model, nobody, is not in compare"),
        ({"queries": {"a": {"text": "goals", "matches": ["none"]}}}, "queries: a: no match none"),
        ({"queries": {"a": {"text": "goals", "min_s": 99}}}, "queries: a: min_s is above max_s"),
        ({"queries": {"a": {"text": "goals", "before_s": {"gaol": 9}}}}, "queries: a: before_s: gaol: no such action. There are default, ball_out_of_play"),
        ({"highlights": {"ordr": "time"}}, "ordr"),
    ],
)  # fmt: skip
def test_a_bad_query_is_named(study, changes, said):
    configure(study, **changes)
    done = study.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr

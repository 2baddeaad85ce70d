"""The page of a query without a browser: rows of timelines, and damaged or foreign records."""

import json
import re
import shlex
from dataclasses import asdict

import polars as pl
import pytest

from reel_cases import LENGTH_S, SPOTS, parsed
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.data.samples import make_samples
from touchline.models.peaks import to_predictions
from touchline.reels import highlights, reel_page
from touchline.reels.hits import Evidence
from touchline.study.job_arguments import flags

MATCHES = ["labelled", "quiet", "unlabelled", "damaged-labels"]
EVENT = (1, 21.0, "goal", "Goal", "home", "visible")


@pytest.fixture
def results(tmp_path):
    """The results of four matches without a video, two of which have labels."""
    segments = pl.DataFrame(schema=schema.COMMENTARY)
    samples = make_samples(segments, {1: LENGTH_S, 2: LENGTH_S}, ["goal", "corner"], 20.0, 0.0)
    columns = ["half", "action", "time_s", "confidence"]
    spots = pl.DataFrame(SPOTS, schema=columns, orient="row")
    for match in MATCHES:
        schema.write(tmp_path / "samples.parquet", samples, schema.SAMPLES)
        answers = tmp_path / f"predictions/linear/{match}.parquet"
        schema.write(answers, to_predictions(samples, spots), schema.PREDICTIONS)
        events = [EVENT] if match == "labelled" else []
        problems = [Problem(match, "labels", "it is cut.", "Fetch it.", MATCH_SET_ASIDE)]
        schema.write(
            tmp_path / f"labels/{match}.parquet",
            pl.DataFrame(events, schema=schema.LABELS, orient="row"),
            schema.LABELS,
            problems if match == "damaged-labels" else [],
        )
        arguments = {
            "query": parsed("goals"),
            "match": match,
            "model": "linear",
            "halves": {half: {"video": None, "duration_s": LENGTH_S} for half in (1, 2)},
            "samples": tmp_path / "samples.parquet",
            "answers": answers,
            "folder": tmp_path / f"highlights/goals/reels/{match}",
        }
        highlights.main(shlex.split(flags(**arguments)))
    return tmp_path


def write_page(results, match: str) -> str:
    """Write the page of one match; return its HTML."""
    out = results / "index.html"
    settings = {"name": "goals", "matches": [match], "unlabelled": ["unlabelled"], "out": out}
    settings |= {"model": "linear", "models": ["linear"], "results": results}
    reel_page.main(shlex.split(flags(**settings)))
    return out.read_text()


@pytest.mark.parametrize(
    ("match", "truths"),
    [("labelled", 1), ("quiet", 0), ("unlabelled", None), ("damaged-labels", None)],
)
def test_only_a_match_with_labels_has_a_row_of_the_truth(results, match, truths):
    page = write_page(results, match)
    assert ("truth" in re.findall(r">(truth|linear)<", page)) == (truths is not None)
    assert page.count('aria-label="truth: ') == (truths or 0)
    assert page.count('aria-label="linear: ') > 0


def test_the_marks_of_a_model_are_its_answers_that_reach_the_threshold_of_their_action():
    rows = [("m", 1, 0, action, 0.0, 12.0, p) for action, p in (
        ("goal", 0.4), ("goal", 0.5), ("goal", None), ("corner", 0.1),
    )]  # fmt: skip
    names = [name for name in schema.ANSWERS if name != "counted"]
    table = pl.DataFrame(rows, schema={name: schema.ANSWERS[name] for name in names}, orient="row")
    counted = reel_page.counted_answers(table, {"goal": 0.5})
    # As for clips: an action without a threshold counts, and so does a missing confidence.
    assert counted["confidence"].to_list() == [0.5, None, 0.1]
    assert reel_page.counted_answers(table, 0.45)["confidence"].to_list() == [0.5, None]


@pytest.mark.parametrize("content", ["", "[" * 100_000, "{}", '{"match": 3}', "null"])
def test_a_damaged_reel_is_named_with_what_deleting_it_costs(results, content):
    record = results / "highlights/goals/reels/quiet/reel.json"
    record.write_text(content)
    with pytest.raises(InputError, match=r"reel\.json: .*Delete it\. .*the reel is made again"):
        write_page(results, "quiet")


@pytest.mark.parametrize("name", ["../../../../secret.mp4", "/etc/passwd"])
@pytest.mark.parametrize("change", [
    lambda content, name: content | {"reel": name},
    lambda content, name: content | {"posters": {"reel": name}},
    lambda content, name: content | {"clips": [content["clips"][0] | {"still": name}]},
])  # fmt: skip
def test_a_page_links_no_file_outside_its_folder(results, change, name):
    record = results / "highlights/goals/reels/quiet/reel.json"
    record.write_text(json.dumps(change(json.loads(record.read_text()), name)))
    with pytest.raises(InputError, match=r"reel\.json: .* is no file in "):
        write_page(results, "quiet")


def change_record(results, match: str, **changes) -> None:
    """Change the record of a reel; `evidence` is that of its first answer."""
    record = results / f"highlights/goals/reels/{match}/reel.json"
    content = json.loads(record.read_text())
    content["clips"][0]["hits"][0]["evidence"] = changes.pop("evidence", None)
    record.write_text(json.dumps(content | changes))


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (Evidence((0, 0), (1, 0), "home"), "Score bug: 0–0 → 1–0, home team"),
        (Evidence(None, (10, 1), None, "<b>x</b>"), "&lt;b&gt;x&lt;/b&gt;: 10–1"),
        (Evidence(side="away"), "Score bug: away team"),
    ],
)
def test_a_clip_says_what_the_score_tells_of_it(results, evidence, told):
    assert 'class="evidence"' not in write_page(results, "quiet")
    change_record(results, "quiet", evidence=asdict(evidence))
    assert f'<span class="evidence">{told}</span>' in write_page(results, "quiet")


def test_a_match_is_called_as_people_call_it(results):
    title = "Chelsea 1–1 <Burnley>, 21 February 2015"
    change_record(results, "quiet", title=title)
    assert "<h2>Chelsea 1–1 &lt;Burnley&gt;, 21 February 2015</h2>" in write_page(results, "quiet")

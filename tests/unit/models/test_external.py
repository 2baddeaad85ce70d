import json
import zipfile

import polars as pl
import pytest

import small_study
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.data import spotting_json
from touchline.models import external, infer
from touchline.models.backend import Match

MATCH = "2020-01-01-Home-1-0-Away"
GAME = "league/2019-2020/2020-01-01 - Home 1 - 0 Away"


def publish(folder, predictions, game=GAME):
    path = folder / game / spotting_json.FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"predictions": predictions}))
    return folder


def entry(**changes):
    return {"half": "1", "label": "Goal", "position": "100000", "confidence": "0.5"} | changes


def pack(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*.json"):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.fixture
def truth(tmp_path):
    """A study whose events another system has published exactly, in a folder and in a zip."""
    labels = small_study.events(3, count=60)
    small_study.lay(tmp_path, {MATCH: labels})
    published = publish(
        tmp_path / "published",
        [
            entry(half=half, label=label, position=round(time_s * 1000), confidence=1.0)
            for half, time_s, label in labels.select("half", "time_s", "label").iter_rows()
        ],
    )
    return tmp_path, published, pack(published, tmp_path / "published.zip")


@pytest.mark.parametrize("packed", [False, True])
def test_the_truth_from_outside_scores_one_everywhere(truth, packed):
    folder, path = truth[0], truth[1 + packed]
    settings = {"path": str(path), "labels": small_study.LABELS}
    infer.main(
        small_study.arguments(
            backend="external",
            settings=settings,
            match=MATCH,
            samples=folder / f"results/samples/{MATCH}.parquet",
            out=folder / f"results/predictions/truth/{MATCH}.parquet",
        )
    )
    small_study.mark(folder, "truth", [MATCH])
    scores = schema.read(folder / "results/scores/truth.parquet", schema.SCORES)
    assert scores["events"].sum() > 100
    assert scores.filter(matching="one").select("fp", "fn").sum().row(0) == (0, 0)
    assert scores.filter(matching="many").select("fp", "fn").sum().row(0) == (0, 0)
    table = small_study.judge(folder, "truth", {MATCH: GAME})
    pooled = table.filter(action="all", subset="all")
    assert pooled["average_map"].to_list() == pytest.approx([1, 1])
    # The evaluator's 17/13 on the mean of the unshown shows.
    unshown = table.filter(action="all", subset="unshown")
    assert unshown["over_present"].to_list() == pytest.approx([1, 1])
    assert unshown["average_map"].to_list() == pytest.approx([17 / 13] * 2)


def test_spots_become_twelve_seconds_in_the_chunk_they_lie_in(truth):
    folder = truth[0]
    path = publish(folder / "other", [entry(), entry(label="Corner"), entry(position=5_000_000)])
    samples = schema.read(folder / f"results/samples/{MATCH}.parquet", schema.SAMPLES)
    answers = external.load({"path": str(path), "labels": small_study.LABELS}, None).answer(
        Match(MATCH, samples)
    )
    said = answers.filter(pl.col("intervals").list.len() > 0)
    assert said.select("half", "chunk", "action").rows() == [(1, 1, "goal")]
    assert said["intervals"].item().to_list() == [
        {"start_s": 94.0, "end_s": 106.0, "confidence": 0.5}
    ]


def test_unknown_labels_are_noted_and_a_file_of_nothing_else_is_an_error(truth):
    folder = truth[0]
    samples = schema.read(folder / f"results/samples/{MATCH}.parquet", schema.SAMPLES)
    settings = {"labels": small_study.LABELS}
    mixed = publish(folder / "mixed", [entry(), entry(label="Dive")])
    model = external.load(settings | {"path": str(mixed)}, None)
    model.answer(Match(MATCH, samples))
    assert [problem.problem for problem in model.problems] == ["unknown labels Dive."]
    wrong = publish(folder / "wrong", [entry(label="goal!")])
    with pytest.raises(InputError, match="no known label, but goal!"):
        external.load(settings | {"path": str(wrong)}, None).answer(Match(MATCH, samples))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"half": "first"}, "prediction 2"),
        ({"half": 7}, "Halves are 1 to 4"),
        ({"position": None}, "position in milliseconds"),
        ({"position": "-1"}, "times from 0 on"),
        ({"confidence": "nan"}, "confidences from 0 to 1"),
        ({"confidence": 1.5}, "confidences from 0 to 1"),
        ({"label": "\ud800"}, "prediction 2"),
        ({"position": "9" * 5000}, "prediction 2"),
    ],
)
def test_a_bad_prediction_is_a_sentence_with_its_number(tmp_path, change, said):
    path = publish(tmp_path, [entry(), entry(**change)])
    with pytest.raises(InputError, match=said) as error:
        spotting_json.read_spots(path, MATCH)
    assert "Home 1 - 0 Away" in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"predictions": 3}', b"[" * 100_000, b"\xff\xfe", b"{}"]
)
def test_what_is_no_spotting_file_is_a_sentence(tmp_path, content):
    path = publish(tmp_path, [])
    (path / GAME / spotting_json.FILE).write_bytes(content)
    with pytest.raises(InputError, match="is not SoccerNet's JSON"):
        spotting_json.read_spots(path, MATCH)


def test_a_missing_match_and_a_doubled_one_are_sentences(tmp_path):
    path = publish(tmp_path, [entry()])
    with pytest.raises(InputError, match="set a number instead"):
        spotting_json.read_spots(path, "other-match")
    publish(tmp_path, [], game=f"copy/{MATCH}")
    with pytest.raises(InputError, match=r"has 2 files: .*Keep one"):
        spotting_json.read_spots(path, MATCH)


def test_a_zip_is_never_unpacked_and_a_bomb_is_refused(tmp_path, monkeypatch):
    hostile = tmp_path / "hostile.zip"
    content = json.dumps({"predictions": [entry()]})
    with zipfile.ZipFile(hostile, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"../../{MATCH}/{spotting_json.FILE}", content)
        archive.writestr(f"/etc/bomb/{spotting_json.FILE}", b" " * 10**6 + content.encode())
    before = sorted(tmp_path.parent.rglob("*"))
    assert spotting_json.read_spots(hostile, MATCH)["time_s"].to_list() == [100.0]
    assert sorted(tmp_path.parent.rglob("*")) == before
    monkeypatch.setattr(spotting_json, "LARGEST_BYTES", 10**5)
    with pytest.raises(InputError, match="is over 100000 bytes"):
        spotting_json.read_spots(hostile, "bomb")


def test_what_is_no_zip_and_a_damaged_one_are_sentences(truth):
    folder, _, packed = truth
    (folder / "text.zip").write_text("no zip")
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        spotting_json.read_spots(folder / "text.zip", MATCH)
    content = bytearray(packed.read_bytes())
    content[200:300] = bytes(100)
    (folder / "damaged.zip").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        spotting_json.read_spots(folder / "damaged.zip", MATCH)


@pytest.mark.parametrize(
    ("late", "second", "is_refused"),
    [(1, 600_000, False), (3, 600_000, True), (40, 2_600, False)],
    ids=["one in another unit", "most in another unit", "a whole half beside a part of its video"],
)
def test_positions_past_the_end_of_their_half_are_noted_or_refused(
    tmp_path, late, second, is_refused
):
    small_study.lay(tmp_path, {MATCH: small_study.events(3)})
    samples = schema.read(tmp_path / f"results/samples/{MATCH}.parquet", schema.SAMPLES)
    seconds = [100, 200, *(second + more for more in range(late))]
    path = publish(tmp_path / "p", [entry(position=str(second * 1000)) for second in seconds])
    model = external.load({"path": str(path), "labels": small_study.LABELS}, None)
    text = f"{late} of {2 + late} spots lie past the end of their half."
    if is_refused:
        with pytest.raises(InputError, match=text):
            model.answer(Match(MATCH, samples))
    else:
        model.answer(Match(MATCH, samples))
        (problem,) = model.problems
        assert problem.problem == text

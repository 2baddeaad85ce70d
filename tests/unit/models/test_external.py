import gzip
import json
import zipfile

import polars as pl
import pytest

import small_study
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.data import spotting_json
from touchline.data.exchange import frame_lists
from touchline.data.samples import make_samples
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


def _frames(events, half, fps=2.0, name="half"):
    return {"video": f"{GAME}/{name}{half}", "events": events, "fps": fps}


def _listed(frame, label="Goal", score=0.5):
    return {"label": label, "frame": frame, "score": score}


def _answers(path, fps=None):
    samples = schema.read(path.parent / "samples.parquet", schema.SAMPLES)
    model = external.load({"path": str(path), "labels": small_study.LABELS, "fps": fps}, None)
    return model.answer(Match(MATCH, samples))


@pytest.fixture
def folder(tmp_path):
    """A folder with the samples of the match."""
    lines = pl.DataFrame(schema=schema.COMMENTARY)
    samples = make_samples(lines, {1: 600.0, 2: 600.0}, small_study.ACTIONS, 60.0, 0.0)
    schema.write(tmp_path / "samples.parquet", samples, schema.SAMPLES)
    return tmp_path


def test_the_formats_of_other_tools_give_the_same_answers(folder):
    """The same two spots: SoccerNet's, T-DEED's, E2E-Spot's, a CSV, and spivak's single videos."""
    path = folder / "soccernet"
    publish(path, [entry(position="36500"), entry(half="2", label="Foul", position="100000")])
    expected = _answers(path)
    assert expected["intervals"].list.len().sum() == 2
    # T-DEED counts every 12th frame of 25 a second, and writes position = frame / 25 * 1000 * 12.
    t_deed = [_frames([_listed(73)], 1), _frames([_listed(200, "Foul")], 2)]
    (folder / "t-deed.json").write_text(json.dumps(t_deed))
    e2e = [_frames([_listed(73)], 1, name=""), _frames([_listed(200, "Foul")], 2, name="")]
    with gzip.open(folder / "e2e.json.gz", "wt") as file:
        json.dump(e2e, file)
    rows = f"video,label,frame,confidence\n{GAME}/1,Goal,73,0.5\n{GAME}/2,Foul,200,0.5\n"
    (folder / "spots.csv").write_text(rows)
    spivak = folder / "spivak"
    for half, label, position in ((1, "Goal", "36500"), (2, "Foul", "100000")):
        single = {"position": position, "label": label, "confidence": "0.5", "gameTime": "0:36"}
        (spivak / GAME).mkdir(parents=True, exist_ok=True)
        (spivak / GAME / f"{half}_results_spotting.json").write_text(
            json.dumps({"UrlLocal": GAME, "predictions": [single]})
        )
    for name, fps in (
        ("t-deed.json", None),
        ("e2e.json.gz", None),
        ("spots.csv", 2),
        ("spivak", None),
    ):
        assert _answers(folder / name, fps).equals(expected), name


def test_frames_are_those_after_the_stride(folder):
    (folder / "t-deed.json").write_text(json.dumps([_frames([_listed(100)], 1, fps=25 / 12)]))
    (folder / "same.json").write_text(json.dumps([_frames([_listed(1200)], 1, fps=25)]))
    middle = 100 / 25 * 12  # T-DEED's own conversion: frame / 25 * stride
    spots = frame_lists.read_spots(folder / "t-deed.json", MATCH, None)
    assert spots["time_s"].to_list() == pytest.approx([middle])
    assert _answers(folder / "t-deed.json")["intervals"].equals(
        _answers(folder / "same.json")["intervals"]
    )


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.json", "{}", "no list of frames of E2E-Spot or T-DEED .it is no list of videos"),
        ("a.json", "[{}]", "video 1 has no list 'events'"),
        ("a.json", '[{"video": "a", "events": []}]', "the video 'a' names no half"),
        ("a.json", "[]", f"no video of {MATCH}"),
        ("a.json.gz", "no gzip", "no list of frames"),
        ("a.csv", "video,frame\n", "it has no column label"),
        ("a.csv", f"video,label,frame,score\n{GAME}/1,Goal,1,0.5\n", "row 2: has no fps"),
        (
            "a.csv",
            f"video,label,frame,score,fps\n{GAME}/1,Goal,x,0.5,2\n",
            "row 2: .*It needs label",
        ),
        ("a.csv", f"video,label,frame,score,fps\n{GAME}/1,Goal,1,7,2\n", "confidence 7.0"),
        ("missing.json", None, "No such file"),
        (
            "a.json",
            json.dumps([{"video": f"{GAME}/1", "events": []}] * 2),
            f"is half 1 of {MATCH}, which the file has already",
        ),
        (
            "a.csv",
            f"video,label,frame,score,fps\n{GAME}/1,Goal,1,0.5,2\n{GAME}/half1,Goal,1,0.5,2\n",
            "row 3: .* which the file has already",
        ),
    ],
)
def test_a_damaged_list_of_frames_is_an_input_error(folder, name, content, text):
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(InputError, match=text):
        _answers(folder / name)


def test_samples_of_a_half_that_the_files_lack_are_skipped(folder):
    event = {"label": "Goal", "frame": 10, "score": 0.9}
    videos = [{"video": f"{GAME}/half1", "fps": 2.0, "events": [event]}]
    (folder / "list.json").write_text(json.dumps(videos))
    halves = publish(folder / "halves", [entry()])
    (halves / GAME / spotting_json.FILE).rename(halves / GAME / f"1_{spotting_json.FILE}")
    rows = f"video,label,frame,score,fps\n{GAME}/1,Goal,10,0.9,2\n"
    (folder / "rows.csv").write_text(rows)  # a half may have no rows
    samples = schema.read(folder / "samples.parquet", schema.SAMPLES)
    for name, skipped in (("list.json", [2]), ("halves", [2]), ("rows.csv", [])):
        settings = {"path": str(folder / name), "labels": small_study.LABELS}
        model = external.load(settings, None)
        answers = model.answer(Match(MATCH, samples))
        assert answers.filter(status="skipped")["half"].unique().to_list() == skipped
        assert (answers["status"] == "ok").any()
        assert [problem.half for problem in model.problems] == skipped

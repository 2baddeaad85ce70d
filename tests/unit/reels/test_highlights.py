"""The stage that makes a query's reel of one match, with every kind of bad input."""

import json
import shlex
from fractions import Fraction
from urllib.parse import unquote

import av
import opentimelineio as otio
import polars as pl
import pytest

import timecode
from project import stage
from reel_cases import LENGTH_S, LINES, SPOTS, parsed
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.data.samples import make_samples
from touchline.models.peaks import to_predictions
from touchline.reels import highlights
from touchline.study.job_arguments import flags
from video_cases import read_pictures, uneven


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Videos of both halves; half 2 starts at index 5000."""
    folder = tmp_path_factory.mktemp("films")
    times = timecode.steady(25, LENGTH_S)
    return {
        half: timecode.make(folder / f"{half}.mkv", times, first=5000 * (half - 1))
        for half in (1, 2)
    }


@pytest.fixture
def match(tmp_path, films):
    """Return the arguments of a match's reel, as the rule gives them."""
    segments = pl.DataFrame(LINES, schema.COMMENTARY, orient="row")
    samples = make_samples(segments, {1: LENGTH_S, 2: LENGTH_S}, ["goal", "corner"], 20.0, 0.0)
    columns = ["half", "action", "time_s", "confidence"]
    spots = pl.DataFrame(SPOTS, schema=columns, orient="row")
    schema.write(tmp_path / "samples.parquet", samples, schema.SAMPLES)
    schema.write(tmp_path / "answers.parquet", to_predictions(samples, spots), schema.PREDICTIONS)
    return {
        "query": parsed("the goals of the second half"),
        "match": "a-match",
        "model": "linear",
        "halves": {
            str(half): {"video": str(films[half]), "duration_s": LENGTH_S} for half in (1, 2)
        },
        "samples": tmp_path / "samples.parquet",
        "answers": tmp_path / "answers.parquet",
        "threshold": 0.5,
        "before_s": 4,
        "folder": tmp_path / "reel",
    }


def make(match, **changes) -> dict:
    """Make a reel and return its reel.json; a `query` is a text."""
    if "query" in changes:
        changes["query"] = parsed(changes["query"])
    arguments = match | changes
    highlights.main(shlex.split(flags(**arguments)))
    return json.loads((arguments["folder"] / "reel.json").read_text())


def filmed(match, **videos):
    """Return the halves with other videos."""
    changed = {half: match["halves"][half] | {"video": video} for half, video in videos.items()}
    return match["halves"] | changed


def test_the_reel_holds_exactly_the_goals_of_half_2(match, capsys):
    content = make(match)
    spans = [(10.0, 30.0), (31.48, 51.52)]
    assert [(clip["half"], clip["start_s"], clip["end_s"]) for clip in content["clips"]] == [
        (2, *span) for span in spans
    ]
    shown_s, shown = read_pictures(match["folder"] / "reel.mp4")
    expected = [
        5000 + index for first, last in ((250, 750), (787, 1288)) for index in range(first, last)
    ]
    assert shown == expected
    for clip in content["clips"]:
        place = shown_s.index(Fraction(str(clip["reel_start_s"])))
        assert shown[place] == 5000 + round(clip["start_s"] * 25)
    hit = content["clips"][0]["hits"][0]
    assert (hit["clock"], hit["confidence"]) == ("45:20", 0.8)
    assert hit["lines"] == ["45:18 What a <b>goal</b> that is!"]
    printed = capsys.readouterr().out
    assert printed.startswith("Understood: Goal; half 2.\n")
    assert "2 clips" in printed


def test_every_list_has_the_clips_that_were_cut(match):
    content = make(match, query="goals and corners")
    expected = [
        (round(clip["start_s"] * 25), round(clip["end_s"] * 25) - round(clip["start_s"] * 25))
        for clip in content["clips"]
    ]
    for name, more in (("reel.otio", {}), ("reel.edl", {"rate": 25})):
        timeline = otio.adapters.read_from_file(str(match["folder"] / name), **more)
        ranges = [clip.source_range for clip in timeline.find_clips()]
        assert [
            (span.start_time.to_frames(), span.duration.to_frames()) for span in ranges
        ] == expected
    assert sorted(path.name for path in match["folder"].iterdir()) == [
        "chapters.txt", "losslesscut-half1.csv", "losslesscut-half2.csv", "reel.edl", "reel.fcpxml", "reel.json",
        "reel.mp4", "reel.otio", "reel.vtt", "stills",
    ]  # fmt: skip


def test_no_hit_is_a_message_and_an_empty_list_and_no_video(match, capsys):
    content = make(match, query="corners of the first half")
    assert content["clips"] == []
    assert content["reel"] is None
    assert content["messages"] == ["No answer fits the query: the list is empty."]
    assert not (match["folder"] / "reel.mp4").exists()
    for name, more in (("reel.otio", {}), ("reel.edl", {"rate": 25})):
        timeline = otio.adapters.read_from_file(str(match["folder"] / name), **more)
        assert list(timeline.find_clips()) == []
    assert "the list is empty" in capsys.readouterr().out


def test_an_action_that_was_not_asked_for_is_said(match):
    content = make(match, query="fouls")
    assert content["clips"] == []
    assert content["messages"][0].startswith("No model was asked for foul: see samples.actions")


def test_the_thresholds_of_the_scoring_decide(match, tmp_path):
    (tmp_path / "t.csv").write_text("action,threshold\ngoal,0.7\ncorner,2.0\n")
    content = make(match, query="everything", threshold=None, thresholds=tmp_path / "t.csv")
    assert [clip["title"] for clip in content["clips"]] == ["Goal 00:20", "Goal 45:20"]


def test_a_match_without_video_gets_lists_alone(match):
    content = make(match, halves=filmed(match, **{"1": None, "2": None}))
    assert content["reel"] is None
    assert content["messages"] == ["Half 2 has no video: its clips are in the lists alone."]
    assert not (match["folder"] / "reel.mp4").exists()
    edl = otio.adapters.read_from_file(str(match["folder"] / "reel.edl"), rate=25)
    spans = [clip.source_range.start_time.to_seconds() for clip in edl.find_clips()]
    assert spans == [10, 31.52]  # in whole frames of 25 a second


def test_a_half_without_video_beside_one_with_it_is_left_out_of_the_reel(match):
    content = make(match, query="goals", halves=filmed(match, **{"1": None}))
    assert [clip["reel_start_s"] for clip in content["clips"]] == [None, 0.0, 20.0]
    assert "Half 1 has no video" in content["messages"][0]
    timeline = otio.adapters.read_from_file(str(match["folder"] / "reel.otio"))
    assert len(list(timeline.tracks[0].find_clips())) == 2


@pytest.mark.parametrize("text", ["no video any more", None])
def test_a_video_that_cannot_be_read_is_said(match, tmp_path, text):
    path = tmp_path / "broken.mkv"
    if text:
        path.write_text(text)
    content = make(match, halves=filmed(match, **{"2": str(path)}))
    assert content["reel"] is None
    assert f"{path}: it cannot be opened" in content["messages"][0]
    assert len(content["clips"]) == 2


def test_a_video_shorter_than_the_sheet_says_ends_the_clip(match, tmp_path):
    short = timecode.make(tmp_path / "short.mkv", timecode.steady(25, 24))
    content = make(match, halves=filmed(match, **{"2": str(short)}))
    assert [clip["end_s"] for clip in content["clips"]] == [24.0, 51.5]
    assert content["clips"][1]["reel_start_s"] is None
    assert content["messages"] == ["Goal 45:42: the video has no picture of it."]
    assert read_pictures(match["folder"] / "reel.mp4")[1] == list(range(250, 600))


def test_a_variable_rate_keeps_its_pictures_and_their_times(match, tmp_path):
    times = uneven(60)
    film = timecode.make(tmp_path / "uneven.mkv", times)
    content = make(match, halves=filmed(match, **{"2": str(film)}))
    shown_s, shown = read_pictures(match["folder"] / "reel.mp4")
    for clip in content["clips"]:
        place = shown_s.index(
            min(shown_s, key=lambda s, c=clip: abs(s - Fraction(c["reel_start_s"])))
        )
        assert abs(times[shown[place]] - Fraction(clip["start_s"])) < Fraction(1, 500)
    assert content["frames_per_second"] == 25


@pytest.mark.parametrize("name", ['it\'s "50%" %d.mkv', "-a;b|c.mkv", "[v]'=x,y:z.mkv"])
def test_a_file_name_with_quotes_and_percent_signs_is_a_name(match, tmp_path, films, name):
    path = tmp_path / name
    path.write_bytes(films[2].read_bytes())
    content = make(match, halves=filmed(match, **{"2": str(path)}))
    assert content["reel"] == "reel.mp4"
    folder = match["folder"]
    timeline = otio.adapters.read_from_file(str(folder / "reel.otio"))
    edl = otio.adapters.read_from_file(str(folder / "reel.edl"), rate=25)
    clips = [*timeline.find_clips(), *edl.find_clips()]
    assert len(list(edl.find_clips())) == 2
    for clip in clips:
        assert (folder / unquote(clip.media_reference.target_url)).resolve() == path


@pytest.mark.parametrize("query", ["{}", '{"text": "goals"}', '{"text": "x", "actions": 1}'])
def test_what_is_no_parsed_query_is_one_sentence_and_leaves_nothing(match, tmp_path, query):
    arguments = shlex.split(flags(**match | {"query": query}))
    with pytest.raises(InputError, match="not a parsed query"):
        highlights.main(arguments)
    assert not match["folder"].exists()
    done = stage("highlights", *arguments, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_query_that_is_no_object_is_refused_by_the_command_line(match, capsys):
    with pytest.raises(SystemExit) as end:
        highlights.main(shlex.split(flags(**match | {"query": "[]"})))
    assert end.value.code == 2
    assert "argument --query: '[]': [] is not of type 'object'" in capsys.readouterr().err
    assert not match["folder"].exists()


def test_the_time_before_is_a_number_or_one_for_each_action(match):
    def starts(before_s):
        return [clip["start_s"] for clip in make(match, before_s=before_s, after_s=0)["clips"]]

    assert starts(2) == [12.0, 33.48]  # with the picture that is on screen at 33.5 s
    assert starts({"goal": 3}) == [11.0, 32.48]
    assert starts({"default": 5}) == [9.0, 30.48]
    # As in config.yaml; both goals are in one clip.
    assert starts(None) == starts({"corner": 1}) == [0.0]


@pytest.mark.parametrize("text", ["x", "nan", "[1]", '{"goal": "x"}', '{"goal": Infinity}'])
def test_a_time_before_that_is_none_is_refused(match, capsys, text):
    with pytest.raises(SystemExit) as end:
        highlights.main([*shlex.split(flags(**match | {"before_s": None})), f"--before-s={text}"])
    assert end.value.code == 2
    assert "argument --before-s" in capsys.readouterr().err


@pytest.mark.parametrize("stream_copy", [True, False])
def test_every_video_is_opened_once(match, films, monkeypatch, stream_copy):
    opened = []
    open_file = av.open

    def record(file, *args, **kwargs):
        opened.append(file)
        return open_file(file, *args, **kwargs)

    monkeypatch.setattr(av, "open", record)
    content = make(match, query="goals", stream_copy=stream_copy)
    assert [clip["half"] for clip in content["clips"]] == [1, 2, 2]
    sources = sorted(f"file:{path}" for path in films.values())
    assert sorted(file for file in opened if file in sources) == sources


def test_a_copied_reel_lists_where_its_clips_really_start(match):
    content = make(match, stream_copy=True)
    for clip, planned_s in zip(content["clips"], (10.0, 31.5), strict=True):
        assert clip["start_s"] <= planned_s
    shown_s, shown = read_pictures(match["folder"] / "reel.mp4")
    assert shown[0] == 5000 + round(content["clips"][0]["start_s"] * 25)
    with av.open(str(match["folder"] / "reel.mp4")) as file:
        assert file.streams.video[0].codec_context.name == "h264"
    assert len(shown_s) == len(shown)

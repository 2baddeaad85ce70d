"""Halves of a user's own video: their own chunks, clock and commentary."""

import json
from fractions import Fraction
from itertools import chain

import pytest

import timecode
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.data.samples import make_samples
from touchline.data.transcripts import format_json
from touchline.own.halves import parse_halves, read_lines
from touchline.reels.highlights import HalfVideo
from touchline.video.chunks import chunk_half
from touchline.video.grid import ChunkSettings
from video_cases import read_pictures

FPS = 25


def test_a_half_is_chunked_from_its_own_start_to_its_end(tmp_path):
    film = timecode.make(tmp_path / "film.mkv", timecode.steady(FPS, 30))
    manifest = tmp_path / "2.parquet"
    settings = ChunkSettings(length_s=4.0, height=90)
    assert chunk_half(film, "m", 2, tmp_path / "2", manifest, settings, span_s=(10.5, 10.0)) == []
    table = schema.read(manifest, schema.CHUNKS)
    spans = [(0.0, 4.0), (4.0, 8.0), (8.0, 10.0)]
    assert table.select("start_s", "end_s").rows() == spans
    assert list(chain(*table["frame_s"])) == pytest.approx([k - 0.02 for k in range(10)])
    # Half 2 starts between two pictures: the one on screen is the one before, 262 of 262.5.
    shown = [read_pictures(tmp_path / file)[1] for file in table["file"]]
    assert shown == [[262, 287, 312, 337], [362, 387, 412, 437], [462, 487]]


def test_a_half_of_variable_frame_rate_shows_what_is_on_screen(tmp_path):
    times = [
        Fraction(t) for t in (0, 1, 2, 9, 10, 11, 12, 13, 20)
    ]  # a picture that stays from 2 to 9 s
    film = timecode.make(tmp_path / "film.mkv", times)
    manifest = tmp_path / "1.parquet"
    settings = ChunkSettings(length_s=8.0, height=90)
    assert chunk_half(film, "m", 1, tmp_path / "1", manifest, settings, span_s=(6.0, 8.0)) == []
    (chunk,) = schema.read(manifest, schema.CHUNKS).iter_rows(named=True)
    assert read_pictures(tmp_path / chunk["file"])[1] == [2, 2, 2, 3, 4, 5, 6, 7]
    assert chunk["frame_s"] == [-4, -4, -4, 3, 4, 5, 6, 7]


def test_commentary_of_a_whole_match_goes_to_its_halves_on_their_own_clock(tmp_path):
    path = tmp_path / "commentary.json"
    lines = {"0": [1, 2, "before"], "1": [15, 17, "kick-off"], "2": [69, 72, "restart"]}
    path.write_text(json.dumps({"segments": lines | {"3": [99, 101, "corner"]}}))
    halves = {1: HalfVideo(path, 50.0, 10.0), 2: HalfVideo(path, 60.0, 70.0)}
    table = read_lines({path: [path]}, "m", halves, are_parts=True)
    assert table.rows() == [
        (1, 5, 7, "kick-off"), (2, 0, 2, "restart"), (2, 29, 31, "corner"),
    ]  # fmt: skip
    samples = make_samples(table, {1: 50.0, 2: 60.0}, ["goal"], 60.0, 0.0)
    assert samples.select("half", "start_s", "end_s").rows() == [(1, 0, 50), (2, 0, 60)]
    assert [line["text"] for line in samples["lines"][1]] == ["restart", "corner"]


def test_each_videos_commentary_is_that_of_its_half(tmp_path):
    for number in (1, 2):
        segments = {"0": [5, 6, "early"], "1": [25, 26, f"half {number}"]}
        (tmp_path / f"{number}.json").write_text(json.dumps({"segments": segments}))
    videos = [tmp_path / "1.mkv", tmp_path / "2.mkv"]
    files = {videos[0]: [tmp_path / "1.json"], videos[1]: [tmp_path / "2.json"]}
    halves = {1: HalfVideo(videos[0], 30.0, 20.0), 2: HalfVideo(videos[1], 30.0, 10.0)}
    table = read_lines(files, "m", halves, are_parts=True)
    assert table.rows() == [(1, 5, 6, "half 1"), (2, 15, 16, "half 2")]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["0:00-1:00", "0:30-2:00"], "starts before the half before it ends"),
        (["0:00-0:10"] * 5, "there are 5. A match has 1 to 4"),
        (["0:00-0:10-0:20"], "write START-END"),
        (["3:00-4:00"], "the end of the video"),
    ],
)
def test_impossible_halves_are_refused(tmp_path, texts, message):
    with pytest.raises(InputError, match=message):
        parse_halves(texts, [tmp_path / "a.mkv"], [150.0])


def test_commentary_of_another_match_is_refused(tmp_path):
    path = tmp_path / "other.srt"
    path.write_text("1\n01:10:00,000 --> 01:10:02,000\nGoal!\n")
    halves = {1: HalfVideo(tmp_path / "a.mkv", 400.0, 10.0)}
    files = {tmp_path / "a.mkv": [path]}
    with pytest.raises(InputError, match=r"none of its 1 lines lie in a half of .*a\.mkv"):
        read_lines(files, "m", halves, are_parts=True, must_fit=True)
    assert read_lines(files, "m", halves, are_parts=True).is_empty()


def test_a_file_that_is_no_commentary_is_one_sentence_without_the_words_of_a_study(
    tmp_path, capsys
):
    path, video = tmp_path / "a.json", tmp_path / "a.mkv"
    path.write_text("{")
    with pytest.raises(InputError) as refused:
        read_lines({video: [path]}, "m", {1: HalfVideo(video, 40.0)}, must_fit=True)
    assert str(refused.value).startswith(f"{path}: is no commentary")
    assert not {"cell", "sheet", "set aside"} & set(str(refused.value).split())
    assert capsys.readouterr().err == ""


def test_a_silent_video_has_one_sentence_that_names_the_video(tmp_path, capsys):
    video, halves = tmp_path / "a.mkv", {1: HalfVideo(tmp_path / "a.mkv", 40.0)}
    silent = format_json([], {"note": "its sound is silent."})
    for number in (1, 2):
        (tmp_path / f"{number}.json").write_text(silent)
    parts = [tmp_path / "1.json", tmp_path / "2.json"]
    assert read_lines({video: parts}, "m", halves).is_empty()
    [line] = capsys.readouterr().err.splitlines()
    assert f"{video}: no commentary: its sound is silent." in line
    (tmp_path / "2.json").write_text(format_json([(1.0, 2.0, "Goal!")], {}))
    assert len(read_lines({video: parts}, "m", halves)) == 1
    assert capsys.readouterr().err == ""

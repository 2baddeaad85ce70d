"""Stills: the picture of each clip's moment, and what players show before they play."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image

import timecode
from reel_cases import LENGTH_S, VOCABULARY
from touchline.core import schema
from touchline.reels.clips import Clip
from touchline.reels.cutting.reel_cutter import HalfVideo
from touchline.reels.highlights import write_reel
from touchline.reels.hits import Hit
from touchline.reels.query import parse_query
from touchline.reels.reel_settings import ReelSettings

FPS = 5
LINES = pl.DataFrame(schema=schema.COMMENTARY)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Videos of both halves; half 2 starts at index 5000, and is higher than wide."""
    folder, times = tmp_path_factory.mktemp("films"), timecode.steady(FPS, LENGTH_S)
    return {
        1: timecode.make(folder / "1.mkv", times, size=(640, 360)),
        2: timecode.make(folder / "2.mkv", times, size=(180, 320), first=5000),
    }


def around(half: int, *moments: tuple[float, float]) -> Clip:
    """Return the clip of answers (moment, confidence) from 10 s before the first of them."""
    hits = tuple(Hit("goal", time_s - 6, time_s + 6, sure) for time_s, sure in moments)
    return Clip(half, moments[0][0] - 10, moments[-1][0] + 10, hits)


def write(folder, clips, halves, **settings) -> dict:
    query = parse_query("goals", VOCABULARY)
    header = {"match": "m", "title": "m", "model": "linear"}
    write_reel(folder, header, query, clips, [], halves, LINES, ReelSettings(**settings))
    return json.loads((folder / "reel.json").read_text())


def read(path) -> tuple[tuple[int, int], int]:
    """Return the size of a JPEG and the index that it shows."""
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        return picture.size, timecode.read_index(np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("stream_copy", [False, True])
def test_a_clip_has_the_picture_of_its_most_confident_moment(films, tmp_path, stream_copy):
    clips = [around(1, (20, 0.5), (24, 0.9)), around(2, (30, None))]
    halves = {half: HalfVideo(film, LENGTH_S) for half, film in films.items()}
    if stream_copy:  # which takes one size alone
        clips, halves = clips[:1], {1: halves[1]}
    content = write(tmp_path / "reel", clips, halves, stream_copy=stream_copy)
    stills = [clip["still"] for clip in content["clips"]]
    assert stills == [f"stills/clip-{number + 1}.jpg" for number in range(len(clips))]
    size, index = read(tmp_path / "reel" / stills[0])
    assert size == (320, 180)
    # The times of copied pictures are rounded, so that it may be the one before.
    assert index in (24 * FPS - stream_copy, 24 * FPS)
    if not stream_copy:  # the reel has the first clip's size, with black beside the picture
        with Image.open(tmp_path / "reel" / stills[1]) as picture:
            shown = np.asarray(picture.convert("RGB"))[:, 110:210]
        assert timecode.read_index(shown) == 5000 + 30 * FPS


def test_players_show_the_first_clip_and_each_half_before_they_play(films, tmp_path):
    halves = {
        1: HalfVideo(films[1], 40.0, start_s=15.0),
        2: HalfVideo(films[2], LENGTH_S),
        3: HalfVideo(None, LENGTH_S),
        4: HalfVideo(tmp_path / "missing.mkv", LENGTH_S),
    }
    content = write(tmp_path / "reel", [around(1, (20, 0.5))], halves)
    files = {name: f"stills/{name}.jpg" for name in ("half1", "half2", "reel")}
    assert content["posters"] == files
    assert read(tmp_path / "reel" / files["reel"]) == ((640, 360), 35 * FPS)
    assert read(tmp_path / "reel" / files["half1"]) == ((640, 360), 25 * FPS)
    # Upright, and not larger than it is.
    assert read(tmp_path / "reel" / files["half2"]) == ((180, 320), 5000 + 10 * FPS)


def test_a_half_that_began_before_its_video_has_a_picture_too(films, tmp_path):
    content = write(tmp_path / "reel", [], {1: HalfVideo(films[1], 90.0, start_s=-30.0)})
    assert read(tmp_path / "reel" / content["posters"]["half1"])[1] == 10 * FPS


def test_without_a_video_there_is_no_picture(tmp_path):
    content = write(tmp_path / "reel", [around(1, (20, 0.5))], {1: HalfVideo(None, LENGTH_S)})
    assert (content["posters"], content["clips"][0]["still"]) == ({}, None)
    assert not (tmp_path / "reel/stills").exists()


def test_times_are_those_of_the_video_also_where_it_cannot_be_cut(films, tmp_path):
    damaged = tmp_path / "damaged.mkv"
    damaged.write_text("no video")
    clips = [around(1, (20, 0.5))]
    cut = write(tmp_path / "cut", clips, {1: HalfVideo(films[1], 40.0, start_s=15.0)})
    listed = write(tmp_path / "listed", clips, {1: HalfVideo(damaged, 40.0, start_s=15.0)})
    spans = [
        (content["clips"][0]["start_s"], content["clips"][0]["end_s"]) for content in (cut, listed)
    ]
    assert spans == [(25.0, 45.0)] * 2
    assert "25.000000,45.000000" in (tmp_path / "listed/losslesscut-half1.csv").read_text()
    shutil.rmtree(tmp_path / "cut/stills")  # nothing else needs them

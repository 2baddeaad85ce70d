"""Fixture of the tests of video: a video of 20 s."""

import pytest

import timecode

GROUPS = {"g": "25", "sc_threshold": "0"}  # a key frame each second, and nowhere else


@pytest.fixture(scope="session")
def steady_video(tmp_path_factory):
    """20 s at 25 frames/s with a key frame each second."""
    path = tmp_path_factory.mktemp("video") / "steady.mkv"
    return timecode.make(path, timecode.steady(25, 20), options=GROUPS, grain=40)

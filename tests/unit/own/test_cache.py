"""The cache of what was read from a user's own videos."""

import pytest

from touchline.own.cache import Cache

MODULE = "touchline.core.iou"


def test_a_reading_is_made_once_for_the_same_bytes_settings_and_code(tmp_path):
    first, copy, other = (tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4"))
    first.write_bytes(b"one")
    copy.write_bytes(b"one")
    other.write_bytes(b"two")
    made = []

    def make(path):
        made.append(path)
        path.write_text(str(len(made)))

    def get(video, **settings):
        # A new process each time: nothing is remembered but the files.
        return Cache(tmp_path / "cache").get("score", ".txt", video, settings, MODULE, make)

    assert get(first).read_text() == get(copy).read_text() == "1"
    assert get(other).read_text() == "2"
    assert get(first, height=2).read_text() == "3"
    first.write_bytes(b"two")
    assert get(first).read_text() == "2"
    assert {path.parent.name for path in made} == {"score"}


def test_a_reading_that_failed_is_made_again(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"one")
    cache = Cache(tmp_path / "cache")

    def fail(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.get("score", ".txt", video, {}, MODULE, fail)
    path = cache.get("score", ".txt", video, {}, MODULE, lambda path: path.write_text("made"))
    assert path.read_text() == "made"

"""The cache of what was read from a user's own videos."""

import pytest

from project import PYTHON, run
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


RESERVE = "import sys; from touchline.own.cache import Cache; from touchline.core import cli; "
RESERVE += "from pathlib import Path; "
RESERVE += (
    "cli.run(lambda arguments: Cache(Path('cache')).reserve(Path(arguments[0])), sys.argv[1:])"
)


def test_a_folder_is_written_by_one_command_at_a_time(tmp_path):
    cache = Cache(tmp_path / "cache")
    cache.reserve(tmp_path / "reel")
    done = run(PYTHON, "-c", RESERVE, "reel", cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "error: reel: another command is writing into it" in done.stderr
    assert run(PYTHON, "-c", RESERVE, "other", cwd=tmp_path, check=False).returncode == 0
    del cache
    assert run(PYTHON, "-c", RESERVE, "reel", cwd=tmp_path, check=False).returncode == 0

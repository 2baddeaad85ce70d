"""The command `touchline chunks`: its outputs, a full disk, and an end by SIGKILL."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import timecode
import touchline
from chunk_cutting import folder_contents
from touchline.core import schema

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(touchline.__file__).parents[1])}


def command(path, folder, *more):
    """Return the command that cuts a video as half 1 of match m."""
    output = (f"--folder={folder}/1", f"--manifest={folder}/1.parquet")
    match = (f"--video={path}", "--match=m", "--half=1")
    return [sys.executable, "-m", "touchline", "chunks", *match, *output, *more]


def run(arguments, **kwargs):
    return subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, **kwargs)


def test_the_command_writes_chunks_and_manifest(steady_video, tmp_path):
    ended = run(
        command(steady_video, tmp_path, "--length-s=10", '--score-bug={"x":0,"y":0,"w":9,"h":9}')
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    table = schema.read(tmp_path / "1.parquet", schema.CHUNKS)
    assert table["file"].to_list() == ["1/000.mkv", "1/001.mkv"]
    assert table["bug_file"].to_list() == ["1/000.bug.mkv", "1/001.bug.mkv"]
    ended = run(command(tmp_path / "no.mkv", tmp_path, "--on-problem=stop"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: m, half 1: ")
    assert not (tmp_path / "1.parquet").exists()


@pytest.mark.parametrize("missing", [1, 500, 20_000])
def test_a_full_disk_leaves_no_part_of_a_chunk(steady_video, tmp_path, missing):
    arguments = ("--length-s=20", "--fps=5")
    assert run(command(steady_video, tmp_path / "all", *arguments)).returncode == 0
    complete = folder_contents(tmp_path / "all")
    limit = len(complete["1/000.mkv"]) - missing
    ended = run(
        command(steady_video, tmp_path / "full", *arguments),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert ended.returncode == 2
    assert "do not fit on the disk" in ended.stderr
    assert folder_contents(tmp_path / "full") == {}


def test_sigkill_leaves_complete_chunks_only_and_the_next_run_cleans_up(tmp_path):
    video = timecode.make(tmp_path / "a.mkv", timecode.steady(25, 30), size=(320, 180))
    more = ("--length-s=1", "--fps=25", "--height=360")
    killed, clean = tmp_path / "killed", tmp_path / "clean"
    process = subprocess.Popen(command(video, killed, *more), env=ENVIRONMENT)
    while not (killed / "1/002.mkv").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "1.parquet").exists()
    assert run(command(video, clean, *more)).returncode == 0
    complete = folder_contents(clean / "1")
    left = folder_contents(killed / "1")
    assert 3 <= sum(name in complete for name in left) < len(complete)
    assert all(content == complete[name] for name, content in left.items() if name in complete)
    assert run(command(video, killed, *more)).returncode == 0
    assert folder_contents(killed) == folder_contents(clean)

"""Snakemake's cache between workflows: a second study in another folder cuts nothing again."""

import os
import shutil
import subprocess
import sys

import pytest

import strange_videos
from project import ROOT
from touchline.video.chunk_store import ChunkStore

SHEET = "match,half,split,video,duration_s,labels,commentary\na,1,train,half.mkv,,,\n"
MANIFEST = "results/chunks/a/1.parquet"


def run(folder, *options):
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "workflow/Snakefile", "--cores", "1"]
    environment = os.environ | {"SNAKEMAKE_OUTPUT_CACHE": str(folder.parent / "cache")}
    ended = subprocess.run(
        [*command, "--directory", folder, *options, "--cache", "--", MANIFEST],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_second_study_on_the_same_video_cuts_nothing_again(tmp_path):
    (tmp_path / "cache").mkdir()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "matches.csv").write_text(SHEET)
    strange_videos.make_colours(tmp_path / "first/half.mkv")
    shutil.copyfile(tmp_path / "first/half.mkv", tmp_path / "second/half.mkv")  # a later time
    stored, taken = run(tmp_path / "first"), run(tmp_path / "second")
    assert "to cache" in stored
    assert "to cache" not in taken
    assert f"Symlinking output file {MANIFEST} from cache" in taken
    cut = tmp_path / "second/results/chunks/a/1/000.mkv"
    assert cut.resolve().is_relative_to(tmp_path / "cache")
    assert "Nothing to be done" in run(tmp_path / "second", "--dry-run")
    frames = [
        ChunkStore([tmp_path / name / MANIFEST]).read_frames(1, 0, ("broadcast",), None)[0]
        for name in ("first", "second")
    ]
    assert (frames[0]["broadcast"] == frames[1]["broadcast"]).all()

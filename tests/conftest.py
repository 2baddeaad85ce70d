"""Fixtures of several test files: a study of the demo's matches, without video, that was run to its end."""

import shutil

import pytest

from project import Study, lay_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Study:
    """A study that has been run to its end. Tests that change it undo that, or copy it."""
    study = lay_study(tmp_path_factory.mktemp("study"))
    study.snakemake()
    return study


@pytest.fixture
def study(finished, tmp_path) -> Study:
    """A private copy of the finished study, times and all."""
    shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study")

"""The conda environments hold the versions that everything was tested with."""

from pathlib import Path

import pytest
import yaml

from project import ROOT


def locked() -> set[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_lock_file_pins_versions_and_names_no_address():
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in locked())


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_environment_has_the_locked_versions(path: Path):
    packages = yaml.safe_load(path.read_text())["dependencies"][-1]["pip"]
    assert packages
    assert set(packages) <= locked()

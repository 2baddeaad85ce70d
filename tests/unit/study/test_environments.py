"""One lock for all Pythons; the conda environments have its versions."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def normalised(requirement: str) -> str:
    """Return a package and its version with the package's name as registries compare names."""
    name, _, version = requirement.partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def locked() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [normalised(line) for line in lines if line and not line.startswith("#")]


def test_the_lock_file_pins_versions_and_names_no_address():
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+]+", line) for line in locked())


def test_the_lock_file_has_every_package_of_the_core_and_of_the_extras():
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"]]
    wanted += [
        package for extra, packages in extras.items() if extra != "all" for package in packages
    ]
    names = {normalised(re.split(r"[<>=\[]", package)[0])[:-2] for package in wanted}
    assert len(names) > 30
    assert names <= {line.split("==")[0] for line in locked()}


def test_everything_is_the_core_and_all_extras():
    extras = PROJECT["project"]["optional-dependencies"]
    named = re.fullmatch(r"touchline\[(.*)\]", *extras["all"])
    assert named
    assert set(named[1].split(",")) == set(extras) - {"all", "test"}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_environment_has_the_locked_versions_and_the_newest_python(path: Path):
    python, *_, packages = yaml.safe_load(path.read_text())["dependencies"]
    assert packages["pip"]
    assert set(map(normalised, packages["pip"])) <= set(locked())
    supported = re.findall(r"^SUPPORTED := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert python == f"python={supported[0]}"


def test_the_library_brings_the_files_of_the_workflow_that_it_reads():
    """Links of the package lead to the checkout's files, so that an installed library has them."""
    project = ROOT / "workflow" / "touchline" / "project"
    for name in ("config.yaml", "envs", *(f"workflow/{name}" for name in (
        "Snakefile", "vocabulary.yaml", "schemas", "report", "rules"
    ))):  # fmt: skip
        assert (project / name).resolve() == ROOT / name, name


def test_the_container_recipe_installs_the_lock_on_a_supported_python():
    recipe = (ROOT / "Dockerfile").read_text()
    supported = re.search(r"^SUPPORTED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.search(r"^FROM python:(3\.\d+)", recipe, re.MULTILINE)[1] in supported[1].split()
    assert "--no-deps --requirement requirements.lock" in recipe

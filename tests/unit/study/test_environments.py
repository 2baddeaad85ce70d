"""One lock for all Pythons; the conda environments have its versions."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from project import ROOT
from touchline import commands
from touchline.models.catalogue import BACKENDS

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


def test_every_folder_of_code_is_a_package_that_is_installed():
    """A folder without `__init__.py` can be imported from a checkout, and is missing in a wheel."""
    library = ROOT / "workflow" / "touchline"
    code = [path for path in library.rglob("*.py") if "project" not in path.parts]
    assert len(code) > 200
    assert [path for path in code if not (path.parent / "__init__.py").is_file()] == []


def test_the_container_recipe_installs_the_lock_on_a_supported_python():
    recipe = (ROOT / "Dockerfile").read_text()
    supported = re.search(r"^SUPPORTED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.search(r"^FROM python:(3\.\d+)", recipe, re.MULTILINE)[1] in supported[1].split()
    assert "--no-deps --requirement requirements.lock" in recipe


# ------------------------------------------------------------------ what commands import


def environments_of_commands() -> dict[str, set[str]]:
    """Return the modules that run in each environment: those of the rules' commands, and of backends."""
    modules: dict[str, set[str]] = {}
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            environment = re.search(r'conda:\s+"../../envs/(\w+).yaml"', rule)
            command = re.search(r"touchline (\w+) \{", rule)
            if environment and command:
                modules.setdefault(environment[1], set()).add(commands.module_of(command[1]))
    for backend in BACKENDS.values():
        modules.setdefault(backend.environment, set()).update(
            {backend.module, backend.trainer, "touchline.models.fit", "touchline.models.infer"}
            - {""}
        )
    return modules


ENVIRONMENTS = environments_of_commands()
distributions_of_names = cache(metadata.packages_distributions)


@cache
def imports_of(module: str) -> list[str]:
    """Return what a project module imports when it is loaded; a name that is no module has none."""
    path = ROOT / "workflow" / Path(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names: list[str] = []
    for node in ast.parse(path.read_text()).body if path.is_file() else []:
        if isinstance(node, ast.Import):
            names += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
    return names


def packages_of(modules: Iterable[str]) -> set[str]:
    """Return the names of the packages that project modules need to be loaded, at any depth."""
    waiting, found = list(modules), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += imports_of(name) if name.startswith("touchline") else []
    return {name.split(".")[0] for name in found} - {"touchline"}


def requirements_of(package: str) -> list[str]:
    """Return what a package requires here; nothing where it is not installed."""
    try:
        return metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []


def installed_with(packages: Iterable[str]) -> set[str]:
    """Return these packages and all that they require here."""
    waiting, found = [normalised(package)[:-2] for package in packages], set()
    while waiting:
        package = waiting.pop()
        if package not in found:
            found.add(package)
            waiting += [
                normalised(one.name)[:-2]
                for one in map(Requirement, requirements_of(package))
                if one.marker is None or one.marker.evaluate({"extra": ""})
            ]
    return found


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
def test_an_environment_has_what_its_commands_import(environment):
    *_, packages = yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"]
    there = installed_with(package.split("==")[0] for package in packages["pip"])
    needed = packages_of(ENVIRONMENTS[environment])
    distributions = distributions_of_names()
    lacking = {
        name
        for name in needed - sys.stdlib_module_names
        if not {normalised(one)[:-2] for one in distributions[name]} & there
    }
    assert lacking == set()

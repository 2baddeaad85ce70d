"""An extra that is not installed is told in one sentence, which says what to install."""

import tomllib

import pytest

from project import ROOT
from touchline.core import errors
from touchline.core.errors import EXTRAS, explain, extra_of, missing_modules

# The module of each package of the extras whose name is not that of the package.
MODULES = {"snakemake-executor-plugin-slurm": "snakemake_executor_plugin_slurm"}


def test_a_module_of_an_extra_that_is_missing_is_told_with_what_to_install():
    with pytest.raises(ModuleNotFoundError) as caught:
        raise ModuleNotFoundError("No module named 'torch'", name="torch.nn")
    sentence = explain(caught.value)
    assert sentence is not None
    assert "torch" in sentence
    assert "'.[models]'" in sentence
    assert "\n" not in sentence


def test_a_module_of_no_extra_that_is_missing_is_a_bug():
    with pytest.raises(ModuleNotFoundError) as caught:
        import touchline.no_such_module  # noqa: F401  # type: ignore[import-not-found]
    assert explain(caught.value) is None


def test_every_named_module_is_of_a_package_of_its_extra_and_of_no_other():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"all", "test"}
    for extra, modules in EXTRAS.items():
        packages = " ".join(extras[extra]).replace("-", "_")
        assert all(module in packages for module in modules), extra
        assert all(extra_of(module) == extra for module in modules)


def test_a_folder_of_data_is_not_taken_for_a_package(monkeypatch, tmp_path):
    (tmp_path / "no_such_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(errors.EXTRAS, "soccernet", ("no_such_package",))
    assert missing_modules("soccernet") == ["no_such_package"]


def test_a_module_that_is_not_installed_is_found_without_importing_any(monkeypatch):
    monkeypatch.setitem(errors.EXTRAS, "models", ("json", "no_such_module"))
    assert missing_modules("models") == ["no_such_module"]

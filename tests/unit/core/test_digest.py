"""What counts as a change of code: on a small library that is made here, and on the real one."""

import json
import shutil
from pathlib import Path

import pytest

from code_changes import add_code, describe_otherwise, reword
from touchline.core import digest as digest_module
from touchline.core.digest import digest
from touchline.models.catalogue import BACKENDS
from touchline.models.fit import TRAINING_DATA

PACKAGE = Path(digest_module.__file__).parents[1]
# A library of three modules: a stage, what it imports, and what that imports.
MODULES = {
    "data/stage.py": '''
"""A stage."""

import argparse

from touchline.core import cli
from touchline.data.helpers import half


def main(argv):
    """Do it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--length-s", type=float, default=60.0, help="of a chunk")
    args = parser.parse_args(argv)
    if args.length_s <= 0:
        raise InputError(f"{args.length_s} s is no length. Give a longer one.")
    print("halving")
    return half(args.length_s)
''',
    "data/helpers.py": '''
from touchline.core.numbers import TWO


def half(number):
    """Return the half of a number."""
    return number / TWO
''',
    "core/numbers.py": "TWO = 2.0\n",
    "core/cli.py": "def run(main):\n    main()\n",
    "data/other.py": "OTHER = 1\n",
    "jobs/slurm.py": "MARGIN = 0.1\n",
}
STAGE = "touchline.data.stage"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Let digests read a library in a folder of the test's own."""
    folder = tmp_path / "touchline"
    monkeypatch.setattr(digest_module, "_ROOT", folder)
    digest_module._parsed.cache_clear()
    yield folder
    digest_module._parsed.cache_clear()


@pytest.fixture
def write(root):
    """Return a function that writes a module of the small library."""

    def module(name: str, text: str) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest_module._parsed.cache_clear()

    for name, text in MODULES.items():
        module(name, text)
    return module


def replaced(name: str, old: str, new: str) -> str:
    assert old in MODULES[name]
    return MODULES[name].replace(old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data/stage.py", '"""A stage."""', '"""Other words."""'),
        ("data/stage.py", '    """Do it."""\n', ""),
        ("data/stage.py", "def main(argv):", "# why\n\ndef main(\n    argv,\n):"),
        ("data/stage.py", "is no length. Give a longer one.", "is too short."),
        ("data/stage.py", "of a chunk", "of each chunk, in seconds"),
        ("data/stage.py", '"halving"', '"taking the half"'),
        ("core/cli.py", "main()", "main() or 1"),
        ("jobs/slurm.py", "0.1", "0.2"),
        ("data/other.py", "1", "2"),
    ],
)
def test_words_layout_bystanders_and_other_modules_do_not_count(write, name, old, new):
    before = digest(STAGE)
    write(name, replaced(name, old, new))
    assert digest(STAGE) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data/stage.py", "default=60.0", "default=61.0"),
        ("data/stage.py", "<= 0", "< 0"),
        ("data/stage.py", "InputError", "ValueError"),
        ("data/stage.py", '"--length-s"', '"--length"'),
        ("data/helpers.py", "number / TWO", "number // TWO"),  # imported
        ("core/numbers.py", "2.0", "2"),  # imported by what is imported
    ],
)
def test_a_changed_constant_or_expression_counts_at_any_depth(write, name, old, new):
    before = digest(STAGE)
    write(name, replaced(name, old, new))
    assert digest(STAGE) != before


def test_a_module_imported_inside_a_function_counts(write):
    inside = "def half(number):\n    from touchline.data import other\n    return other.OTHER\n"
    write("data/helpers.py", inside)
    before = digest(STAGE)
    write("data/other.py", "OTHER = 2\n")
    assert digest(STAGE) != before


def test_a_digest_of_several_modules_takes_all_and_no_order(write):
    assert digest(STAGE, "touchline.data.other") == digest("touchline.data.other", STAGE)
    assert digest(STAGE, "touchline.data.other") != digest(STAGE)


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"no module touchline\.data\.sample"):
        digest("touchline.data.sample")


# ------------------------------------------------------------------ what is kept for other processes


def forget() -> None:
    """Let the next digest begin as in another process."""
    for remembered in (digest_module._parsed, digest_module._kept, digest_module._cache_file):
        remembered.cache_clear()


@pytest.fixture
def kept(write, tmp_path, monkeypatch):
    """Return the file that digests are kept in, in a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    digest(STAGE)
    yield digest_module._cache_file()
    forget()


def test_another_process_parses_only_what_was_changed(kept, write, monkeypatch):
    before = digest(STAGE)
    forget()
    parsed = []
    parse = digest_module.ast.parse

    def noted(source: bytes, filename: str):
        parsed.append(Path(filename).name)
        return parse(source, filename)

    monkeypatch.setattr(digest_module.ast, "parse", noted)
    assert digest(STAGE) == before
    assert parsed == []
    write("core/numbers.py", "TWO = 2\n")
    forget()
    assert digest(STAGE) != before
    assert parsed == ["numbers.py"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 3}', '{"a": [1]}', '{"a": null}', "\0", "[" * 100_000]
)
def test_a_damaged_file_is_written_again(kept, text):
    before, whole = digest(STAGE), kept.read_text()
    kept.write_text(text)
    forget()
    assert digest(STAGE) == before
    assert kept.read_text() == whole


@pytest.mark.parametrize("value", ["ab", ["c", []], ["\ud800", []], [1, [2]], ["0" * 64, [""]]])
def test_what_is_no_hash_with_names_of_modules_is_worked_out_again(kept, value):
    before = digest(STAGE)
    kept.write_text(json.dumps(dict.fromkeys(json.loads(kept.read_text()), value)))
    forget()
    assert digest(STAGE) == before


@pytest.mark.parametrize("folder", ["file", "~"])  # the second one where nobody has a home
def test_without_a_folder_to_write_into_nothing_is_kept(kept, monkeypatch, tmp_path, folder):
    before = digest(STAGE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    there = sorted(tmp_path.iterdir())
    place = tmp_path / "file" if folder == "file" else Path(folder)
    monkeypatch.setattr(digest_module, "user_cache_path", lambda *_, **__: place)
    forget()
    assert digest(STAGE) == before
    assert sorted(tmp_path.iterdir()) == there


# ------------------------------------------------------------------ the real library

PARTS = sorted(
    {module for one in BACKENDS.values() for module in (one.module, one.trainer) if module}
)


@pytest.fixture
def change(root):
    """Return a function that changes a module of a copy of the library in a given way."""
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))

    def module(name: str, way) -> None:
        way(root / Path(*name.split(".")[1:]).with_suffix(".py"))
        digest_module._parsed.cache_clear()

    return module


@pytest.mark.parametrize("name", PARTS)
def test_a_backend_counts_for_its_own_models_only_and_answering_not_for_training(change, name):
    infer, parts = digest("touchline.models.infer"), {part: digest(part) for part in PARTS}
    change(name, add_code)
    assert digest("touchline.models.infer") == infer
    # `linear` is trained on the features that its answering computes.
    also = {f"{name}_fit"} if name == "touchline.models.words.linear" else set()
    assert {part for part in PARTS if digest(part) != parts[part]} == {name} | also


@pytest.mark.parametrize(
    "module", ["models.catalogue", "models.fit", "core.cli", "jobs.slurm", "jobs.attempts",
               "jobs.training_lock", "jobs.checkpoints", "jobs.study_lock"],
)  # fmt: skip
def test_what_cannot_change_weights_counts_for_no_training(change, module):
    before = [digest(TRAINING_DATA, part) for part in PARTS]
    change(f"touchline.{module}", add_code)
    assert [digest(TRAINING_DATA, part) for part in PARTS] == before


@pytest.mark.parametrize("way", [describe_otherwise, reword])
@pytest.mark.parametrize(
    "module", ["data.labels", "models.words.linear_fit", "models.lm.loader", "evaluation.metrics"]
)
def test_other_words_count_for_nothing(change, module, way):
    before = digest(f"touchline.{module}")
    change(f"touchline.{module}", way)
    assert digest(f"touchline.{module}") == before

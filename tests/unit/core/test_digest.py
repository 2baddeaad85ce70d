"""What makes a stage run again, and how it is told its settings."""

import argparse
import json
import shlex
import shutil
from pathlib import Path

import pytest

from touchline.core import digest as digest_module
from touchline.core.digest import digest
from touchline.core.files import checksum
from touchline.models.catalogue import BACKENDS
from touchline.models.fit import TRAINING_DATA
from touchline.study.job_arguments import flags

PACKAGE = Path(digest_module.__file__).parents[1]


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """Return a function that edits a copy of the package, which the digest then reads.

    It replaces the text `old`, or adds `new` at the end of the file where there is none.
    """
    copy = tmp_path / "touchline"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest_module, "_ROOT", copy)
    digest_module._parsed.cache_clear()

    def replace(file: str, old: str | None, new: str) -> None:
        path = copy / file
        text = path.read_text(encoding="utf-8")
        assert old is None or old in text
        path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
        digest_module._parsed.cache_clear()

    yield replace
    digest_module._parsed.cache_clear()


def _module_docstring(file: str) -> str:
    return (PACKAGE / file).read_text(encoding="utf-8").split('"""')[1]


def test_comments_docstrings_and_layout_do_not_count(edit):
    before = digest("touchline.data.samples")
    edit(
        "core/intervals.py", "INTERVAL_S = 12.0", "# why\n\nINTERVAL_S = (\n    12.0  # seconds\n)"
    )
    edit("data/samples.py", _module_docstring("data/samples.py"), "Other words.")
    edit(
        "data/samples.py",
        "def main(argv: list[str]) -> None:",
        "\ndef main(\n    argv: list[str],\n) -> None:",
    )
    edit("data/samples.py", "Write the samples of one match.", "Write them.")
    assert digest("touchline.data.samples") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("data/samples.py", "default=60.0", "default=61.0"),
        ("data/samples.py", 'pl.col("line_start") < pl.col', 'pl.col("line_start") <= pl.col'),
        ("core/intervals.py", "INTERVAL_S = 12.0", "INTERVAL_S = 12"),  # imported by samples
        ("core/problems.py", '"match set aside"', '"set aside"'),  # imported by schema
        ("core/files.py", "0o666", "0o600"),  # imported by schema, which samples imports
    ],
)
def test_a_changed_constant_or_expression_counts_at_any_depth(edit, file, old, new):
    before = digest("touchline.data.samples")
    edit(file, old, new)
    assert digest("touchline.data.samples") != before


@pytest.mark.parametrize(
    "file", ["data/labels.py", "evaluation/metrics.py", "core/digest.py", "models/words/linear.py"]
)
def test_a_module_that_samples_does_not_import_does_not_count(edit, file):
    before = digest("touchline.data.samples")
    edit(file, None, "CHANGED = 1\n")
    assert digest("touchline.data.samples") == before


def test_a_module_imported_inside_a_function_counts(edit):
    edit(
        "data/samples.py",
        '    """Write the samples',
        '    from touchline.core import clock\n    """Write the samples',
    )
    before = digest("touchline.data.samples")
    edit("core/clock.py", "60", "61")
    assert digest("touchline.data.samples") != before


PARTS = sorted(
    {module for one in BACKENDS.values() for module in (one.module, one.trainer) if module}
)


@pytest.mark.parametrize("name", PARTS)
def test_a_backend_counts_for_its_own_models_only_and_answering_not_for_training(edit, name):
    infer, own = digest("touchline.models.infer"), {part: digest(part) for part in PARTS}
    edit("/".join(name.split(".")[1:]) + ".py", None, "CHANGED = 1\n")
    assert digest("touchline.models.infer") == infer
    assert {part for part in PARTS if digest(part) != own[part]} == {name}


def test_a_new_backend_is_no_other_code_of_those_that_are_there(edit):
    own = [digest(TRAINING_DATA, part) for part in PARTS]
    edit(
        "models/catalogue.py",
        '    "linear"',
        '    "new": Entry("touchline.models.new"),\n    "linear"',
    )
    assert [digest(TRAINING_DATA, part) for part in PARTS] == own


def test_a_digest_of_several_modules_takes_all_and_no_order():
    assert digest("touchline.data.labels", "touchline.data.samples") == digest(
        "touchline.data.samples", "touchline.data.labels"
    )
    assert digest("touchline.data.labels", "touchline.data.samples") != digest(
        "touchline.data.labels"
    )


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"no module touchline\.sample"):
        digest("touchline.sample")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"length_s": 60, "alpha": 1e-6}, "--alpha 1e-06 --length-s 60"),
        ({"b": 2, "a": 1}, "--a 1 --b 2"),
        ({"loops": True}, "--loops"),
        ({"loops": False}, "--no-loops"),
        ({"file": None}, ""),
        ({"zero": 0, "empty": ""}, "--empty '' --zero 0"),
        ({"actions": ["foul", "goal"]}, "--actions foul goal"),
        ({"match": "a b; rm -r $HOME 'c'"}, """--match 'a b; rm -r $HOME '"'"'c'"'"''"""),
        ({"durations": {2: 1.5, 1: 2.0}}, """--durations '{"1": 2.0, "2": 1.5}'"""),
    ],
)
def test_settings_become_sorted_quoted_arguments(settings, text):
    assert flags(**settings) == text


def test_arguments_come_back_as_the_settings_that_went_in():
    settings = {
        "labels": {"Yellow->red card": "it's $HOME", "é": [1, None]},
        "files": ["a b.json", "c'd.json"],
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=json.loads)
    parser.add_argument("--files", nargs="+")
    assert vars(parser.parse_args(shlex.split(flags(**settings)))) == settings


def test_two_swapped_settings_are_told_apart():
    assert flags(a=1, b=2) != flags(a=2, b=1)


def test_a_checksum_is_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert checksum(tmp_path / "a").startswith("ba7816bf8f01cfea")

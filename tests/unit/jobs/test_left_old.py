"""Outputs of an earlier run whose inputs an unfinished run has lost."""

from types import SimpleNamespace

import pytest

from touchline.core.problems import InputError
from touchline.jobs import left_old


def job(inputs, outputs):
    return SimpleNamespace(input=inputs.split(), output=outputs.split())


JOBS = [job("sheet", "answers"), job("answers", "scores"), job("scores labels", "table page")]


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    """A study that was finished, and a run that is to make everything after the sheet again."""
    monkeypatch.chdir(tmp_path)
    for name in ("sheet", "labels", "answers", "scores", "table", "page"):
        (tmp_path / name).write_text("old")
    left_old.record(JOBS)
    return tmp_path


def test_nothing_is_old_while_no_output_has_gone(study):
    assert left_old.find() == set()
    left_old.forget()
    assert not left_old.RECORD.exists()


def test_all_that_was_made_from_a_lost_output_is_old(study):
    (study / "answers").unlink()
    assert left_old.find() == {"scores", "table", "page"}


def test_what_was_made_since_is_not_old(study):
    (study / "answers").unlink()
    (study / "scores").unlink()
    (study / "scores").write_text("new")
    assert left_old.find() == set()  # Snakemake sees that the table is older than the scores


def test_what_another_run_did_not_make_stays_recorded(study):
    """A run with other targets may be in between."""
    (study / "answers").unlink()
    left_old.record([])
    left_old.forget()
    assert left_old.find() == {"scores", "table", "page"}


def test_outputs_that_were_not_there_are_not_recorded(study):
    left_old.RECORD.unlink()
    (study / "answers").unlink()
    left_old.record([job("sheet", "answers"), job("answers", "none")])
    assert not left_old.RECORD.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": ["b", []]}'])
def test_a_damaged_record_is_a_sentence(study, text):
    left_old.RECORD.write_text(text)
    with pytest.raises(InputError, match=r"touchline_to_make\.json: damaged"):
        left_old.find()

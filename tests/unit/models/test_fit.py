"""The training stage: its folder is complete or absent, whatever ends the training."""

import os
import signal
import subprocess
import sys

import pytest

from touchline.core.problems import InputError
from touchline.models import fit
from touchline.models.words import linear_fit

pytestmark = pytest.mark.usefixtures("small_hash")


FIT = ["--backend", "linear", "--settings", '{"epochs": 2}', "--folder", "models/linear",
       "--matches", "match0", "match1", "match2", "match3"]  # fmt: skip


def test_matches_that_were_set_aside_are_not_trained_on(tables):
    fit.main(FIT)
    folder = tables / "models" / "linear"
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["attempts.json", "model.json", "model.safetensors", "trained_on.json"]
    fit.main([*FIT[:5], "models/two", "--matches", "match0", "match1"])
    for name in ("model.json", "model.safetensors"):
        assert (folder / name).read_bytes() == (tables / "models" / "two" / name).read_bytes()
    assert [path.name for path in (tables / "models").glob(".*")] == []


def test_when_every_match_was_set_aside_nothing_is_trained(tables):
    with pytest.raises(InputError, match="nothing to train on"):
        fit.main([*FIT[:7], "match2", "match3"])
    assert not (tables / "models" / "linear").exists()


def test_an_error_in_training_leaves_no_folder_and_the_next_run_makes_it(tables, monkeypatch):
    fit.main(FIT)
    with monkeypatch.context() as patch:
        patch.setattr(linear_fit, "write_text", lambda *_: 1 / 0)  # the weights are already written
        with pytest.raises(ZeroDivisionError):
            fit.main(FIT)
    assert not (tables / "models" / "linear").exists()
    fit.main(FIT)
    assert len(list((tables / "models" / "linear").iterdir())) == 4


KILLED = """
import os, signal
from touchline.models import fit
from touchline.models.words import linear, linear_fit
linear.HASH_SIZE = 2**12
linear_fit.write_text = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
fit.main({arguments!r})
"""


def test_a_killed_training_leaves_no_folder(tables):
    code = KILLED.format(arguments=FIT)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=dict(os.environ))
    assert ended.returncode == -signal.SIGKILL
    assert (tables / "models" / ".linear.partial" / "model.safetensors").exists()
    assert not (tables / "models" / "linear").exists()
    fit.main(FIT)
    assert [path.name for path in (tables / "models").iterdir()] == ["linear"]

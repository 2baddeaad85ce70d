"""Each test of API models runs in a folder of its own, with a key and quick retries."""

import pytest

import questions
from questions import KEY
from touchline.models.api import ask


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Return the test's folder, which is the working directory and gets the journals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOUCHLINE_TEST_KEY", KEY)
    monkeypatch.setattr(ask, "FIRST_BACKOFF_S", 0.01)
    return tmp_path


@pytest.fixture(params=questions.KINDS)
def kind(request, monkeypatch) -> str:
    """Run a test with both kinds of questions, which share all that comes after them."""
    monkeypatch.setitem(questions.DEFAULTS, "questions", request.param)
    return request.param

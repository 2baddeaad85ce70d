"""The scored study that tests of this package share."""

import pytest

import small_study


@pytest.fixture(scope="session")
def two_models(made_once):
    """The folder of `small_study.lay_two_models`: every table of two models; not to be changed."""
    return made_once("two-models", small_study.lay_two_models)

"""Tiny base models and chunk videos of the tests of language models; not to be changed."""

from pathlib import Path

import pytest

from chunks import film, tiny_base


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_base(folder, "qwen2_vl")
    return folder


@pytest.fixture(scope="session")
def mistral(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mistral")
    tiny_base(folder, "mistral")
    return folder


@pytest.fixture(scope="session")
def manifests(tmp_path_factory) -> list[Path]:
    """Return the manifest of two chunks of seven frames at one per second; a third was set aside."""
    return [film(tmp_path_factory.mktemp("chunks"), chunks=3, set_aside=2)]

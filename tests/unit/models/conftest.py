"""The tables of a study, and a small linear model that was trained."""

import pytest

from planted import make_match
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, Problem
from touchline.models.words import linear, linear_fit


@pytest.fixture
def small_hash(monkeypatch):
    """Keep weights small: the code-made commentary has few words."""
    monkeypatch.setattr(linear, "HASH_SIZE", 2**12)


@pytest.fixture(scope="session")
def trained_linear(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear, "HASH_SIZE", 2**12)
        linear_fit.fit(map(make_match, range(5)), {}, folder, folder / "checkpoints")
    return folder


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A working directory with the tables of two sound matches and two that were set aside."""
    monkeypatch.chdir(tmp_path)
    for seed in range(4):
        match = make_match(seed)
        problems = [Problem(match.name, "labels", "broken.", "Mend.", MATCH_SET_ASIDE)]
        samples = match.samples.clear() if seed == 3 else match.samples  # commentary set aside
        schema.write(f"results/samples/{match.name}.parquet", samples, schema.SAMPLES)
        labels = f"results/labels/{match.name}.parquet"
        schema.write(labels, match.labels, schema.LABELS, problems if seed == 2 else [])
    return tmp_path

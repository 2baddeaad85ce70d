"""The inference stage."""

import pytest

from planted import KEY
from touchline.core import schema
from touchline.models import infer

pytestmark = pytest.mark.usefixtures("small_hash")


@pytest.mark.parametrize("backend", ["constant", "linear"])
@pytest.mark.parametrize("match", ["match1", "match3"])
def test_infer_writes_one_row_per_sample_in_their_order(tables, trained_linear, backend, match):
    folder = ["--folder", str(trained_linear)] if backend == "linear" else []
    samples = f"results/samples/{match}.parquet"
    named = ["--match", "a", "--samples", samples]
    infer.main(["--backend", backend, *folder, *named, "--out", "out.parquet"])
    answers = schema.read("out.parquet", schema.PREDICTIONS)
    assert answers.select(KEY).equals(schema.read(samples, schema.SAMPLES).select(KEY))
    assert len(answers) == (60 if match == "match1" else 0)

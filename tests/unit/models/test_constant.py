"""The constant baseline."""

import polars as pl

from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.evaluation.matching import answer_intervals
from touchline.models import constant
from touchline.models.backend import Match


def test_constant_answers_the_middle_of_each_chunks_own_span():
    samples = make_samples(
        pl.DataFrame(schema=schema.COMMENTARY), {1: 128.0, 2: 90.0}, ["goal"], 60.0, 0.0
    )
    answers = constant.load({}, None).answer(Match("a", samples))
    spans = answer_intervals(answers.with_columns(match=pl.lit("a")))
    assert spans.select("half", "chunk", "start_s", "end_s").rows() == [
        (1, 0, 24.0, 36.0), (1, 1, 84.0, 96.0), (1, 2, 120.0, 128.0),
        (2, 0, 24.0, 36.0), (2, 1, 69.0, 81.0),
    ]  # fmt: skip
    shorter = constant.load({"length_s": 2}, None).answer(Match("a", samples))
    assert shorter["intervals"][2].to_list()[0] == {"start_s": 123, "end_s": 125, "confidence": 1}

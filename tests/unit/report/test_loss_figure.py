"""The figure of the loss shows every trained model's steps and their running mean."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.report import loss_figure
from touchline.report.plot_style import COLOURS


def log(steps: int, end: float = 0.3, seed: int = 0) -> pl.DataFrame:
    """Return the log of a training whose loss falls with noise; step 3 had nothing to read."""
    noise = np.random.default_rng(seed).normal(0, 0.15, steps)
    step = np.arange(1, steps + 1)
    falling = (end + 3 * np.exp(-8 * step / steps)) * np.exp(noise)
    empty = dict.fromkeys(schema.LOG, 0.0) | {"step": step, "loss": falling}
    frame = pl.DataFrame(empty).cast(dict(schema.LOG))
    return frame.with_columns(loss=pl.when(pl.col("step") != 3).then("loss"))


@pytest.fixture
def results(tmp_path) -> Path:
    for model, frame in {"qwen2-vl": log(3400), "mistral": log(900, 0.5, 1)}.items():
        schema.write(tmp_path / f"{model}/log.parquet", frame, schema.LOG)
    return tmp_path


def main(results: Path, *more: str) -> str:
    out = results / "loss.svg"
    loss_figure.main([*more, "--logs", str(results / "{model}/log.parquet"), "--out", str(out)])
    return out.read_text()


def test_every_model_has_a_faint_and_a_bold_line_in_its_own_colour(results):
    models = ["constant", "linear", "mistral", "qwen2-vl"]
    arguments = ["--trained", *models[2:], "--models", *models, "--baselines", "constant"]
    picture = main(results, *arguments)
    assert picture == main(results, *arguments)  # the same bytes
    lines = re.findall(r'<path [^>]*stroke="(#\w+)" stroke-width="([\d.]+)"', picture)
    thin = [colour for colour, width in lines if width == "1" and colour in COLOURS]
    bold = [colour for colour, width in lines if width == "2.2"]
    # The third and fourth of the study: linear has the first colour, a baseline has none of these.
    assert thin == bold == [COLOURS[1], COLOURS[2]]
    assert all(f">{model}</text>" in picture for model in models[2:])
    assert ">linear</text>" not in picture


def test_the_mean_is_over_a_twentieth_of_the_steps_and_few_are_drawn():
    curve = loss_figure.curve(log(2001))
    assert len(curve) == 500
    assert curve["step"].to_list()[:2] == [1, 6]  # every fourth of those that have a loss
    steps = log(2001).drop_nulls("loss")
    place = steps["step"].index_of(curve["step"][250])
    around = steps["loss"][place - 50 : place + 50]
    assert curve["mean"][250] == pytest.approx(around.mean())
    short = loss_figure.curve(log(5))
    assert short["step"].to_list() == [1, 2, 4, 5]
    assert short["mean"].equals(short["loss"], check_names=False)


def test_a_training_without_any_loss_draws_nothing(results):
    empty = log(1).with_columns(loss=pl.lit(None, pl.Float64))
    schema.write(results / "none/log.parquet", empty, schema.LOG)
    assert "<svg" in main(results, "--trained", "none", "mistral")


def test_a_log_that_is_not_one_is_said(results):
    (results / "mistral/log.parquet").write_text("no table")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        main(results, "--trained", "mistral")

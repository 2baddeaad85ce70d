"""A small study with its report: a model, a constant baseline, and hostile text wherever text is input."""

import json
from pathlib import Path

import polars as pl

import small_study
from project import stage
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, Problem
from touchline.report import report

MATCHES = list("abcdefghij")
HOSTILE = "<script>document.title = 'run'</script> & <b>bold</b> ü"
LOSS = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4" onload="x()"><rect width="4"/></svg>'


def baseline_spots(samples: pl.DataFrame) -> pl.DataFrame:
    """Return the middle of every chunk."""
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    return samples.select("half", "action", time_s=middle, confidence=1.0)


def draw_figures(**settings) -> None:
    """Draw the figures in a process of their own: numbers in an SVG's names count up within one."""
    stage("figures", *small_study.arguments(**settings), cwd=settings["folder"].parent)


def lay_report_study(folder: Path) -> None:
    """Write the study's results, figures and report into a folder."""
    labels = {match: small_study.events(seed) for seed, match in enumerate(MATCHES)}
    small_study.lay(folder, labels, text=HOSTILE)
    samples = schema.read(folder / "results/samples/a.parquet", schema.SAMPLES)
    spots = {
        match: small_study.random_spots(seed, labels[match]) for seed, match in enumerate(MATCHES)
    }
    small_study.answer(folder, "linear", spots, threshold=0.4)
    small_study.answer(folder, "baseline", dict.fromkeys(MATCHES, baseline_spots(samples)))
    small_study.finish(folder, ["baseline", "linear"], MATCHES)
    results = folder / "results"
    problem = Problem(HOSTILE, "labels", HOSTILE, HOSTILE, MATCH_SET_ASIDE)
    pl.DataFrame([problem.__dict__]).write_csv(results / "problems.csv")
    (results / "models/linear").mkdir(parents=True)
    attempt = {"job": "7", "run": None, "node": "here", "began": "2026-01-01T00:00:00", "from_step": 0, "to_step": 8,
               "saved_step": 8, "ended": None, "why": HOSTILE}  # fmt: skip
    (results / "models/linear/attempts.json").write_text(json.dumps([attempt]))
    models = {"models": ["baseline", "linear"], "baselines": ["baseline"], "results": results}
    draw_figures(**models, folder=results / "figures")
    (results / "figures/loss.svg").write_text(LOSS)
    report.main(
        small_study.arguments(
            **models, split="test", confidence_level=0.95, out=results / "report.html"
        )
    )

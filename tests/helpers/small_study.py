"""The tables of a small study, made by code: matches of two halves, their events, and answers."""

import shlex
from pathlib import Path

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.evaluation import average_map, metrics, score, tables
from touchline.models.peaks import to_predictions
from touchline.study.job_arguments import flags

LABELS = {"Goal": "goal", "Foul": "foul", "Direct free-kick": "free_kick", "Corner": "corner"}
LABELS |= {"Indirect free-kick": "free_kick"}
ACTIONS = ["goal", "foul", "free_kick"]
HALF_S = 600.0
MATCHES = ["a", "b", "c"]


def events(seed: int, count: int = 40) -> pl.DataFrame:
    """Return random events at whole milliseconds, some of them not shown."""
    random = np.random.default_rng(seed)
    labels = [str(label) for label in random.choice(list(LABELS), count)]
    return pl.DataFrame(
        {
            "half": random.integers(1, 3, count),
            "time_s": random.integers(0, int(HALF_S * 1000), count) / 1000,
            "action": [LABELS[label] for label in labels],
            "label": labels,
            "team": "home",
            "visibility": [str(value) for value in random.choice(["visible", "not shown"], count)],
        }
    ).sort("half", "time_s")


def lay(folder: Path, matches: dict[str, pl.DataFrame], text: str = "And on we go.") -> None:
    """Write samples and labels of these matches; every second minute has a line of commentary."""
    lines = [(half, m * 60.0, m * 60.0 + 9, text) for half in (1, 2) for m in range(0, 10, 2)]
    segments = pl.DataFrame(lines, schema.COMMENTARY, orient="row")
    samples = make_samples(segments, {1: HALF_S, 2: HALF_S}, ACTIONS, 60.0, 0.0)
    for match, labels in matches.items():
        schema.write(folder / f"results/samples/{match}.parquet", samples, schema.SAMPLES)
        schema.write(folder / f"results/labels/{match}.parquet", labels, schema.LABELS)


def answer(folder: Path, model: str, spots: dict[str, pl.DataFrame], threshold: float = 0) -> None:
    """Write a model's answers (half, time_s, action, confidence of each match) and score them."""
    for match, table in spots.items():
        samples = schema.read(folder / f"results/samples/{match}.parquet", schema.SAMPLES)
        answers = to_predictions(samples, table)
        path = folder / f"results/predictions/{model}/{match}.parquet"
        schema.write(path, answers, schema.PREDICTIONS)
    mark(folder, model, list(spots), threshold)


def mark(folder: Path, model: str, matches: list[str], threshold: float = 0) -> None:
    """Score the answers that are there."""
    results = folder / "results"
    score.main(
        arguments(
            matches=matches,
            threshold=threshold,
            samples=f"{results}/samples/{{match}}.parquet",
            labels=f"{results}/labels/{{match}}.parquet",
            predictions=f"{results}/predictions/{model}/{{match}}.parquet",
            out=f"{results}/scores/{model}.parquet",
            answers=f"{results}/scores/{model}.answers.parquet",
            tally=f"{results}/scores/{model}.tally.parquet",
            thresholds=f"{results}/scores/{model}.thresholds.csv",
        )
    )


def judge(folder: Path, model: str, games: dict[str, str]) -> pl.DataFrame:
    """Have the evaluator judge a model's answers and return its table."""
    out = folder / f"results/scores/{model}.average_map.csv"
    average_map.main(
        arguments(
            scores=folder / f"results/scores/{model}.parquet",
            answers=folder / f"results/scores/{model}.answers.parquet",
            labels=folder / "results/labels/{match}.parquet",
            actions=LABELS,
            games=games,
            folder=folder / "spotting" / model,
            out=out,
        )
    )
    return pl.read_csv(out)


def finish(folder: Path, models: list[str], matches: list[str]) -> None:
    """Make every table of models that were scored."""
    results = folder / "results"
    settings = {"models": models, "resamples": 50, "seed": 0, "confidence_level": 0.95}
    for model in models:
        judge(folder, model, {match: match for match in matches})
    metrics.main(
        arguments(
            **settings,
            scores=f"{results}/scores/{{model}}.parquet",
            tallies=f"{results}/scores/{{model}}.tally.parquet",
            answers=results / "answers.csv",
            out=results / "metrics.csv",
            problems=results / "problems.csv",
        )
    )
    tables.main(arguments(**settings, results=results))


def arguments(**settings) -> list[str]:
    """Return settings as a command line, as the rules do."""
    return shlex.split(flags(**settings))


def random_spots(seed: int, labels: pl.DataFrame) -> pl.DataFrame:
    """Return spots: some near events, some anywhere, with random confidences."""
    random = np.random.default_rng(seed)
    events_of_actions = labels.filter(pl.col("action").is_in(ACTIONS)).select(
        "half", "time_s", "action"
    )
    near = events_of_actions.with_columns(
        pl.col("time_s") + pl.Series(random.normal(0, 4, len(events_of_actions)))
    )
    anywhere = pl.DataFrame(
        {
            "half": random.integers(1, 3, 20),
            "time_s": random.uniform(0, HALF_S, 20),
            "action": [str(action) for action in random.choice(ACTIONS, 20)],
        }
    )
    spots = pl.concat([near, anywhere]).with_columns(pl.col("time_s").clip(0, HALF_S - 1))
    return spots.with_columns(confidence=pl.Series(random.uniform(0, 1, len(spots))))


def lay_two_models(folder: Path) -> None:
    """Write the answers of the models `linear` and `other` to `MATCHES`, and every table of them."""
    labels = {match: events(seed) for seed, match in enumerate(MATCHES)}
    lay(folder, labels)
    for number, model in enumerate(("linear", "other")):
        spots = {
            match: random_spots(10 * number + seed, labels[match])
            for seed, match in enumerate(MATCHES)
        }
        answer(folder, model, spots, threshold=0.3)
    finish(folder, ["linear", "other"], MATCHES)
